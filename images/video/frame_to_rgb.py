"""Decoded frames as upright RGB: which matrix and range their numbers have, and how pictures are turned."""

import numpy as np
from av import VideoFrame
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)

from allaprima.images.pixels import Pixels

from .chroma_siting import LeftSiting
from .rotation import Turn

# Without these flags the round trip to YCbCr and back is 1.1 levels off on average, with them 0.13.
EXACTLY = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

# AVCOL_SPC_* (ITU-T H.273, table 4) as swscale calls them.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
# Transfer functions of high dynamic range: PQ and HLG.
_HIGH_DYNAMIC_RANGE = {ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67}
# From which height on players take pictures that do not say it for BT.709.
_HD_HEIGHT = 720


class RgbReader:
    """Turns decoded frames into upright RGB of one size.

    High dynamic range (PQ, HLG) and BT.2020's primaries are mapped to BT.709. Transparent pixels are put on
    white.

    Args:
        height: Of the upright picture.
        width: Of the upright picture.
        turn: What sets a frame upright.
        left_sited: Whether frames do not say where their halved colour lies, and it is on the left.
    """

    def __init__(
        self, height: int, width: int, turn: Turn | None = None, *, left_sited: bool = False
    ) -> None:
        self._turn = turn or Turn()
        self._size = (height, width)
        self._siting = LeftSiting() if left_sited else None
        self._reformatter, self._packing = VideoReformatter(), VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Pixels:
        """Return the picture, `(H, W, 3)`, uint8."""
        frame = self._siting(frame) if self._siting else frame
        if _has_alpha(frame):
            return self._turn(_on_white(_pixels(self._converted(frame, "rgba"))))
        return self._turn(_pixels(self._packed(self._converted(frame, "gbrp"))))

    def makes(self, picture: Pixels) -> bool:
        """Return whether a picture has the size of what this makes."""
        return picture.shape[:2] == self._size

    def _converted(self, frame: VideoFrame, pixel_format: str) -> VideoFrame:
        height, width = self._turn.size(*self._size)
        narrower = frame.color_trc in _HIGH_DYNAMIC_RANGE or frame.color_primaries == ColorPrimaries.BT2020
        return self._reformatter.reformat(
            frame,
            width,
            height,
            pixel_format,
            src_colorspace=matrix_of(frame),
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG if has_full_range(frame) else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            dst_color_trc=ColorTrc.BT709 if narrower else None,
            dst_color_primaries=ColorPrimaries.BT709 if narrower else None,
            interpolation=EXACTLY,
            threads=1,
        )

    def _packed(self, planes: VideoFrame) -> VideoFrame:
        """Return separate planes of colours as RGB; the same numbers, and both steps take a third of one."""
        full = {"src_color_range": ColorRange.JPEG, "dst_color_range": ColorRange.JPEG}
        return self._packing.reformat(planes, format="rgb24", threads=1, **full)


def matrix_of(frame: VideoFrame) -> Colorspace:
    """Return the matrix of a frame's YCbCr: the one that it names, or what players take it for."""
    guess = Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601
    return _MATRICES.get(frame.colorspace, guess)


def has_full_range(frame: VideoFrame) -> bool:
    """Return whether black is 0, and not 16."""
    name = frame.format.name
    return frame.color_range == ColorRange.JPEG or name.startswith("yuvj") or frame.format.is_rgb


def _pixels(frame: VideoFrame) -> Pixels:
    return np.asarray(frame.to_ndarray(), np.uint8)


def _has_alpha(frame: VideoFrame) -> bool:
    return frame.format.name in ("bgra", "rgba", "argb", "abgr", "pal8", "gbrap") or (
        frame.format.name.startswith(("yuva", "ya"))
    )


def _on_white(rgba: Pixels) -> Pixels:
    alpha = rgba[..., 3:]
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[..., :3])
    weighed = rgba[..., :3].astype(np.uint16) * alpha + 255 * (255 - alpha.astype(np.uint16))
    return ((weighed + 127) // 255).astype(np.uint8)
