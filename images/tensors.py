"""Between 8-bit pixels and the tensors that networks take."""

import numpy as np
import torch
from torch import Tensor

from .pixels import Pixels


def to_image(pixels: Pixels, device: torch.device | str = "cpu") -> Tensor:
    """Return `(H, W, 3)`, uint8, as a picture `(1, 3, H, W)`, float32 in [0, 1]."""
    return to_floats(torch.from_numpy(np.array(pixels))[None].to(device))


def to_pixels(image: Tensor) -> Pixels:
    """Return a picture `(3, H, W)` as `(H, W, 3)`, uint8; what lies outside [0, 1] is clipped."""
    pixels: Pixels = to_bytes(image.detach()[None])[0].cpu().numpy()
    return pixels


def to_floats(images: Tensor) -> Tensor:
    """Return `(B, H, W, 3)`, uint8, as `(B, 3, H, W)`, float32 in [0, 1]."""
    return to_unit_range(images.permute(0, 3, 1, 2))


def to_unit_range(images: Tensor) -> Tensor:
    """Return uint8 pictures as float32 in [0, 1], of the same shape."""
    return images.float() / 255


def to_bytes(images: Tensor) -> Tensor:
    """Return `(B, 3, H, W)` as `(B, H, W, 3)`, uint8; what lies outside [0, 1] is clipped."""
    return (images.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).contiguous()
