"""An output in a thread of its own, so that none waits for another."""

import threading
from typing import Protocol

from allaprima.infer.live.shared_state.latest_value import LatestValue
from allaprima.infer.live.shared_state.painted_frame import PaintedFrame


class Output(Protocol):
    """Something that shows pictures."""

    def show(self, frame: PaintedFrame) -> None:
        """Show a picture, and note that it is displayed.

        Raises:
            OSError: If that is not possible any more.
        """
        ...

    def close(self) -> None:
        """Complete what was shown.

        Raises:
            OSError: If that is not possible.
        """
        ...


class OutputThread:
    """Shows the newest picture as soon as the output is done with the one before.

    Args:
        output: Where pictures go.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._newest: LatestValue[PaintedFrame] = LatestValue()
        self._thread = threading.Thread(target=self._run, name="show", daemon=True)
        self.error: BaseException | None = None
        """What ended it."""
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many pictures came while the output was busy with another."""
        return self._newest.dropped

    def show(self, frame: PaintedFrame) -> None:
        """Hand over a picture, without waiting."""
        self._newest.put(frame)

    def close(self) -> None:
        """Show the last picture and complete the output; what goes wrong is kept in `error`."""
        self._newest.close()
        self._thread.join()
        try:
            self._output.close()
        except Exception as error:
            self.error = self.error or error

    def _run(self) -> None:
        try:
            while (frame := self._newest.take()) is not None:
                self._output.show(frame)
        except Exception as error:
            self.error = error
