"""One clip stylised into one file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from allaprima.images.video import Clip, ClipInfo, Frame, Section, Wanted
from allaprima.models.network_settings import MINIMUM_SIZE

from .compositing import View
from .pipeline import StreamingEngine, stylize_film
from .writing import Encoding, FilmWriter
from .writing.encoders import Format
from .writing.part_file import PartFile

_ON_CUDA = 4
"""Frames at once on CUDA, to keep it busy; on a CPU one is as fast and takes less memory."""


@dataclass(frozen=True)
class Settings:
    """How a clip is stylised.

    Attributes:
        section: Which part of it.
        height: At which height it is painted; None, or one that is larger than the clip's, is the clip's own.
        view: What is shown of a stylised frame.
        encoding: How the result is encoded.
        batch: Frames at once; None is what suits the engine's device.
    """

    section: Section = field(default_factory=Section)
    height: int | None = None
    view: View = field(default_factory=View)
    encoding: Encoding = field(default_factory=Encoding)
    batch: int | None = None


def stylize_clip(
    engine: StreamingEngine,
    clip: Clip,
    part: PartFile,
    settings: Settings,
    on_frame: Callable[[Frame], None] = lambda frame: None,
) -> int:
    """Stylise a clip into a file, which gets its final name when all is there.

    Args:
        engine: The network.
        clip: What is read; `clip.losses` then tells what was damaged.
        part: What is written.
        settings: How.
        on_frame: Called for each frame that the network has painted.

    Returns:
        How many frames were written.

    Raises:
        ValueError: If encoder and settings do not go together.
        FilmStoppedError: If anything goes wrong later, Ctrl-C included; what was written by then plays.
    """
    info, view = clip.info, settings.view
    shown = Format(
        *view.size(info.height, info.width),
        rate=info.rate,
        time_base=info.time_base,
        pixel_aspect=info.pixel_aspect,
    )
    writer = FilmWriter(part, settings.encoding, shown, clip.beside)
    height, width = working_size(info, settings.height)
    wanted = Wanted(height, width, whole=view.needs_original, streams=writer.streams)
    batch = settings.batch or default_batch(engine)
    stylize_film(engine, clip, writer, wanted, view=view, batch=batch, on_frame=on_frame)
    return writer.count


def working_size(info: ClipInfo, height: int | None) -> tuple[int, int]:
    """Return height and width at which a clip is painted, of the clip's own shape."""
    if height is None or height >= info.height:
        return info.height, info.width
    scale = max(height / info.height, MINIMUM_SIZE / min(info.height, info.width))
    return round(info.height * scale), round(info.width * scale)


def default_batch(engine: Any) -> int:
    """Return how many frames at once suit an engine."""
    return _ON_CUDA if getattr(getattr(engine, "device", None), "type", "cpu") == "cuda" else 1
