"""What is answered to a request: the page, pictures, figures, changes."""

import json
import logging
import socket
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from typing import Any, Protocol, cast

from allaprima.infer.live.shared_state.controls import Controls
from allaprima.infer.live.shared_state.painted_frame import Displayed
from allaprima.json_text import parse_json

from .address import Address, refusal
from .viewers import Encoded, TooManyViewersError, Viewers

_log = logging.getLogger(__name__)

_LONGEST_BODY = 1000
_REQUEST_WITHIN, _PICTURE_WITHIN = 10.0, 2.0
"""Seconds that a client may take for a request, and for a picture."""
_SEND_BUFFER = 128 * 1024
"""Bytes; what waits in the system's buffer is no longer new."""

_FILES = {"/": ("page.html", "text/html"), "/page.css": ("page.css", "text/css")} | {
    "/page.js": ("page.js", "text/javascript")
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; connect-src 'self'; script-src 'self'; style-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_BOUNDARY = "allaprima-picture"
# Browsers show a picture when they have the head of the next one, so that follows at once.
_NEXT_PICTURE = f"\r\n--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()


class PageServer(Protocol):
    """What a handler needs of its server."""

    address: Address
    controls: Controls
    displayed: Displayed
    viewers: Viewers
    latest: Encoded | None

    def status(self) -> dict[str, Any]:
        """Return the figures of the moment."""
        ...


class PageHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = _REQUEST_WITHIN
    server_version, sys_version = "allaprima", ""

    @property
    def _server(self) -> PageServer:
        return cast(PageServer, self.server)

    def do_GET(self) -> None:
        """Answer with the page, a part of it, the pictures or the figures."""
        path = self.path.partition("?")[0]
        if self._refused(changes=False):
            return
        if path in _FILES:
            name, kind = _FILES[path]
            self._answer(
                200,
                files("allaprima.infer.live.server").joinpath(name).read_bytes(),
                f"{kind}; charset=utf-8",
            )
        elif path == "/status":
            self._answer_json(200, self._server.status())
        elif path == "/stream":
            self._stream()
        else:
            self._answer_json(404, {"error": "there is /, /stream, /status and, with POST, /control"})

    def do_POST(self) -> None:
        """Change what `/control` was asked for."""
        if self._refused(changes=True):
            return
        if self.path != "/control":
            self._answer_json(404, {"error": "changes go to /control"})
            return
        try:
            self._change(self._body())
        except ValueError as error:
            self._answer_json(400, {"error": str(error)})
        else:
            self._answer_json(200, self._server.status())

    def log_message(self, format: str, *args: Any) -> None:
        """Log a request where details are asked for."""
        _log.debug(format, *args)

    def _refused(self, *, changes: bool) -> bool:
        because = refusal(self.headers, self._server.address.host, changes=changes)
        if because:
            self._answer_json(403, {"error": because})
        return because is not None

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or len(length) > 6 or int(length) > _LONGEST_BODY:
            raise ValueError(f"expected a body of 1 to {_LONGEST_BODY} bytes")
        return parse_json(self.rfile.read(int(length)), _LONGEST_BODY)

    def _change(self, wanted: Any) -> None:
        controls = self._server.controls
        strength = wanted.get("strength") if isinstance(wanted, dict) else None
        style = wanted.get("style") if isinstance(wanted, dict) else None
        number = isinstance(strength, int | float) and not isinstance(strength, bool)
        if (style is None and not number) or not isinstance(style, str | None):
            raise ValueError('expected {"style": NAME} or {"strength": 0 to 1}')
        if strength is not None and number:
            controls.set_strength(strength)
        if style is not None:
            controls.choose(style)

    def _stream(self) -> None:
        """Send pictures until the client goes, or is too slow."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        self.connection.settimeout(_PICTURE_WITHIN)
        try:
            with self._server.viewers.joined(self._server.latest) as pictures:
                self._start(200, {"Content-Type": f"multipart/x-mixed-replace; boundary={_BOUNDARY}"})
                self.wfile.write(_NEXT_PICTURE)
                while (encoded := pictures.take()) is not None:
                    self.wfile.write(encoded.jpeg + _NEXT_PICTURE)
                    self._server.displayed(encoded.frame)
        except TooManyViewersError:
            self._answer_json(503, {"error": "as many watch as may"})
        except TimeoutError:
            self._server.viewers.slow += 1
            _log.info("a client that was too slow has been dropped")

    def _answer_json(self, code: int, value: Mapping[str, Any]) -> None:
        self._answer(code, json.dumps(value).encode(), "application/json")

    def _answer(self, code: int, content: bytes, kind: str) -> None:
        self._start(code, {"Content-Type": kind, "Content-Length": str(len(content))})
        self.wfile.write(content)

    def _start(self, code: int, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        for name, value in {**_HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
