"""Live pictures to a server that others watch: RTMP."""

import logging
import multiprocessing
from fractions import Fraction
from time import perf_counter

from allaprima.infer.live.shared_state.backoff import Backoff
from allaprima.infer.live.shared_state.painted_frame import Displayed, PaintedFrame
from allaprima.infer.live.source.input_address import without_password
from allaprima.infer.video.writing.encoders import Format

from .rtmp_sender import send_pictures

_log = logging.getLogger(__name__)

_ANSWERS_WITHIN = 10.0
_MILLISECOND = Fraction(1, 1000)  # FLV has no other


class RtmpOutput:
    """Sends H.264 to an RTMP server; one that is lost is tried again after growing pauses.

    Args:
        url: Where, with the stream's key.
        size: Height and width; odd ones lose a row or column.
        rate: Frames per second, roughly.
        displayed: Called for each picture that was sent.

    Raises:
        OSError: If the server cannot be reached now.
    """

    def __init__(self, url: str, size: tuple[int, int], rate: Fraction, displayed: Displayed) -> None:
        self._url, self._displayed = url, displayed
        height, width = size
        self._format = Format(height - height % 2, width - width % 2, rate, _MILLISECOND)
        self._backoff, self._again_at = Backoff(), 0.0
        try:
            self._link: _Link | None = _Link(url, self._format)
        except OSError as error:
            raise OSError(f"output '{without_password(url)}' cannot be reached: {error}") from error

    def show(self, frame: PaintedFrame) -> None:
        """Send a picture, or, while the server is lost, nothing."""
        if self._link is None and perf_counter() < self._again_at:
            return
        try:
            self._link = self._link or _Link(self._url, self._format)
            self._link.send(frame)
        except OSError as error:
            self._note_lost(error)
        else:
            self._backoff.reset()
            self._displayed(frame)

    def close(self) -> None:
        """Send what the encoder still has, and say goodbye."""
        if self._link is not None:
            self._link.finish()

    def _note_lost(self, error: OSError) -> None:
        if self._link is not None:
            _log.warning("%s is lost: %s; it is tried again", without_password(self._url), error)
            self._link.abandon()
        self._link = None
        self._again_at = perf_counter() + self._backoff.next()


class _Link:
    """The process that sends.

    Raises:
        OSError: If the server cannot be reached.
    """

    def __init__(self, url: str, format: Format) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._process = context.Process(target=send_pictures, args=(url, format, far_end), daemon=True)
        self._process.start()
        far_end.close()
        self._began: float | None = None
        self._last = -1
        try:
            self._take_answer()
        except OSError:
            self.abandon()
            raise

    def send(self, frame: PaintedFrame) -> None:
        """Send a picture.

        Raises:
            OSError: If the server is lost.
        """
        self._began = frame.captured if self._began is None else self._began
        self._last = max(self._last + 1, round(1000 * (frame.captured - self._began)))
        self._pipe.send((frame.picture, self._last))
        self._take_answer()

    def finish(self) -> None:
        """Send the rest and end the process."""
        try:
            self._pipe.send(None)
            self._process.join(_ANSWERS_WITHIN)
        except OSError as error:
            _log.debug("%s", error)
        self.abandon()

    def abandon(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _take_answer(self) -> None:
        if not self._pipe.poll(_ANSWERS_WITHIN):
            raise TimeoutError(f"it did not answer within {_ANSWERS_WITHIN:g} seconds")
        try:
            wrong = self._pipe.recv()
        except EOFError:
            wrong = "the process that sends has ended"
        if wrong:
            raise OSError(wrong)
