"""Between 8-bit pixels and the tensors that networks take."""

import numpy as np
import torch
from torch import Tensor

from .pixels import Pixels


def to_image(pixels: Pixels, device: torch.device | str = "cpu") -> Tensor:
    """Return `(H, W, 3)`, uint8, as a picture `(1, 3, H, W)`, float32 in [0, 1]."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].to(device).float() / 255


def to_pixels(image: Tensor) -> Pixels:
    """Return a picture `(3, H, W)` as `(H, W, 3)`, uint8; what lies outside [0, 1] is clipped."""
    pixels: Pixels = (image.detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return pixels
