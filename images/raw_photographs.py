"""Raw photographs of cameras, developed by LibRaw; importing this needs the extra `raw`."""

from typing import Any, BinaryIO, cast

import rawpy
from PIL import Image, ImageFile

_ON_ITS_SIDE = (5, 6)
"""What LibRaw calls pictures that are turned by a quarter."""


class RawImageFile(ImageFile.ImageFile):
    """A raw photograph as Pillow has pictures: its size is known at once, its pixels when they are loaded.

    It is developed with the camera's white balance, upright, in sRGB.
    """

    format = "RAW"
    format_description = "raw photograph"

    def _open(self) -> None:
        self._raw: Any = rawpy.imread(cast(BinaryIO, self.fp))
        sizes = self._raw.sizes
        size = (sizes.width, sizes.height)
        self._size = size[::-1] if sizes.flip in _ON_ITS_SIDE else size
        self._mode = "RGB"

    def load(self) -> Any:
        """Develop the photograph, once."""
        if self._raw is not None:
            developed = Image.fromarray(self._raw.postprocess(use_camera_wb=True))
            self._raw.close()
            self._raw = None
            self.im, self._size = developed.im, developed.size
        return Image.Image.load(self)
