"""A connection to a Ray cluster, or what is wrong with its address within seconds."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SECONDS = 5
"""Until somebody has to answer."""


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """Yield Ray, connected; it is left at the end, and ended where it was started here.

    Args:
        address: Such as `10.0.0.1:6379`, `ray://10.0.0.1:10001` or `auto`; None starts a cluster of this
            machine alone, unless the environment (`RAY_ADDRESS`) names one.

    Raises:
        OSError: If nobody answers there.
        ValueError: If it is no address.
    """
    import ray

    if address is not None and address != "auto":
        _require_answer(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=None)
    except (ConnectionError, RuntimeError) as error:
        raise OSError(f"no Ray cluster answers at '{address}': {error}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Ray would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"address is '{address}'; expected host:port, such as 10.0.0.1:6379, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise OSError(
            f"no Ray cluster answers at '{address}': {error}; start one with ray start --head"
        ) from error
