"""Sources on loopback, an engine that needs no network, and the program as others start it."""

import io
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import ROOT
from tests.images.video.conftest import Making, make_clip, picture

HEIGHT, WIDTH = 48, 64


def until(holds: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until something holds, and return it."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def as_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=95)
    return data.getvalue()


class MjpegSource(ThreadingHTTPServer):
    """A camera on the network: the same pictures again and again, until it is told to fail."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, pictures: Sequence[NDArray[np.uint8]], rate: float = 25) -> None:
        self.jpegs = [as_jpeg(pixels) for pixels in pictures]
        self.rate = rate
        self.failing = threading.Event()
        self.served = 0
        super().__init__(("127.0.0.1", 0), _Camera)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/video"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients go when they like."""


class _Camera(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        source = self.server
        assert isinstance(source, MjpegSource)
        if source.failing.is_set():
            self.send_error(503)
            return
        source.served += 1
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        while not source.failing.is_set():
            for jpeg in source.jpegs:
                head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                time.sleep(1 / source.rate)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def camera() -> Iterator[MjpegSource]:
    """A network camera that shows one picture at 25 frames a second."""
    source = MjpegSource([picture(0)])
    yield source
    source.failing.set()
    source.shutdown()
    source.server_close()


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second at 25 frames a second."""
    pictures = [picture(index) for index in range(25)]
    return make_clip(tmp_path_factory.mktemp("live") / "short.mp4", Making(pictures, sound="aac"))


def start_live(*arguments: object, environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start `allaprima live` as a program of its own."""

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background

    return subprocess.Popen(
        [sys.executable, "-m", "allaprima", "live", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
        cwd=ROOT,
        env=environment,
    )
