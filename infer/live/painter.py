"""The thread that paints: always the newest frame, at the size of the moment, in the style of the moment."""

import logging
import threading
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from allaprima.images.pixels import Pixels, resized
from allaprima.images.video.frame_to_rgb import RgbReader
from allaprima.infer.video.compositing import blend
from allaprima.infer.video.deflicker import Steady
from allaprima.infer.video.scene_cuts import CutDetector

from .adaptive_size import AdaptiveSize
from .ready_styles import ReadyStyle
from .shared_state.controls import Controls
from .shared_state.metrics import Metrics
from .shared_state.painted_frame import PaintedFrame
from .source.capture import Capture
from .source.reception import Captured

_log = logging.getLogger(__name__)

_STILL_EVERY = 0.2
"""Seconds after which a still picture is shown again, so that who looks knows that the program lives."""


class Painter:
    """Paints until the source ends, or it is told to stop.

    Args:
        capture: Where frames come from.
        styles: As `controls` names them.
        controls: Style and strength of the moment.
        size: At which size to paint.
        metrics: Where frames are counted.
        show: Called with each picture.
        steady: How much of the frame before stays where the source did not change; 0 leaves flicker.
    """

    def __init__(
        self,
        capture: Capture,
        styles: Sequence[ReadyStyle],
        controls: Controls,
        size: AdaptiveSize,
        metrics: Metrics,
        show: Callable[[PaintedFrame], None],
        *,
        steady: float = 0,
    ) -> None:
        self._capture, self._styles, self._controls = capture, styles, controls
        self._size, self._metrics, self._show = size, metrics, show
        self._steady = _SteadyScenes(steady) if steady else None
        self._reader: RgbReader | None = None
        self._whole = capture.reader(*capture.size)
        height, width = capture.turn.size(*capture.size)
        self._stored = (width, height)
        self._style = controls.chosen
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="paint", daemon=True)
        self.ended = threading.Event()
        """Set when nothing more is painted."""
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin to paint."""
        self._thread.start()

    def stop(self) -> None:
        """End it after the frame of the moment."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._paint_until_stopped()
        except BaseException as error:
            self.error = error
        finally:
            self.ended.set()

    def _paint_until_stopped(self) -> None:
        last: PaintedFrame | None = None
        while not self._stopping.is_set():
            captured = self._capture.newest.take(_STILL_EVERY)
            if captured is not None:
                last = self._paint(captured)
                self._metrics.note_painted()
                self._show(last)
            elif self._capture.newest.closed:
                return
            elif last is not None and self._capture.lost:
                self._show(PaintedFrame(last.picture, perf_counter(), still=True))

    def _paint(self, captured: Captured) -> PaintedFrame:
        started, chosen = perf_counter(), self._controls.chosen
        picture = self._read(captured)
        stylized = np.asarray(self._styles[chosen].engine(picture[None])[0], np.uint8)
        if self._steady:
            stylized = self._steady(picture, stylized, new_style=chosen != self._style)
        self._style = chosen
        shown = resized(stylized, *self._capture.size)
        strength = self._controls.strength
        if strength < 1:
            shown = blend(shown, self._whole(captured.frame), strength)
        self._adapt(perf_counter() - started)
        return PaintedFrame(shown, captured.at)

    def _read(self, captured: Captured) -> Pixels:
        stored = (captured.frame.width, captured.frame.height)
        if stored != self._stored:
            _log.warning(
                "the source's pictures change from %dx%d to %dx%d; they are scaled to the first size",
                *self._stored,
                *stored,
            )
            self._stored = stored
        if self._reader is None:
            self._reader = self._capture.reader(*self._size.size)
        return self._reader(captured.frame)

    def _adapt(self, seconds: float) -> None:
        if self._size.note(seconds):
            height, width = self._size.size
            _log.info("painting at %dx%d from now on", width, height)
            self._reader = None


class _SteadyScenes:
    """Steadies pictures, and begins anew with each scene and style."""

    def __init__(self, share: float) -> None:
        self._steady, self._begins_scene = Steady(share), CutDetector()

    def __call__(self, picture: Pixels, stylized: Pixels, *, new_style: bool) -> Pixels:
        if self._begins_scene(picture) or new_style:
            self._steady.reset()
        return self._steady(picture, stylized)
