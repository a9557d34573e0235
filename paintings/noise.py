"""Chance with a scale: smooth noise, even or stretched, and blurring."""

import numpy as np
from PIL import Image

from .canvas import Field


def smooth_noise(rng: np.random.Generator, side: int, cell: float, octaves: int = 1) -> Field:
    """Return value noise, `(side, side)`, of about zero mean and unit deviation.

    Args:
        rng: Where chance comes from.
        side: Pixels a side.
        cell: Size of the largest blots, as a share of the side.
        octaves: How many times finer and fainter noise is added, each of half the size and strength.
    """
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        total += stretched_noise(rng, side, cell / 2**octave, cell / 2**octave) / 2**octave
    return total / np.float32(sum(0.25**octave for octave in range(octaves)) ** 0.5)


def stretched_noise(rng: np.random.Generator, side: int, across: float, down: float) -> Field:
    """Return value noise whose blots are `across` wide and `down` high, as shares of the side."""
    rows, columns = (int(np.clip(round(1 / extent), 1, side)) + 3 for extent in (down, across))
    knots = Image.fromarray(rng.normal(0, 1.6, (rows, columns)).astype(np.float32))
    inner = (1, 1, columns - 1, rows - 1)
    return np.array(knots.resize((side, side), Image.Resampling.BICUBIC, box=inner))


def blur(field: Field, radius: float) -> Field:
    """Return a field `(H, W)` smoothed by a Gaussian of deviation `radius` pixels, mirrored at its rim."""
    margin = min(int(3 * radius) + 1, min(field.shape) - 1)
    padded = np.pad(field, margin, mode="reflect")
    rows, columns = (np.fft.fftfreq(length) for length in padded.shape)
    frequency = rows[:, None] ** 2 + columns[None, : padded.shape[1] // 2 + 1] ** 2
    spectrum = np.fft.rfft2(padded) * np.exp(-2 * (np.pi * radius) ** 2 * frequency)
    smooth = np.fft.irfft2(spectrum, padded.shape).astype(np.float32)
    return smooth[margin:-margin, margin:-margin]
