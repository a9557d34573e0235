"""A picture on its way to the batch, decoded: transparent ones as they look on a colour."""

import logging
import multiprocessing
import threading
from multiprocessing.context import BaseContext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from allaprima.images.background import WHITE
from allaprima.images.picture_files import PictureError, read_picture

from .undecoded_picture import NoPicture, Payload

_log = logging.getLogger(__name__)


class Decoder:
    """Decodes pictures, and says once that some are transparent, whichever process meets the first.

    Args:
        background: The colour that transparent pictures are seen on, from `background_colour`.
    """

    def __init__(self, background: str = WHITE) -> None:
        self.background = background
        self._notice: Any = _Notice()

    def share_with(self, processes: BaseContext | None) -> None:
        """Prepare to be sent to other processes, of a context; before that threads alone may share it."""
        self._notice = (processes or multiprocessing).Value("b", self._notice.value)

    def __call__(self, payload: Payload, min_side: int) -> NDArray[np.uint8]:
        """Return the pixels of a picture, `(H, W, 3)`, with a shorter side of `min_side` or more.

        Raises:
            PictureError: If it cannot be read.
        """
        if isinstance(payload, NoPicture):
            raise PictureError(payload.reason)
        if isinstance(payload, np.ndarray):
            return payload
        picture = read_picture(payload, min_side=min_side)
        if picture.is_transparent:
            self._tell()
        return picture.on(self.background).rgb

    def _tell(self) -> None:
        with self._notice.get_lock():
            is_first, self._notice.value = not self._notice.value, True
        if is_first:
            _log.warning(
                "some photographs are transparent; they are learned from as they look on %s", self.background
            )


class _Notice:
    """Whether something was said; what `multiprocessing.Value` is, for the threads of one process."""

    def __init__(self) -> None:
        self.value = False
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type["_Notice"], tuple[()]]:
        """Travel to a process that was not prepared for: it says it for itself."""
        return _Notice, ()

    def get_lock(self) -> threading.Lock:
        return self._lock
