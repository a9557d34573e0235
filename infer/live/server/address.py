"""Where the server listens, and which requests it takes."""

import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine reach it."""
        return self.host == "localhost" or (_is_ip(self.host) and ipaddress.ip_address(self.host).is_loopback)

    @property
    def family(self) -> socket.AddressFamily:
        """Of IPv4 or IPv6."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET


def parse_address(text: str) -> Address:
    """Return what `mjpeg://127.0.0.1:8080` names; without a host it is this machine alone.

    Raises:
        ValueError: If it is none.
    """
    wrong = ValueError(
        f"output '{text}' is no address to listen at; expected for example mjpeg://127.0.0.1:8080"
    )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong from None
    if port is None or parts.path.strip("/") or parts.query or parts.username is not None:
        raise wrong
    return Address(parts.hostname or _LOOPBACK, port)


def refusal(headers: Mapping[str, str] | Message, listening: str, *, changes: bool) -> str | None:
    """Return why a request is not taken, or None if it may be.

    A page of another site can make a browser send requests here. Its name, even if it leads to this
    machine's address, is no name of this machine; and browsers say where requests come from.

    Args:
        headers: Of the request.
        listening: Host that the server was told to listen at.
        changes: Whether it asks for a change.
    """
    host = headers.get("Host", "")
    name = _hostname(host)
    if not (_is_ip(name) or name in ("localhost", listening, socket.gethostname().lower())):
        return f"this is not {host or 'any host'}"
    origin = headers.get("Origin")
    if origin is not None and origin != f"http://{host}":
        return "another site's page may not ask for this"
    if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return "another site's page may not show this"
    if changes and headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
        return "changes are asked for with Content-Type: application/json"
    return None


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
