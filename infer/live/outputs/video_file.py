"""Live pictures into a file, at the times at which they came."""

import logging
from fractions import Fraction

from allaprima.images.video.protocol import Beside
from allaprima.infer.live.shared_state.painted_frame import Displayed, PaintedFrame
from allaprima.infer.video.writing import Encoding, FilmWriter
from allaprima.infer.video.writing.encoders import Format
from allaprima.infer.video.writing.part_file import PartFile

_log = logging.getLogger(__name__)

_MILLISECOND = Fraction(1, 1000)


class VideoFileOutput:
    """A clip that grows; it plays under its `.part` name, and gets its own when it is closed.

    Args:
        part: The file.
        size: Height and width.
        rate: Frames per second, roughly.
        displayed: Called for each picture that the encoder has.
        pixel_aspect: Width of a pixel by its height.

    Raises:
        ValueError: If its suffix names no container.
    """

    def __init__(
        self,
        part: PartFile,
        size: tuple[int, int],
        rate: Fraction,
        displayed: Displayed,
        pixel_aspect: Fraction,
    ) -> None:
        self._displayed = displayed
        format = Format(*size, rate, _MILLISECOND, pixel_aspect)
        self._writer = FilmWriter(part, Encoding(), format, Beside())
        self._lasting = max(1, round(1 / rate / _MILLISECOND))
        self._began: float | None = None
        self._last = -1
        self._failed = False

    def show(self, frame: PaintedFrame) -> None:
        """Write a picture.

        Raises:
            OSError: If the disk is full, or otherwise not to be written to.
        """
        self._began = frame.captured if self._began is None else self._began
        self._last = max(self._last + 1, round(1000 * (frame.captured - self._began)))
        try:
            self._writer.write(frame.picture, self._last, self._lasting)
        except OSError:
            self._failed = True
            raise
        self._displayed(frame)

    def close(self) -> None:
        """Complete the file; one that nothing was written to, or that failed, does not get its name.

        Raises:
            OSError: As `show`.
        """
        if self._writer.count and not self._failed:
            self._writer.finish()
        elif kept := self._writer.stop():
            _log.warning("%s", kept)
