"""The thread that receives frames, of which only the newest is kept, and finds a lost source again."""

import logging
import threading
from fractions import Fraction

from av.error import FFmpegError

from allaprima.images.video import ClipError
from allaprima.images.video.frame_to_rgb import RgbReader
from allaprima.images.video.rotation import Turn
from allaprima.infer.live.shared_state.backoff import Backoff
from allaprima.infer.live.shared_state.latest_value import LatestValue

from .input_address import Place
from .reception import Captured, Reception, reason

_log = logging.getLogger(__name__)


class Capture:
    """Receives from a source until that ends, or it is told to stop.

    A camera or stream that is lost is opened again, after growing pauses.

    Args:
        place: The source.
        loop: Begin again where a recording ends.

    Raises:
        ClipError: If the source cannot be opened now.
    """

    def __init__(self, place: Place, *, loop: bool = False) -> None:
        self._place, self._loop = place, loop
        self._reception: Reception | None = Reception(place)
        self.size: tuple[int, int] = self._reception.size
        self.rate: Fraction = self._reception.rate
        self.turn: Turn = self._reception.turn
        self.pixel_aspect: Fraction = self._reception.pixel_aspect
        self._left_sited = self._reception.left_sited
        self.newest: LatestValue[Captured] = LatestValue()
        self.lost = ""
        """Why there is no picture at the moment, or nothing."""
        self.times_lost = 0
        self._stopping = threading.Event()
        self._damaged = 0
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)

    @property
    def damaged(self) -> int:
        """How many frames could not be decoded."""
        return self._damaged + (self._reception.damaged if self._reception else 0)

    def reader(self, height: int, width: int) -> RgbReader:
        """Return what makes upright RGB of that size of the frames."""
        return RgbReader(height, width, self.turn, left_sited=self._left_sited)

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def stop(self) -> None:
        """End it; a stream that is silent just now is left to itself after a second."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(1)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                if self._receive(backoff):
                    break
            except (ClipError, FFmpegError) as error:
                if self._place.kind == "file":
                    _log.warning("'%s' ends before its end: %s", self._place.title, reason(error))
                    break
                self._note_lost(error)
            if self.lost and self._stopping.wait(backoff.next()):
                break
        self.newest.close()

    def _receive(self, backoff: Backoff) -> bool:
        """Receive as long as the source lasts; return whether that was all of it."""
        self._reception = reception = self._reception or Reception(self._place)
        if self.lost:
            _log.info("%s is back", self._place.title)
            self.lost = ""
        try:
            for captured in reception.frames(self._stopping):
                self.newest.put(captured)
                backoff.reset()
        finally:
            self._damaged += reception.damaged
            self._reception = None
            reception.close()
        if not reception.recorded and not self._stopping.is_set():
            self._note_lost(None)
        return reception.recorded and not self._loop

    def _note_lost(self, error: BaseException | None) -> None:
        because = "it ended" if error is None else reason(error.__cause__ or error)
        if not self.lost:
            self.times_lost += 1
            _log.warning("%s is lost: %s; it is tried again", self._place.title, because)
        self.lost = because
