"""A style file as an engine for pictures of any size."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from allaprima.did_you_mean import check_choice
from allaprima.images.background import WHITE
from allaprima.images.colour import ColorChoice
from allaprima.infer.engine_table import EngineChoice, is_style_file
from allaprima.infer.engines.load import load_engine
from allaprima.infer.engines.protocol import BaseEngine
from allaprima.infer.precision import PrecisionChoice

from .memory_budget import Budget, Tiles
from .tiled_engine import BoundedEngine

if TYPE_CHECKING:
    from .painter import TilePainter


def load_bounded_engine(
    path: Path,
    *,
    engine: EngineChoice = "auto",
    device: str = "auto",
    precision: PrecisionChoice = "auto",
    tiles: Tiles = "auto",
    budget: Budget,
    color: ColorChoice = "style",
    background: str = WHITE,
    trust: bool = False,
) -> BaseEngine | BoundedEngine:
    """Return a style made ready to run, as `load_engine`, for pictures of any size.

    Tiles run in PyTorch, compiled with the engine `compiled` and eager with all others, in half precision
    where that is asked for or, on CUDA, by itself. An exported file has no weights to take apart: it stays
    as it is, and refuses what does not fit in the budget.

    Args:
        path: As for `load_engine`.
        engine: As for `load_engine`.
        device: As for `load_engine`.
        precision: As for `load_engine`.
        tiles: How tiles come by their statistics.
        budget: Memory that may be taken.
        color: Of files that are painted in tiles.
        background: Of them too, as for `Stylizer`.
        trust: As for `load_engine`.

    Raises:
        OSError: As `load_engine`.
        ValueError: As `load_engine`, or if `tiles` is none of its choices, or chosen for an exported file.
    """
    check_choice("tiles", tiles, get_args(Tiles))
    whole = load_engine(path, engine=engine, device=device, precision=precision, trust=trust)
    if not is_style_file(path):
        if tiles != "auto":
            raise ValueError(
                f"'{path}' is an exported file, which paints every picture in one piece; leave out --tiles, "
                "or give the style file"
            )
        whole.limit_memory(budget.left)
        return whole

    make_painter = partial(_painter, path, engine, device, precision, tiles, budget)
    return BoundedEngine(whole, make_painter, budget, color=color, background=background, tiles=tiles)


def _painter(
    path: Path, engine: EngineChoice, device: str, precision: PrecisionChoice, tiles: Tiles, budget: Budget
) -> "TilePainter":
    import torch

    from allaprima.infer.engines.eager import resolve_device
    from allaprima.models.style_file import load_style

    from .painter import TilePainter
    from .tiled_network import TiledNetwork

    if precision == "auto":
        precision = "float16" if resolve_device(device).type == "cuda" else "float32"
    options: dict[str, Any] = {"device": device, "dtype": getattr(torch, precision)}
    if engine == "compiled":
        from allaprima.infer.engines.compiled import compiled_for_all_sizes

        options["prepare"] = compiled_for_all_sizes
    return TilePainter(TiledNetwork(load_style(path).network, **options), tiles=tiles, budget=budget)
