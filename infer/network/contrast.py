"""How much contrast a picture has, and how pictures with next to none are painted."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from allaprima.models.output_range import OVERSHOOT
from allaprima.models.transformer import TransformerNetwork

FLAT = 0.5
"""Largest standard deviation, in levels of 255, of what counts as one colour: that of two adjacent levels."""

ORDINARY = 4.0
"""From which standard deviation on pictures are painted undisturbed; of 833 photographs none is below 18."""

_SIDE = 128
_FALLOFF = 1.25
"""Of the spectrum of the clouds, between those of noise of photographs and of their large areas."""


class Fade(NamedTuple):
    """What becomes of what a network paints.

    Attributes:
        strength: How much of it stays, from 0 to 1, `(B, 1, 1, 1)`.
        colour: What it fades to, RGB in [0, 1], `(B, 3, 1, 1)`.
    """

    strength: Tensor
    colour: Tensor


class Contrast(nn.Module):
    """Measures pictures, so that those without contrast are painted without.

    Instance normalisation divides by the standard deviation of a map, whatever it is: from a step of one
    level it makes a picture of full contrast, and of nothing but rounding, in half precision, stripes. So
    what is painted fades, as a picture's contrast goes from `ORDINARY` to `FLAT`, to one colour: that which
    the style has for the picture's brightness, which normalisation takes away.

    Args:
        tones: From `tones_of`.
    """

    tones: Tensor

    def __init__(self, tones: Tensor) -> None:
        super().__init__()
        self.register_buffer("tones", tones.float().contiguous())  # as archives have them

    def of_floats(self, pictures: Tensor) -> Fade:
        """Return how pictures in [0, 1] fade, `(B, 3, H, W)`."""
        mean, deviations = _mean_and_deviation(pictures.float(), (2, 3))
        return self.fade(mean, deviations * 255)

    def of_bytes(self, pictures: Tensor) -> Fade:
        """Return how pictures of bytes fade, `(B, H, W, 3)`."""
        mean, deviations = _mean_and_deviation(pictures.float(), (1, 2))
        return self.fade((mean / 255).permute(0, 3, 1, 2), deviations.permute(0, 3, 1, 2))

    def fade(self, mean: Tensor, deviations: Tensor) -> Fade:
        """Return the same from what is known.

        Args:
            mean: Of each channel, in [0, 1], `(B, 3, 1, 1)`.
            deviations: Standard deviation of each channel, in levels of 255, `(B, 3, 1, 1)`.
        """
        dark, light = self.tones[:, None, :, None, None].unbind(0)
        strength = ((deviations.amax(1, keepdim=True) - FLAT) / (ORDINARY - FLAT)).clamp(0, 1)
        brightness = mean.mean(1, keepdim=True)
        return Fade(strength, (dark + (light - dark) * brightness).clamp(0, 1))


def _mean_and_deviation(pictures: Tensor, sides: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each channel.

    Height before width is several times as fast where channels come last. Sums of squares of large numbers
    would be rounded, so a colour of the picture is taken from it first, in rows, which is fast as well.
    """
    height, width = sides
    first = pictures.narrow(height, 0, 1)
    near = first.mean(width, keepdim=True)
    apart = pictures - near.expand_as(first).clone(memory_format=torch.contiguous_format)
    mean = apart.mean(height, keepdim=True).mean(width, keepdim=True)
    squares = apart.square_().mean(height, keepdim=True).mean(width, keepdim=True)
    return near + mean, (squares - mean.square()).clamp_min(0).sqrt()


def colours(painted: Tensor, fade: Fade, white: float, offset: float = 0.0) -> Tensor:
    """Return colours from 0 to `white`, float32, of what a network paints before its output's tanh.

    Args:
        painted: `(B, 3 n, H, W)`, n pixels of a block as channels.
        fade: Of the pictures.
        white: The largest value.
        offset: Added to all, such as a half, for rounding.
    """
    rest = (1 - fade.strength) * fade.colour.repeat_interleave(painted.shape[1] // 3, 1)
    scale = fade.strength * (white / 2 * OVERSHOOT)
    shift = fade.strength * (white / 2) + rest * white + offset
    return painted.float().tanh_().mul_(scale).add_(shift).clamp_(0, white)


@torch.inference_mode()
def tones_of(network: TransformerNetwork) -> Tensor:
    """Return what a style makes of black and of white, RGB in [0, 1], `(2, 3)` float32.

    The line of least squares through the colours that the network paints of grey clouds of every brightness.

    Args:
        network: In evaluation mode and float32, on the CPU.
    """
    clouds = _clouds()
    painted = network(clouds.expand(1, 3, -1, -1))[0].flatten(1)
    brightness = clouds.flatten()
    tones: Tensor = torch.linalg.lstsq(torch.stack((1 - brightness, brightness), 1), painted.T).solution
    return tones.clamp(0, 1)


def _clouds() -> Tensor:
    """Return a grey picture of large and small shapes with as many pixels of each brightness, `(H, W)`."""
    y, x = np.meshgrid(np.fft.fftfreq(_SIDE), np.fft.rfftfreq(_SIDE), indexing="ij")
    spectrum = np.fft.rfft2(np.random.default_rng(0).normal(size=(_SIDE, _SIDE)))
    shapes = np.fft.irfft2(spectrum * np.maximum(np.hypot(y, x), 1 / _SIDE) ** -_FALLOFF)
    order = shapes.ravel().argsort().argsort().reshape(shapes.shape)
    return torch.from_numpy((order / (shapes.size - 1)).astype(np.float32))
