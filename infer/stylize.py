"""One picture to one stylised picture, of the same kind and size."""

from pathlib import Path
from typing import Any, Self, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from allaprima.models.images import DEFAULT_MAX_PIXELS, Picture, read_picture
from allaprima.models.style_file import load_style
from allaprima.models.transformer import MINIMUM_SIZE

from .engines import Engine, Precision, TorchEngine


class Stylizer:
    """Paint pictures in the style of one style file.

    Example:
        `Stylizer.load("wave.safetensors")("photo.jpg").save("painting.png")`

    Args:
        engine: The network, on a runtime.
        max_side: Pictures with a longer side are reduced to it before and enlarged after, which
            saves memory and time and makes the strokes larger. None leaves every picture alone.

    Raises:
        ValueError: If `max_side` is below 1.
    """

    def __init__(self, engine: Engine, *, max_side: int | None = None) -> None:
        if max_side is not None and max_side < 1:
            raise ValueError(f"max_side is {max_side}; expected at least 1")
        self._engine = engine
        self._max_side = max_side

    @classmethod
    def load(
        cls,
        style_file: Path | str,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        max_side: int | None = None,
    ) -> Self:
        """Return a stylizer for a style file.

        Args:
            style_file: What `allaprima train` wrote.
            device: `auto`, `cpu`, `cuda`, `mps` or another torch device.
            precision: Of weights and activations; `auto` is float16 on CUDA and float32 elsewhere.
            max_side: As for the class.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it is not a style file, or the device is absent.
        """
        network = load_style(Path(style_file)).network
        return cls(TorchEngine(network, device=device, precision=precision), max_side=max_side)

    @overload
    def __call__(self, picture: Path | str | Image.Image) -> Image.Image: ...
    @overload
    def __call__(self, picture: Picture) -> Picture: ...
    @overload
    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    @overload
    def __call__(self, picture: Tensor) -> Tensor: ...

    def __call__(self, picture: Any) -> Any:
        """Return the stylised picture, as the kind that was given and of exactly its size.

        Args:
            picture: A file, a Pillow image or a `Picture`, whose alpha is carried over; an sRGB
                array, `(H, W, 3)`, uint8; or a tensor, `(3, H, W)` or `(B, 3, H, W)`, RGB in
                [0, 1], of any floating type and device. A file gives a Pillow image.

        Raises:
            PictureError: If a file cannot be read.
            ValueError: If an array or tensor has the wrong shape, type or range, or a picture is
                smaller than 16x16.
            PictureTooLargeError: If memory does not suffice (a MemoryError).
            TypeError: If it is none of these kinds.
        """
        match picture:
            case Path() | str():
                return self(read_picture(Path(picture), max_pixels=DEFAULT_MAX_PIXELS)).to_image()
            case Image.Image():
                return self(Picture.from_image(picture)).to_image()
            case Picture():
                return Picture(self._stylize_array(picture.rgb), picture.alpha)
            case np.ndarray():
                return self._stylize_array(Picture(picture).rgb)
            case Tensor():
                return self._stylize_tensor(picture)
        raise TypeError(
            f"cannot stylise a {type(picture).__name__}; expected a path, a Pillow image, a Picture, "
            "a uint8 array or a float tensor"
        )

    def _stylize_array(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        content_image = torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None].float() / 255
        stylized = self._stylize_batch(content_image)[0].mul(255).round().byte()
        return np.ascontiguousarray(stylized.permute(1, 2, 0).cpu().numpy())

    def _stylize_tensor(self, images: Tensor) -> Tensor:
        shape = tuple(images.shape)
        right_shape = images.ndim in (3, 4) and shape[-3] == 3 and images.numel() > 0
        if not right_shape or not images.is_floating_point():
            raise ValueError(
                f"tensor is {images.dtype} {shape}; expected float (3, H, W) or (B, 3, H, W) in [0, 1]"
            )
        low, high = (float(value) for value in images.aminmax())
        if not (low >= 0 and high <= 1):
            raise ValueError(f"tensor has values from {low:g} to {high:g}; expected [0, 1]")
        stylized = self._stylize_batch(images.reshape(-1, *shape[-3:]).float())
        # A copy made here works in autograd, an inference tensor does not.
        return stylized.reshape(shape).to(images, copy=True)

    @torch.inference_mode()
    def _stylize_batch(self, content_images: Tensor) -> Tensor:
        height, width = content_images.shape[2:]
        if self._max_side is None:
            return self._engine(content_images)
        scale = max(self._max_side / max(height, width), MINIMUM_SIZE / min(height, width))
        if scale >= 1:
            return self._engine(content_images)
        reduced = _resize(content_images, round(height * scale), round(width * scale))
        return _resize(self._engine(reduced), height, width)


def _resize(images: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(images, (height, width), mode="bicubic", antialias=True).clamp(0, 1)
