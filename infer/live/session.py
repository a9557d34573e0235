"""Live video as a whole: a source, a painter, outputs, and what is said of them."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .adaptive_size import AdaptiveSize
from .outputs.open_output import Shows, Target, open_output
from .outputs.output_thread import OutputThread
from .outputs.window import Window
from .painter import Painter
from .ready_styles import ReadyStyle
from .shared_state.controls import Controls
from .shared_state.latest_value import LatestValue
from .shared_state.metrics import Metrics
from .shared_state.painted_frame import PaintedFrame
from .source.capture import Capture

_log = logging.getLogger(__name__)

_TOLD_EVERY = 0.5
_EVENTS_EVERY = 0.02
"""Seconds."""


class Session:
    """Paints what a source shows and shows it, until the source or somebody ends it.

    Args:
        capture: The source.
        controls: Styles and strength.
        size: At which size to paint.
        steady: How much of the frame before stays where the source did not change.
    """

    def __init__(
        self, capture: Capture, controls: Controls, size: AdaptiveSize, *, steady: float = 0
    ) -> None:
        self._capture, self._controls, self._size, self._steady = capture, controls, size, steady
        self.metrics = Metrics()
        self._window: Window | None = None
        self._for_window: LatestValue[PaintedFrame] = LatestValue()
        self._threads: list[OutputThread] = []

    def open_outputs(self, targets: Sequence[Target], *, overwrite: bool, inputs: Sequence[Path]) -> None:
        """Open all outputs, or, if one cannot be, none.

        Args:
            targets: What was asked for.
            overwrite: Replace files that are there already.
            inputs: Files that are shown, and must not be replaced.

        Raises:
            ValueError: If one would replace an input.
            OSError: If one cannot be opened.
            ModuleNotFoundError: If a library is not installed.
        """
        shows = Shows(
            self._capture.size,
            self._capture.rate,
            self._capture.pixel_aspect,
            self._controls,
            self.status,
            self.metrics.note_displayed,
        )
        with ExitStack() as opened:
            for target in targets:
                output = open_output(target, shows, overwrite=overwrite, inputs=inputs)
                if isinstance(output, Window):
                    self._window = output
                    opened.callback(output.close)
                else:
                    self._threads.append(OutputThread(output))
                    opened.callback(self._threads[-1].close)
                if url := getattr(output, "url", None):
                    _log.info("watch at %s", url)
            opened.pop_all()

    def run(self, styles: Sequence[ReadyStyle], tell: Callable[[dict[str, Any]], None]) -> None:
        """Paint and show until the end; Ctrl-C is one.

        Args:
            styles: Ready, as `controls` names them.
            tell: Called twice a second with the figures.

        Raises:
            OSError: If an output fails; what was shown by then is complete.
            BaseException: Whatever ends the painter.
        """
        painter = Painter(
            self._capture, styles, self._controls, self._size, self.metrics, self._show, steady=self._steady
        )
        self.metrics.restart()
        self._capture.start()
        painter.start()
        try:
            self._wait(painter, tell)
        finally:
            painter.stop()
            self._capture.stop()
        if painter.error is not None:
            raise painter.error

    def close(self) -> None:
        """Complete all outputs.

        Raises:
            BaseException: What one of them failed with.
        """
        for thread in self._threads:
            thread.close()
        if self._window is not None:
            self._window.close()
        if failed := self._failed():
            raise failed

    def status(self) -> dict[str, Any]:
        """Return the figures of the moment."""
        latency, metrics = self.metrics.latency(), self.metrics
        dropped = self._capture.newest.dropped
        return {
            "styles": list(self._controls.styles),
            "style": self._controls.style,
            "strength": self._controls.strength,
            "rate": round(metrics.rate(), 2),
            "latency_ms": latency
            and {"median": round(1000 * latency.median), "p95": round(1000 * latency.p95)},
            "received": metrics.painted + dropped,
            "painted": metrics.painted,
            "dropped": dropped,
            "dropped_by_outputs": sum(thread.dropped for thread in self._threads) + self._for_window.dropped,
            "damaged": self._capture.damaged,
            "painted_at": "{1}x{0}".format(*self._size.size),
            "shown_at": "{1}x{0}".format(*self._capture.size),
            "lost": self._capture.lost,
            "times_lost": self._capture.times_lost,
        }

    def _show(self, frame: PaintedFrame) -> None:
        for thread in self._threads:
            thread.show(frame)
        if self._window is not None:
            self._for_window.put(frame)

    def _wait(self, painter: Painter, tell: Callable[[dict[str, Any]], None]) -> None:
        """Wait for the end, and meanwhile do what only this thread may: the window."""
        since = 0.0
        while not (painter.ended.is_set() or self._controls.ended.is_set() or self._failed()):
            since += self._wait_a_little(painter)
            if since >= _TOLD_EVERY:
                since = 0.0
                tell(self.status())

    def _wait_a_little(self, painter: Painter) -> float:
        if self._window is None:
            painter.ended.wait(_TOLD_EVERY)
            return _TOLD_EVERY
        frame = self._for_window.take(_EVENTS_EVERY)
        if frame is not None:
            self._window.show(frame)
        self._window.handle_events(self._title())
        return _EVENTS_EVERY

    def _title(self) -> str:
        return f"{self._controls.style} {100 * self._controls.strength:.0f} %"

    def _failed(self) -> BaseException | None:
        return next((thread.error for thread in self._threads if thread.error is not None), None)
