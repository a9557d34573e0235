"""How steady styles are on clips: measured, printed, and written into a style file."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from allaprima.models.bundled_styles import find_style
from allaprima.models.style_file import Style, save_style
from allaprima.terminal import say

from .scores import stylize
from .terminal_output import table_console, tracked
from .video.measure import Videos, measure
from .video.report import as_figures, as_table
from .video.steadiness import Paint, Steadiness


def measure_videos(styles: Mapping[Path, Style], videos: Videos, device: torch.device) -> list[Steadiness]:
    """Measure clips, print how steady they are, and return it.

    Args:
        styles: What was loaded, by style files or names of bundled styles.
        videos: The clips.
        device: Where they are painted.
    """
    clips = measure(videos, _paints(styles, device), lambda paths: tracked(paths, "measuring clips"))
    table_console().print(as_table(clips))
    return clips


def record_steadiness(path: Path, style: Style, clips: Sequence[Steadiness]) -> None:
    """Write into a style file how steady it is: what was measured of the first of some styles."""
    file, header = find_style(path), style.header
    figures = as_figures(clips, next(iter(clips[0].errors)))
    save_style(file, style.network, header.model_copy(update={"quality": {**header.quality, **figures}}))
    say(f"recorded in {file}: {', '.join(f'{name} {value:.3g}' for name, value in figures.items())}")


def _paints(styles: Mapping[Path, Style], device: torch.device) -> dict[str, Paint]:
    """Return networks by the names of their files, or by their paths where those are the same."""
    alike = len({path.stem for path in styles}) < len(styles)
    return {
        str(path) if alike else path.stem: partial(stylize, style.network.to(device))
        for path, style in styles.items()
    }
