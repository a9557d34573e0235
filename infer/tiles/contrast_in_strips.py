"""The contrast of pictures in maps, which are too large to look at in one piece."""

import torch

from allaprima.infer.network.contrast import Contrast, Fade

from .feature_maps import Map
from .norm_statistics import Moments
from .windows import Window

_ROWS = 64


def fade_of(picture: Map, contrast: Contrast) -> Fade:
    """Return how a picture fades, of bytes or floats of 0 to 255, in a pass over all of it."""
    moments = Moments()
    for top in range(0, picture.height, _ROWS):
        rows = Window(top, min(top + _ROWS, picture.height), 0, picture.width)
        moments.add(picture.read(rows).permute(2, 0, 1)[None].float())
    mean, variance = (value.float()[None, :, None, None] for value in (moments.mean, moments.variance))
    device = contrast.tones.device
    return contrast.fade((mean / 255).to(device), torch.sqrt(variance).to(device))
