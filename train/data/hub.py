"""Whether the Hugging Face hub can be reached, and whether it has a data set: asked once, known at once."""

import select
import socket
import threading
import time
from contextlib import ExitStack
from functools import cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import huggingface_hub.constants
from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

_REACHED_WITHIN = 1.0
"""Seconds for a name's address and a connection together."""

_ANSWERS_WITHIN = 5.0
"""Seconds, of a hub that was reached."""


class _NoAnswerError(Exception):
    """The hub is not there."""


def hub_answers(name: str) -> bool:
    """Ask the hub for a data set, once in a process if it answers, and return whether it does.

    Args:
        name: `owner/name`, or `owner/name:config`.

    Raises:
        FileNotFoundError: If it has no such data set, or shows it to others alone.
    """
    try:
        _ask(name.partition(":")[0])
    except _NoAnswerError:
        return False
    return True


@cache
def _ask(repository: str) -> None:
    if not can_be_reached(huggingface_hub.constants.ENDPOINT):
        raise _NoAnswerError
    try:
        HfApi().dataset_info(repository, timeout=_ANSWERS_WITHIN)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise FileNotFoundError(
            f"content '{repository}' is neither a folder or file here nor a data set on the Hugging Face "
            "hub, or one that is not shown to you"
        ) from error
    except Exception as error:  # each version has other errors of the network
        raise _NoAnswerError from error


def can_be_reached(url: str) -> bool:
    """Return whether a server, or the proxy on the way to it, takes a connection within a second.

    Systems look names up without a limit that could be set, so that is left to a thread of its own.
    """
    reached = threading.Event()
    until = time.monotonic() + _REACHED_WITHIN
    attempt = threading.Thread(target=_connect, args=(*_first_stop(url), until, reached), daemon=True)
    attempt.start()
    attempt.join(_REACHED_WITHIN)
    return reached.is_set()


def _first_stop(url: str) -> tuple[str, int]:
    """Return name and port of what a request for a URL is sent to."""
    server = urlsplit(url)
    proxies = {} if proxy_bypass(server.hostname or "") else getproxies()
    proxy = proxies.get(server.scheme) or proxies.get("all")
    if proxy:
        server = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return server.hostname or "", server.port or {"http": 80, "https": 443}.get(server.scheme, 1080)


def _connect(host: str, port: int, until: float, reached: threading.Event) -> None:
    """Set `reached` if one of a name's addresses takes a connection; all of them are tried at once."""
    with ExitStack() as stack:
        waiting: list[socket.socket] = []
        try:
            for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                connection = stack.enter_context(socket.socket(family, kind, protocol))
                connection.setblocking(False)
                connection.connect_ex(address)
                waiting.append(connection)
        except OSError:  # no such name, or no such kind of address here
            pass
        while waiting and (left := until - time.monotonic()) > 0:
            for connection in select.select([], waiting, [], left)[1]:
                waiting.remove(connection)
                if not connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    reached.set()
                    return
