"""Pictures to check exports on, and photographs to calibrate int8 with."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from allaprima.images.pixels import as_floats

_log = logging.getLogger(__name__)

Batch = NDArray[np.float32]
"""`(B, 3, H, W)`, RGB in [0, 1]."""

# Batch, height and width: the smallest, odd ones, each remainder by four.
CHECKED_SHAPES = ((1, 16, 16), (3, 17, 30), (2, 61, 47), (1, 128, 203), (1, 211, 152))
# Of a static size, as far as they have no more pixels than this; one picture is always checked.
CHECKED_BATCHES = (1, 3)
CHECKED_PIXELS = 2**21

CALIBRATION_PHOTOGRAPHS = 32
CALIBRATION_SIDE = 256


def check_batches(static: tuple[int, int] | None) -> list[Batch]:
    """Return pictures of several sizes, or of the one size, to compare networks on."""
    shapes: Sequence[tuple[int, int, int]] = CHECKED_SHAPES
    if static is not None:
        pixels = static[0] * static[1]
        counts = [count for count in CHECKED_BATCHES if count == 1 or count * pixels <= CHECKED_PIXELS]
        shapes = [(count, *static) for count in counts]
    return [
        np.stack([natural_picture(height, width, seed=100 * number + index) for index in range(count)])
        for number, (count, height, width) in enumerate(shapes)
    ]


def natural_picture(height: int, width: int, *, seed: int) -> NDArray[np.float32]:
    """Return a picture with the 1/f spectrum and the edges of photographs, `(3, H, W)` in [0, 1]."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij")
    falloff = 1 / np.maximum(np.hypot(y, x), 1 / max(height, width))
    noise = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(4, height, width))) * falloff, s=(height, width))
    light, tints = noise[:1], noise[1:]
    picture = light / light.std() + 0.4 * tints / tints.std()
    top, left = rng.integers(height // 2), rng.integers(width // 2)
    picture[:, top : top + height // 3, left : left + width // 3] += rng.normal(0, 1.5, (3, 1, 1))
    return np.asarray((0.5 + 0.22 * picture).clip(0, 1), dtype=np.float32)


def read_calibration(folder: Path, static: tuple[int, int] | None) -> list[Batch]:
    """Return photographs one by one as batches, reduced, up to `CALIBRATION_PHOTOGRAPHS` spread over all.

    Those that cannot be read are named in the log and left out.

    Raises:
        FileNotFoundError: If the folder does not exist.
        ValueError: If it has no pictures, or none that can be read.
    """
    from allaprima.images.folders import pictures_below

    if not folder.is_dir():
        raise FileNotFoundError(f"calibration folder '{folder}' does not exist")
    files = pictures_below(folder)
    if not files:
        raise ValueError(f"no pictures in calibration folder '{folder}'")
    step = max(1, len(files) / CALIBRATION_PHOTOGRAPHS)
    chosen = [files[int(index * step)] for index in range(min(len(files), CALIBRATION_PHOTOGRAPHS))]
    pictures = [picture for path in chosen if (picture := _readable(path))]
    if not pictures:
        raise ValueError(f"none of {len(chosen)} pictures in calibration folder '{folder}' can be read")
    return [_as_batch(picture, static) for picture in pictures]


def _readable(path: Path) -> Image.Image | None:
    from allaprima.images.picture_files import PictureError, read_picture

    try:
        return read_picture(path, min_side=CALIBRATION_SIDE).to_image().convert("RGB")
    except PictureError as error:
        _log.warning("calibrating without a picture: %s", error)
        return None


def _as_batch(picture: Image.Image, static: tuple[int, int] | None) -> Batch:
    if static is not None:
        size = (static[1], static[0])
    else:
        scale = min(1.0, CALIBRATION_SIDE / max(picture.size))
        size = (max(16, round(picture.width * scale)), max(16, round(picture.height * scale)))
    return as_floats(np.asarray(picture.resize(size, Image.Resampling.BICUBIC))[None])
