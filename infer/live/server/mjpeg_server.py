"""Live pictures over HTTP, to a bounded number of clients."""

import io
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer
from typing import Any

from PIL import Image

from allaprima.infer.live.shared_state.controls import Controls
from allaprima.infer.live.shared_state.painted_frame import Displayed, PaintedFrame

from .address import Address
from .handler import PageHandler
from .viewers import Encoded, Viewers

_log = logging.getLogger(__name__)

_MOST_CONNECTIONS = 32
_JPEG_QUALITY = 85


class MjpegServer(ThreadingHTTPServer):
    """Shows pictures on a page, and takes changes from it.

    Args:
        address: Where it listens; of port 0 the system chooses one.
        controls: What can be changed.
        status: Returns the figures of the moment.
        displayed: Called for each picture that a client was sent.

    Raises:
        OSError: If it cannot listen there.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = _MOST_CONNECTIONS

    def __init__(
        self,
        address: Address,
        controls: Controls,
        status: Callable[[], Mapping[str, Any]],
        displayed: Displayed,
    ) -> None:
        self.address_family = address.family
        self.controls, self.displayed = controls, displayed
        self.viewers = Viewers()
        self.latest: Encoded | None = None
        self._status = status
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        try:
            super().__init__((address.host, address.port), PageHandler)
        except (OSError, OverflowError) as error:
            because = getattr(error, "strerror", None) or str(error)
            raise OSError(
                f"cannot listen at {address.host}:{address.port}: {because.lower()}; choose another"
            ) from error
        self.address = Address(address.host, self.server_address[1])
        if not address.is_loopback:
            _log.warning("whoever reaches %s sees the pictures and can change the style", self.url)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        host = f"[{self.address.host}]" if ":" in self.address.host else self.address.host
        return f"http://{host}:{self.address.port}/"

    def status(self) -> dict[str, Any]:
        """Return the figures of the moment."""
        return {**self._status(), "viewers": self.viewers.count, "slow_viewers": self.viewers.slow}

    def show(self, frame: PaintedFrame) -> None:
        """Hand all who watch a picture; it is only encoded if somebody does, or could begin with it."""
        if self.viewers.count or self.latest is None or frame.still:
            data = io.BytesIO()
            Image.fromarray(frame.picture).save(data, "JPEG", quality=_JPEG_QUALITY)
            self.latest = Encoded(frame, data.getvalue())
            self.viewers.show(self.latest)

    def close(self) -> None:
        """Send all who watch away and stop to listen."""
        self.viewers.close()
        self.shutdown()
        self.server_close()
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, if there are not too many already."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that went in the middle."""
        _log.debug("a client failed", exc_info=True)

    def server_bind(self) -> None:
        """Bind without asking a name server for this machine's name, which may take seconds."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
