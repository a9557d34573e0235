"""Inference: from a style file and pictures to stylised pictures."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .stylize import Stylizer

__all__ = ["Stylizer"]


def __getattr__(name: str) -> Any:
    """Import the public name when it is first used, so that `--help` stays quick."""
    if name != "Stylizer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .stylize import Stylizer

    return Stylizer
