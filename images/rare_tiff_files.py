"""TIFF files of kinds that Pillow has no mode for, or reads wrongly, read by libvips."""

import os
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from .colour import levels_of, to_srgb
from .libvips import libvips, reason_of_vips
from .tiff_kinds import is_known_compression, tags_of

_EXTRA_SAMPLES = 338
_PREMULTIPLIED, _STRAIGHT = 1, 2
_COLOURS = {"b-w": 1, "grey16": 1, "rgb": 3, "srgb": 3, "rgb16": 3, "scrgb": 3, "cmyk": 4}
"""Bands of libvips' colour spaces."""


class RareTiffFile(ImageFile.ImageFile):
    """Such a file as Pillow has pictures, upright, in sRGB: its size is known first, its pixels when loaded.

    Opening it raises SyntaxError if libvips does not know it either.
    """

    format = "rare TIFF"
    format_description = "TIFF, read by libvips"

    def _open(self) -> None:
        pyvips = libvips()
        assert self.fp is not None
        self._alpha = _kind_of_alpha(self.fp)
        if not is_known_compression(self.fp):
            raise SyntaxError("compressed in a way that libvips does not know either")
        self.fp.seek(0)
        path = getattr(self.fp, "name", None)
        self._name = f"picture '{path}'" if isinstance(path, str) else "picture"
        try:
            if isinstance(path, str):
                name: Any = os.fsencode(path)  # which need not be text
                loaded = pyvips.Image.tiffload(name, fail_on="error")
            else:
                loaded = pyvips.Image.tiffload_buffer(self.fp.read(), fail_on="error")
            self._vips: Any = loaded.autorot()
        except pyvips.Error as error:
            raise SyntaxError(str(error)) from error
        if self._vips.interpretation not in _COLOURS:
            raise SyntaxError(f"colours of the kind {self._vips.interpretation}")
        self._size = (self._vips.width, self._vips.height)
        self._mode = "RGB"

    def load(self) -> Any:
        """Read the pixels, once."""
        if self._vips is not None:
            try:
                values = self._vips.numpy()
            except libvips().Error as error:
                raise OSError(reason_of_vips(error)) from error
            loaded = self._in_srgb(values[..., None] if values.ndim == 2 else values)
            self._vips = None
            self.im, self._mode = loaded.im, loaded.mode
        return Image.Image.load(self)

    def _in_srgb(self, values: NDArray[Any]) -> Image.Image:
        count = _COLOURS[self._vips.interpretation]
        opacity = values[..., count] if self._alpha and values.shape[2] > count else None
        colours = _levels(values[..., :count], self._name)
        mode = {1: "L", 3: "RGB", 4: "CMYK"}[count]
        height, width = colours.shape[:2]
        image = Image.frombytes(mode, (width, height), colours.tobytes())
        if "icc-profile-data" in self._vips.get_fields():
            image.info["icc_profile"] = self._vips.get("icc-profile-data")
        image = to_srgb(image, name=self._name)
        if opacity is not None:
            image.putalpha(Image.fromarray(_levels(opacity, self._name)))
            if self._alpha == _PREMULTIPLIED:
                image = Image.frombytes("RGBa", image.size, image.tobytes()).convert("RGBA")
        return image


def _kind_of_alpha(file: IO[bytes]) -> int:
    """Return what the first band after the colours is, or 0 if it is no opacity."""
    (kind, *_) = tags_of(file).get(_EXTRA_SAMPLES, (0,))
    return int(kind) if kind in (_PREMULTIPLIED, _STRAIGHT) else 0


def _levels(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    whole = values.dtype.kind in "iu"
    return levels_of(values, name, white=int(np.iinfo(values.dtype).max) if whole else None)
