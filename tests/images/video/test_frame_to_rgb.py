"""Frames as RGB: matrix, range, depth, dynamic range and transparency."""

from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from allaprima.images.video.frame_to_rgb import RgbReader

RED, GREEN = (200, 40, 60), (30, 180, 90)
WEIGHTS = {Colorspace.ITU709: (0.2126, 0.0722), Colorspace.ITU601: (0.299, 0.114)}


def frame_of(rgb: tuple[int, int, int], matrix: Colorspace, *, full: bool, depth: int = 8) -> av.VideoFrame:
    """Return a frame of one colour, by the formulas of BT.601 and BT.709 in floating point."""
    red, green, blue = (level / 255 for level in rgb)
    of_red, of_blue = WEIGHTS[matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    chroma = ((blue - luma) / (2 - 2 * of_blue), (red - luma) / (2 - 2 * of_red))
    scale = 2 ** (depth - 8)
    levels = [255 * luma, 255 * chroma[0] + 128, 255 * chroma[1] + 128]
    if not full:
        levels = [219 * luma + 16, 224 * chroma[0] + 128, 224 * chroma[1] + 128]
    kind = np.uint8 if depth == 8 else np.uint16
    planes = [
        np.full(shape, round(level * scale))
        for level, shape in zip(levels, ((32, 48), (16, 24), (16, 24)), strict=True)
    ]
    flat: Any = np.concatenate([plane.reshape(-1, 48) for plane in planes]).astype(kind)
    return av.VideoFrame.from_ndarray(flat, format="yuv420p" if depth == 8 else "yuv420p10le")


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("rgb", [RED, GREEN, (255, 255, 255), (0, 0, 0)])
@pytest.mark.parametrize("depth", [8, 10])
def test_formulas_are_reversed(matrix: Colorspace, full: bool, rgb: tuple[int, int, int], depth: int) -> None:
    frame = frame_of(rgb, matrix, full=full, depth=depth)
    frame.colorspace = 1 if matrix == Colorspace.ITU709 else 6
    frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    pixels = RgbReader(32, 48)(frame)
    assert pixels.shape == (32, 48, 3)
    assert abs(pixels.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize(("height", "matrix"), [(480, Colorspace.ITU601), (720, Colorspace.ITU709)])
def test_untagged_frames_are_taken_as_players_do(height: int, matrix: Colorspace) -> None:
    frame = frame_of(RED, matrix, full=False).reformat(64, height, interpolation="POINT")
    frame.colorspace, frame.color_range = 2, 0
    assert abs(RgbReader(height, 64)(frame).astype(int) - RED).max() <= 2


def test_frames_are_scaled_to_the_size_that_is_wanted() -> None:
    assert RgbReader(20, 30)(frame_of(RED, Colorspace.ITU709, full=False)).shape == (20, 30, 3)


def test_transparent_pixels_are_white() -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[8:] = (*RED, 255)
    pixels[:4, :, 3] = 128
    rgb = RgbReader(16, 16)(av.VideoFrame.from_ndarray(pixels, format="rgba"))
    assert (rgb[8:] == RED).all()
    assert (rgb[:4] == 127).all()
    assert (rgb[4:8] == 255).all()


@pytest.mark.parametrize(
    "transfer", [ColorTrc.SMPTE2084, pytest.param(ColorTrc.ARIB_STD_B67, marks=pytest.mark.slow)]
)
def test_high_dynamic_range_is_mapped(transfer: ColorTrc) -> None:
    """Greys stay greys in the same order, black stays black, and what PQ and HLG keep dark is lit."""
    plain, mapping = RgbReader(32, 48), RgbReader(32, 48)
    shown = []
    for level in np.linspace(64, 940, 8):
        planes = [np.full((32, 48), level), np.full((16, 24), 512), np.full((16, 24), 512)]
        flat = np.concatenate([plane.reshape(-1, 48) for plane in planes]).astype(np.uint16)
        frame = av.VideoFrame.from_ndarray(flat, format="yuv420p10le")
        frame.colorspace, frame.color_range = 9, ColorRange.MPEG
        before = plain(frame)
        frame.color_trc, frame.color_primaries = transfer, ColorPrimaries.BT2020
        after = mapping(frame)
        assert np.ptp(after[0, 0].astype(int)) <= 1
        shown.append((int(before[0, 0, 1]), int(after[0, 0, 1])))
    levels = [after for _, after in shown]
    assert levels == sorted(levels)
    assert levels[0] == 0
    assert any(after > before + 20 for before, after in shown)
