"""The MJPEG server: its pictures, its bounds, and what it refuses."""

import http.client
import io
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from PIL import Image

from allaprima.infer.live.server.address import Address, parse_address, refusal
from allaprima.infer.live.server.mjpeg_server import MjpegServer
from allaprima.infer.live.server.viewers import MOST_VIEWERS
from allaprima.infer.live.shared_state.controls import Controls
from allaprima.infer.live.shared_state.metrics import Metrics
from allaprima.infer.live.shared_state.painted_frame import PaintedFrame
from tests.images.video.conftest import picture
from tests.infer.live.conftest import until


@pytest.fixture
def controls() -> Controls:
    return Controls(["night", "waves"], 1.0)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def server(controls: Controls, metrics: Metrics) -> Iterator[MjpegServer]:
    address = Address("127.0.0.1", 0)
    running = MjpegServer(address, controls, lambda: {"style": controls.style}, metrics.note_displayed)
    yield running
    running.close()


def ask(
    server: MjpegServer, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.address.port, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    is_json = answer.headers["Content-Type"] == "application/json"
    return answer.status, json.loads(content) if is_json else content.decode()


def change(server: MjpegServer, wanted: Any, **headers: str) -> tuple[int, Any]:
    return ask(
        server, "POST", "/control", json.dumps(wanted), **{"Content-Type": "application/json"} | headers
    )


def watch(server: MjpegServer) -> tuple[socket.socket, Any]:
    """Return a connection to the stream, and its content."""
    client = socket.create_connection(("127.0.0.1", server.address.port), timeout=60)
    client.sendall(b"GET /stream HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
    content = client.makefile("rb")
    head = b"".join(iter(content.readline, b"\r\n"))
    assert b" 200 " in head, head
    assert (content.readline(), content.readline()) == (b"\r\n", b"--allaprima-picture\r\n")
    return client, content


def next_picture(content: Any) -> Any:
    assert content.readline() == b"Content-Type: image/jpeg\r\n"
    assert content.readline() == b"\r\n"
    lines = iter(content.readline, b"--allaprima-picture\r\n")
    return np.asarray(Image.open(io.BytesIO(b"".join(lines).removesuffix(b"\r\n"))))


def test_pictures_come_as_they_are_painted(server: MjpegServer, metrics: Metrics) -> None:
    server.show(PaintedFrame(picture(0), perf_counter()))
    client, content = watch(server)
    assert abs(next_picture(content).astype(int) - picture(0)).mean() < 6
    server.show(PaintedFrame(picture(9), perf_counter()))
    assert abs(next_picture(content).astype(int) - picture(9)).mean() < 6
    until(metrics.latency)
    assert server.status() == {"style": "night", "viewers": 1, "slow_viewers": 0}
    client.close()


def test_viewers_are_bounded(server: MjpegServer) -> None:
    clients = [watch(server)[0] for _ in range(MOST_VIEWERS)]
    assert ask(server, "GET", "/stream") == (503, {"error": "as many watch as may"})
    for client in clients:
        client.close()
    server.show(PaintedFrame(picture(0), perf_counter()))
    server.show(PaintedFrame(picture(1), perf_counter()))

    def gone() -> bool:
        server.show(PaintedFrame(picture(2), perf_counter()))
        return server.viewers.count == 0

    until(gone)
    watch(server)[0].close()


def test_a_client_that_takes_nothing_is_dropped_and_holds_up_nobody(server: MjpegServer) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    slow, _ = watch(server)
    quick, content = watch(server)
    for _ in range(40):
        server.show(PaintedFrame(noise, perf_counter()))
        assert next_picture(content).shape == noise.shape
        if server.viewers.slow:
            break
    until(lambda: server.viewers.slow == 1)
    assert server.viewers.count == 1
    slow.close()
    quick.close()


def test_connections_that_ask_for_nothing_are_bounded(server: MjpegServer) -> None:
    idle = [socket.create_connection(("127.0.0.1", server.address.port), timeout=60) for _ in range(32)]
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(server, "GET", "/status")
    for client in idle:
        client.close()

    def answered() -> bool:
        with suppress(OSError, http.client.HTTPException):
            return ask(server, "GET", "/status")[0] == 200
        return False

    until(answered)


def test_style_and_strength_are_changed(server: MjpegServer, controls: Controls) -> None:
    assert change(server, {"style": "waves"})[0] == 200
    assert change(server, {"strength": 0.25})[0] == 200
    assert (controls.style, controls.strength) == ("waves", 0.25)
    own = {"Host": "localhost:1", "Origin": "http://localhost:1", "Sec-Fetch-Site": "same-origin"}
    assert change(server, {"style": "night", "strength": 1}, **own)[0] == 200
    assert (controls.style, controls.strength) == ("night", 1)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"style": "wave"}, "unknown style 'wave'; there are night, waves (did you mean waves?)"),
        ({"strength": 2}, "strength is 2; expected 0 to 1"),
        ({"strength": True}, 'expected {"style": NAME} or {"strength": 0 to 1}'),
        ({"style": 1, "strength": 0.5}, 'expected {"style": NAME}'),
        ([], 'expected {"style": NAME}'),
        ("x" * 2000, "expected a body of 1 to 1000 bytes"),
    ],
)
def test_changes_that_make_no_sense(
    server: MjpegServer, controls: Controls, wanted: Any, message: str
) -> None:
    code, answer = change(server, wanted)
    assert code == 400
    assert message in answer["error"]
    assert (controls.style, controls.strength) == ("night", 1)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:80"},
        {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Host": "127.0.0.1", "Origin": "http://evil.example"},
        {"Host": "127.0.0.1", "Origin": "null"},
        {"Host": "127.0.0.1", "Sec-Fetch-Site": "cross-site"},
        {"Host": "127.0.0.1", "Sec-Fetch-Site": "same-site"},
        {"Host": "127.0.0.1", "Content-Type": "text/plain"},
    ],
)
def test_pages_of_other_sites_change_nothing(
    server: MjpegServer, controls: Controls, headers: dict[str, str]
) -> None:
    assert change(server, {"style": "waves"}, **headers)[0] == 403
    assert controls.style == "night"
    if "Content-Type" not in headers:
        for path in ("/", "/stream", "/status"):
            assert ask(server, "GET", path, **headers)[0] == 403


def test_a_request_without_a_host_is_refused() -> None:
    assert refusal(Message(), "127.0.0.1", changes=False) == "this is not any host"
    assert refusal({"Host": "[::1]:80"}, "::1", changes=False) is None
    assert refusal({"Host": "studio.local:80"}, "studio.local", changes=False) is None


def test_the_page_may_load_nothing_from_elsewhere(server: MjpegServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.address.port, timeout=60)
    connection.request("GET", "/")
    answer = connection.getresponse()
    page = answer.read().decode()
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "http" not in page
    connection.close()
    assert ask(server, "GET", "/page.js")[0] == ask(server, "GET", "/page.css")[0] == 200
    assert ask(server, "GET", "/page.html")[0] == ask(server, "GET", "/../handler.py")[0] == 404
    assert ask(server, "DELETE", "/")[0] == 501


def test_addresses() -> None:
    assert parse_address("mjpeg://127.0.0.1:8080") == Address("127.0.0.1", 8080)
    assert parse_address("mjpeg://:8080/") == Address("127.0.0.1", 8080)
    assert parse_address("mjpeg://[::1]:80").is_loopback
    assert not parse_address("mjpeg://0.0.0.0:80").is_loopback
    for text in (
        "mjpeg://127.0.0.1",
        "mjpeg://a:b@c:80",
        "mjpeg://a:99999",
        "mjpeg://a:80/x",
        "mjpeg://8080",
    ):
        with pytest.raises(ValueError, match="is no address to listen at"):
            parse_address(text)


def test_a_port_that_is_taken(server: MjpegServer, controls: Controls) -> None:
    with pytest.raises(OSError, match="address already in use; choose another"):
        MjpegServer(server.address, controls, dict, lambda shown: None)
    with pytest.raises(OSError, match=r"cannot listen at 203\.0\.113\.1:0"):
        MjpegServer(Address("203.0.113.1", 0), controls, dict, lambda shown: None)


def test_others_are_only_let_in_with_a_warning(controls: Controls, caplog: pytest.LogCaptureFixture) -> None:
    open_to_all = MjpegServer(Address("0.0.0.0", 0), controls, dict, lambda shown: None)
    open_to_all.close()
    assert "sees the pictures and can change the style" in caplog.text
