"""One picture to one stylised picture, of the same kind and size."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, get_args, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from allaprima.did_you_mean import check_choice
from allaprima.images.background import WHITE, background_colour
from allaprima.images.colour import ColorChoice, with_colours_of
from allaprima.images.picture_files import DEFAULT_MAX_PIXELS, Picture, read_picture
from allaprima.images.pixels import enough
from allaprima.models.network_settings import MINIMUM_SIZE

from .engine_table import EngineChoice
from .engines import Engine
from .fine_detail import add_detail_to_array, add_detail_to_tensor
from .precision import PrecisionChoice
from .tiles.load import load_bounded_engine
from .tiles.memory_budget import Budget, Tiles
from .tiles.tiled_engine import BoundedEngine

if TYPE_CHECKING:
    from torch import Tensor

Images = TypeVar("Images")

_ROUNDING = 1e-3
"""How far outside [0, 1] values may lie, as arithmetic leaves them: a quarter of a level."""


class Stylizer:
    """Paint pictures in the style of one style file.

    Example:
        `Stylizer.load("great-wave")("photo.jpg").save("painting.png")`

    Threads may share one. Processes are started by `spawn`, or forked before the first style is loaded: after
    a later fork PyTorch computes on one thread, `compiled` raises RuntimeError when it paints, and OpenVINO
    when it loads another style.

    Args:
        engine: The network, on a runtime.
        max_side: Pictures with a longer side are reduced to it before and enlarged after, which
            saves memory and time and makes the strokes larger. None leaves every picture alone.
        detail: How much of the fine detail that reduced pictures have lost comes back afterwards, as light
            and shade from the photograph: 0 nothing, 1 all of it.
        batch: Pictures of one size that `stream` should be given at once, which a GPU may profit from.
        color: `style` paints in the style's colours, `keep` in the photograph's own.
        background: Colour that is painted where nothing can be seen of a picture, instead of what is hidden
            there, and that is behind it in a format without transparency: `white`, `black`, `#rrggbb`.

    Raises:
        ValueError: If `background` is no colour, `color` none of its choices, `max_side` or `batch` below 1,
            `detail` below 0, or there is a `detail` without `max_side`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        max_side: int | None = None,
        detail: float = 0.0,
        batch: int = 1,
        color: ColorChoice = "style",
        background: str = WHITE,
    ) -> None:
        if max_side is not None and max_side < 1:
            raise ValueError(f"max_side is {max_side}; expected at least 1")
        if not detail >= 0:
            raise ValueError(f"detail is {detail}; expected at least 0")
        if detail and max_side is None:
            raise ValueError("detail is lost, and can be brought back, only with a max_side; give one")
        if batch < 1:
            raise ValueError(f"batch is {batch}; expected at least 1")
        check_choice("color", color, get_args(ColorChoice))
        self.batch = batch
        self._engine = engine
        self._max_side = max_side
        self._detail = detail
        self._color: ColorChoice = color
        self._background = background_colour(background)

    @classmethod
    def load(
        cls,
        style_file: Path | str,
        *,
        engine: EngineChoice = "auto",
        device: str = "auto",
        precision: PrecisionChoice = "auto",
        max_side: int | None = None,
        detail: float = 0.0,
        tiles: Tiles = "auto",
        memory: int | None = None,
        batch: int = 1,
        color: ColorChoice = "style",
        background: str = WHITE,
        trust: bool = False,
    ) -> Self:
        """Return a stylizer for a style file.

        Args:
            style_file: What `allaprima train` wrote, the name of a bundled style, or what `allaprima export`
                made of either.
            engine: `auto` or an engine's name, as for `load_engine`.
            device: `auto`, `cpu`, `cuda`, `mps` or another device of the runtime.
            precision: Of weights and activations, as for `load_engine`.
            max_side: As for the class.
            detail: As for the class.
            tiles: How pictures that do not fit in memory are painted, in tiles: `exact`, as in one piece;
                `fast`, with the statistics of a reduced picture, which shows; or `auto`, exact where the
                disk has room for feature maps. An exported file cannot, and refuses such pictures.
            memory: Bytes that the process may take at its peak; None takes what is free.
            batch: As for the class.
            color: As for the class.
            background: As for the class.
            trust: Whether machine code (.aoti.pt2) may run, as for `load_engine`.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If it is not a style file, the engine does not fit it or is not installed, the
                device is absent, or another argument none of its choices.
        """
        colours: dict[str, Any] = {"color": color, "background": background_colour(background)}
        ready = load_bounded_engine(
            Path(style_file),
            engine=engine,
            device=device,
            precision=precision,
            tiles=tiles,
            budget=Budget(memory),
            trust=trust,
            **colours,
        )
        return cls(ready, max_side=max_side, detail=detail, batch=batch, **colours)

    @overload
    def __call__(self, picture: Path | str | Image.Image) -> Image.Image: ...
    @overload
    def __call__(self, picture: Picture) -> Picture: ...
    @overload
    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]: ...
    @overload
    def __call__(self, picture: "Tensor") -> "Tensor": ...

    def __call__(self, picture: Any) -> Any:
        """Return the stylised picture, as the kind that was given and of exactly its size.

        What is smaller than the network takes, 16x16, is mirrored at its edges for it.

        Args:
            picture: A file, a Pillow image or a `Picture`, whose alpha is carried over; an sRGB
                array, `(H, W, 3)`, uint8; or a tensor, `(3, H, W)` or `(B, 3, H, W)`, RGB in
                [0, 1], of any floating type and device. A file gives a Pillow image.

        Raises:
            PictureError: If a file cannot be read.
            ValueError: If an array or tensor has the wrong shape, type or range.
            PictureTooLargeError: If memory does not suffice (a MemoryError).
            TypeError: If it is none of these kinds.
        """
        match picture:
            case Path() | str():
                return self(read_picture(Path(picture), max_pixels=DEFAULT_MAX_PIXELS)).to_image()
            case Image.Image():
                return self(Picture.from_image(picture)).to_image()
            case Picture():
                filled = picture.filled(self._background)
                return replace(filled, rgb=self._stylize_array(filled.rgb))
            case np.ndarray():
                return self._stylize_array(Picture(picture).rgb)
        torch = sys.modules.get("torch")  # who has a tensor has imported it
        if torch is not None and isinstance(picture, torch.Tensor):
            return self._stylize_tensor(picture)
        raise TypeError(
            f"cannot stylise a {type(picture).__name__}; expected a path, a Pillow image, a Picture, "
            "a uint8 array or a float tensor"
        )

    @property
    def large_pictures(self) -> BoundedEngine | None:
        """What paints files that do not fit in memory; None where they are reduced, or refused."""
        return self._engine if isinstance(self._engine, BoundedEngine) and self._max_side is None else None

    @property
    def settings(self) -> dict[str, str | float | None]:
        """What results depend on, but for the style: the engine that runs it, its precision, the size."""
        tiles, engine = "auto", self._engine
        if isinstance(engine, BoundedEngine):
            tiles, engine = engine.tiles, engine.engine
        name = type(engine).__name__.removesuffix("Engine").lower()
        precision = getattr(engine, "precision", None)
        settings = {
            "engine": name,
            "precision": precision,
            "max_side": self._max_side,
            "detail": self._detail,
        }
        others = {
            "color": (self._color, "style"),
            "background": (self._background, WHITE),
            "tiles": (tiles, "auto"),
        }
        return settings | {name: value for name, (value, usual) in others.items() if value != usual}

    def stream(self, batches: Iterable[list[Picture]]) -> Iterator[list[Picture]]:
        """Yield pictures stylised, in order; those of a batch are of one size.

        Args:
            batches: As many as there are; on CUDA the next is copied while one is computed.

        Raises:
            ValueError: As calling it.
            PictureTooLargeError: As calling it.
        """
        stream = getattr(self._engine, "stream", None)
        if stream is None or self._max_side is not None:
            yield from ([self(picture) for picture in batch] for batch in batches)
            return
        pending: deque[list[Picture]] = deque()

        def arrays() -> Iterator[NDArray[np.uint8]]:
            for batch in batches:
                pending.append([picture.filled(self._background) for picture in batch])
                yield np.stack([_enlarged(picture.rgb) for picture in pending[-1]])

        for painted in stream(arrays()):
            pairs = zip(painted, pending.popleft(), strict=True)
            yield [replace(picture, rgb=self._shown(rgb, picture.rgb)) for rgb, picture in pairs]

    def _stylize_array(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        def run(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return np.asarray(self._engine(pixels[None])[0], np.uint8)

        enlarged = _enlarged(rgb)
        size = (enlarged.shape[0], enlarged.shape[1])
        painted = self._within_max_side(enlarged, size, run, _resize_array, add_detail_to_array)
        return self._shown(painted, rgb)

    def _shown(self, painted: NDArray[Any], photograph: NDArray[Any], white: float = 255) -> NDArray[Any]:
        """Return what is painted, `(H, W, 3)`, in the size and maybe the colours of what was given."""
        cut = painted[: photograph.shape[0], : photograph.shape[1]]
        return cut if self._color == "style" else with_colours_of(photograph, cut, white=white)

    def _stylize_tensor(self, images: "Tensor") -> "Tensor":
        import torch

        shape = tuple(images.shape)
        right_shape = images.ndim in (3, 4) and shape[-3] == 3 and images.numel() > 0
        if not right_shape or not images.is_floating_point():
            raise ValueError(
                f"tensor is {images.dtype} {shape}; expected float (3, H, W) or (B, 3, H, W) in [0, 1]"
            )
        low, high = (float(value) for value in images.aminmax())
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
            raise ValueError(f"tensor has values from {low:.9g} to {high:.9g}; expected [0, 1]")
        with torch.inference_mode():
            batch = images.reshape(-1, *shape[-3:]).float().clamp(0, 1)
            rows, columns = (torch.from_numpy(enough(side, MINIMUM_SIZE)) for side in shape[-2:])
            enlarged = batch[..., rows[:, None], columns]
            size = (len(rows), len(columns))
            stylized = self._within_max_side(
                enlarged, size, self._run_tensors, _resize_tensor, add_detail_to_tensor
            )
            stylized = self._shown_tensors(stylized[..., : shape[-2], : shape[-1]], batch)
        # A copy made here works in autograd, an inference tensor does not.
        return stylized.reshape(shape).to(images, copy=True)

    def _shown_tensors(self, painted: "Tensor", photographs: "Tensor") -> "Tensor":
        import torch

        if self._color == "style":
            return painted
        pairs = zip(
            *(images.permute(0, 2, 3, 1).cpu().numpy() for images in (painted, photographs)), strict=True
        )
        shown = np.stack([self._shown(picture, content, white=1) for picture, content in pairs])
        return torch.from_numpy(shown).permute(0, 3, 1, 2)

    def _run_tensors(self, images: "Tensor") -> "Tensor":
        import torch

        from .engines.eager import EagerEngine

        if isinstance(self._engine, EagerEngine | BoundedEngine):
            return self._engine.on_tensors(images)
        return torch.from_numpy(self._engine(images.cpu().contiguous().numpy()))

    def _within_max_side(
        self,
        images: Images,
        size: tuple[int, int],
        run: Callable[[Images], Images],
        resize: Callable[[Images, int, int], Images],
        add_detail: Callable[[Images, Images, Images, float], Images],
    ) -> Images:
        """Run pictures of a height and width, reduced before and enlarged after if they are too large."""
        height, width = size
        if self._max_side is None:
            return run(images)
        scale = max(self._max_side / max(height, width), MINIMUM_SIZE / min(height, width))
        if scale >= 1:
            return run(images)
        reduced = resize(images, round(height * scale), round(width * scale))
        enlarged = resize(run(reduced), height, width)
        if not self._detail:
            return enlarged
        return add_detail(enlarged, images, resize(reduced, height, width), self._detail)


def _enlarged(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture that the network takes, mirrored where it is too small."""
    if min(rgb.shape[:2]) >= MINIMUM_SIZE:
        return rgb
    rows, columns = (enough(side, MINIMUM_SIZE) for side in rgb.shape[:2])
    return rgb[rows[:, None], columns]


def _resize_array(rgb: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    return np.array(Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC))


def _resize_tensor(images: "Tensor", height: int, width: int) -> "Tensor":
    from torch.nn import functional as F

    return F.interpolate(images, (height, width), mode="bicubic", antialias=True).clamp(0, 1)
