"""The window on a real X server without a screen: what is drawn, and what keys do."""

import ctypes
import ctypes.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.images.video.conftest import picture
from tests.infer.live.conftest import MjpegSource, as_jpeg, start_live, until

WIDTH, HEIGHT = 320, 240


class XServer:
    """Xvfb, its screen as a picture, and its keyboard."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("Xvfb") is None:
            pytest.skip("needs Xvfb: apt install xvfb")
        reading, writing = os.pipe()
        size = f"{WIDTH}x{HEIGHT}x24"
        self._process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp"],
            pass_fds=(writing,),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading) as number:
            self.display = f":{number.readline().strip()}"
        self.environment = {**os.environ, "DISPLAY": self.display, "SDL_VIDEODRIVER": "x11"}

    def screen(self) -> NDArray[np.uint8]:
        size = {"video_size": f"{WIDTH}x{HEIGHT}", "draw_mouse": "0"}
        with av.open(self.display, format="x11grab", options=size) as grabbed:
            return np.asarray(next(grabbed.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)

    def press(self, name: str) -> None:
        libraries = [ctypes.util.find_library(library) for library in ("X11", "Xtst")]
        if None in libraries:
            pytest.skip("needs libXtst: apt install libxtst6")
        x11, xtst = (ctypes.CDLL(library) for library in libraries)
        x11.XOpenDisplay.restype = ctypes.c_void_p
        display = ctypes.c_void_p(x11.XOpenDisplay(self.display.encode()))
        code = x11.XKeysymToKeycode(display, ctypes.c_ulong(x11.XStringToKeysym(name.encode())))
        for down in (1, 0):
            xtst.XTestFakeKeyEvent(display, code, down, ctypes.c_ulong(0))
            x11.XFlush(display)
            time.sleep(0.05)
        x11.XCloseDisplay(display)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(60)


@pytest.fixture
def x_server(tmp_path: Path) -> Iterator[XServer]:
    server = XServer(tmp_path)
    yield server
    server.close()


def shows(server: XServer, expected: NDArray[np.uint8]) -> bool:
    """Return whether a picture is somewhere in the middle of the screen, larger or not."""
    colours = expected.reshape(-1, 3).mean(0)
    screen = server.screen().reshape(-1, 3).astype(int)
    lit = screen[screen.max(1) > 8]
    return len(lit) > 500 and bool(abs(lit.mean(0) - colours).max() < 10)


def test_the_window_shows_the_picture_and_takes_keys(
    x_server: XServer, static_bytes_onnx_file: Path, camera: MjpegSource
) -> None:
    """The network leaves pictures as they are, so their colours are the camera's."""
    pytest.importorskip("pygame")
    bright = np.full((24, 32, 3), (200, 120, 60), np.uint8)
    camera.jpegs = [as_jpeg(bright)]
    program = start_live(
        static_bytes_onnx_file, "--input", camera.url, "-o", "window", environment=x_server.environment
    )
    until(lambda: shows(x_server, bright) or program.poll() is not None)
    assert program.poll() is None, program.communicate()
    camera.jpegs = [as_jpeg(bright[..., ::-1])]
    until(lambda: shows(x_server, bright[..., ::-1]))

    def ended() -> bool:
        x_server.press("q")
        return program.poll() is not None

    until(ended)
    out, err = program.communicate()
    assert program.returncode == 0, err
    assert "frames painted" in out


def test_without_a_screen_it_says_what_to_do(
    static_bytes_onnx_file: Path, short_clip: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pygame")
    environment: dict[str, Any] = {**os.environ, "SDL_VIDEODRIVER": "x11", "DISPLAY": ":97"}
    program = start_live(
        static_bytes_onnx_file, "--input", short_clip, "-o", "window", environment=environment
    )
    _, err = program.communicate(timeout=60)
    assert program.returncode == 2
    assert "error: no window can be opened" in err
    assert "mjpeg://127.0.0.1:8080 shows the pictures in a browser" in err


def test_keys_choose_styles_and_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events as SDL gives them."""
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    from allaprima.infer.live.outputs.window import Window
    from allaprima.infer.live.shared_state.controls import Controls
    from allaprima.infer.live.shared_state.painted_frame import PaintedFrame

    controls = Controls(["night", "waves", "glass"], 1.0)
    displayed: list[PaintedFrame] = []
    window = Window((48, 64), controls, displayed.append)

    def press(key: int) -> None:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
        window.handle_events("title")

    press(pygame.K_3)
    assert controls.style == "glass"
    press(pygame.K_9)
    press(pygame.K_RIGHT)
    assert controls.style == "night"
    press(pygame.K_LEFT)
    assert controls.style == "glass"
    press(pygame.K_DOWN)
    press(pygame.K_DOWN)
    press(pygame.K_UP)
    assert controls.strength == 0.9
    window.show(PaintedFrame(picture(0), 0.0))
    assert len(displayed) == 1
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    assert (shown == picture(0)).all()
    assert not controls.ended.is_set()
    press(pygame.K_q)
    assert controls.ended.is_set()
    window.close()
