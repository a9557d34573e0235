"""The page of the MJPEG server in a real browser, and a page of another site beside it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from allaprima.infer.live.server.address import Address
from allaprima.infer.live.server.mjpeg_server import MjpegServer
from allaprima.infer.live.shared_state.controls import Controls
from allaprima.infer.live.shared_state.painted_frame import PaintedFrame
from tests.images.video.conftest import picture
from tests.infer.live.conftest import until
from tests.infer.live.server.chromium import Chromium

STATUS = {
    "rate": 23.96,
    "latency_ms": {"median": 61, "p95": 88},
    "received": 100,
    "dropped": 7,
    "painted_at": "448x256",
    "shown_at": "512x288",
    "lost": "",
}
MIDDLE = """(() => {
    const picture = document.getElementById("picture");
    const canvas = new OffscreenCanvas(picture.naturalWidth || 1, picture.naturalHeight || 1);
    const context = canvas.getContext("2d");
    if (picture.naturalWidth) context.drawImage(picture, 0, 0);
    return [...context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data.slice(0, 3)];
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    running = Chromium(tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


def until_near(browser: Chromium, colour: NDArray[np.int_]) -> bool:
    """Wait until the picture has a colour in its middle."""
    return bool(until(lambda: abs(colour - browser.evaluate(MIDDLE)).max() < 16))


class Running:
    """A server whose figures can be changed."""

    def __init__(self) -> None:
        self.controls = Controls(["night", "waves"], 1.0)
        self.status: dict[str, Any] = dict(STATUS)
        self.server = MjpegServer(Address("127.0.0.1", 0), self.controls, self.figures, lambda shown: None)

    def figures(self) -> dict[str, Any]:
        controls = self.controls
        own = {"styles": controls.styles, "style": controls.style, "strength": controls.strength}
        return {**own, **self.status}

    def show(self, index: int) -> None:
        self.server.show(PaintedFrame(picture(index), perf_counter()))


@pytest.fixture
def running() -> Iterator[Running]:
    started = Running()
    yield started
    started.server.close()


def test_the_page_shows_the_picture_and_the_figures(browser: Chromium, running: Running) -> None:
    running.show(0)
    browser.open(running.server.url)
    browser.wait_for("document.getElementById('picture')?.naturalWidth === 64")
    for index in (0, 12):
        running.show(index)
        expected = picture(index)[24, 32].astype(int)
        assert until_near(browser, expected)
    text = browser.wait_for(
        "document.getElementById('figures').textContent.includes('pictures') && "
        "document.getElementById('figures').textContent"
    )
    for part in ("24.0 pictures a second", "latency 61 ms, 95 % below 88 ms", "7 of 100", "448x256"):
        assert part in text


def test_styles_and_strength_are_chosen_on_the_page(browser: Chromium, running: Running) -> None:
    running.show(0)
    browser.open(running.server.url)
    pressed = "document.querySelector('button[aria-pressed=true]')?.textContent"
    assert browser.wait_for(pressed) == "night"
    browser.click("button:nth-child(2)")
    until(lambda: running.controls.style == "waves")
    browser.wait_for(f"{pressed} === 'waves'")
    browser.click("#strength")  # in its middle
    until(lambda: running.controls.strength == 0.5)
    browser.wait_for("document.getElementById('percent').textContent === '50 %'")


def test_the_page_says_when_there_is_no_picture(browser: Chromium, running: Running) -> None:
    running.show(0)
    browser.open(running.server.url)
    browser.wait_for("document.getElementById('lost')?.hidden && !!document.querySelector('button')")
    running.status["lost"] = "connection refused"
    browser.wait_for("document.getElementById('lost').textContent.includes('connection refused')")
    running.status["lost"] = ""
    browser.wait_for("document.getElementById('lost').hidden")


class _Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def test_a_page_of_another_site_sees_and_changes_nothing(
    browser: Chromium, running: Running, tmp_path: Path
) -> None:
    running.show(0)
    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere)
    threading.Thread(target=elsewhere.serve_forever, args=(0.05,), daemon=True).start()
    browser.open(f"http://localhost:{elsewhere.server_address[1]}/")
    browser.wait_for("document.title === 'elsewhere'")
    url = running.server.url
    for mode, kind in (("cors", "application/json"), ("no-cors", "text/plain")):
        answer = browser.evaluate(
            f"fetch('{url}control', {{method: 'POST', mode: '{mode}', headers: {{'Content-Type': '{kind}'}}, "
            "body: '{\"style\": \"waves\"}'}).then(() => 'answered', () => 'refused')"
        )
        assert answer == "refused"
    embedded = browser.evaluate(
        f"new Promise((done) => {{ const image = new Image(); image.src = '{url}stream'; "
        "image.onload = () => done('seen'); image.onerror = () => done('refused'); })"
    )
    assert embedded == "refused"
    assert running.controls.style == "night"
    elsewhere.shutdown()
    elsewhere.server_close()
