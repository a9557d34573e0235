"""What a clip is to who reads it, and what comes out of one."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from allaprima.images.pixels import Pixels

if TYPE_CHECKING:
    from av import Packet
    from av.container.core import Chapter
    from av.stream import Stream


class ClipError(ValueError):
    """A file is not a clip that can be read; the message names it and says why."""


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a clip.

    Attributes:
        picture: Upright RGB of the size that was wanted, `(H, W, 3)`, uint8.
        whole: The same of the clip's own size, if that was wanted.
        pts: When it is shown, in units of the clip's time base.
        duration: For how long, in the same unit.
    """

    picture: Pixels
    whole: Pixels | None
    pts: int
    duration: int


@dataclass(frozen=True)
class Repeat:
    """A frame that was damaged: the one before it is shown again, for the sake of timing."""

    pts: int
    duration: int


@dataclass(frozen=True)
class Packets:
    """Packets of the other streams, in the file's order."""

    packets: "Sequence[Packet[Any]]"


Item = Frame | Repeat | Packets


@dataclass(frozen=True)
class ClipInfo:
    """What a clip says of itself.

    Attributes:
        path: The file.
        width: Of the upright picture.
        height: Of the upright picture.
        rate: Frames per second, on average.
        time_base: Seconds of a unit of time.
        seconds: How long it lasts, if the file says so.
        frames: How many frames the file says it has.
        pixel_aspect: Width of a pixel by its height.
        codec: What it is encoded with.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    seconds: float | None
    frames: int | None
    pixel_aspect: Fraction
    codec: str


@dataclass(frozen=True)
class Wanted:
    """What to read of a clip.

    Attributes:
        height: Of `Frame.picture`.
        width: Of `Frame.picture`.
        whole: Whether to read `Frame.whole` too.
        streams: Indices of the other streams whose packets are wanted.
    """

    height: int
    width: int
    whole: bool = False
    streams: Collection[int] = ()


@dataclass
class Losses:
    """What could not be read of a clip, so far.

    Attributes:
        damaged: How many frames were damaged, and repeated or, before the first good one, replaced by it.
        cut_short: Why reading ended before the clip's end, or nothing.
        resized: How many frames had another size than the first, and were scaled to it.
    """

    damaged: int = 0
    cut_short: str = ""
    resized: int = 0


@dataclass(frozen=True)
class Beside:
    """What a clip has besides its pictures.

    Attributes:
        streams: Of sound, subtitles, attachments and data, and further ones of pictures.
        metadata: Title, author and the like.
        pictures: Language and the like, of the stream of pictures.
        chapters: Begin, end and title of each; those of a section count from its start.
    """

    streams: "Sequence[Stream]" = ()
    metadata: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    chapters: "Sequence[Chapter]" = ()


class Clip(Protocol):
    """A clip that is open."""

    info: ClipInfo
    beside: Beside
    losses: Losses

    def items(self, wanted: Wanted) -> Iterator[Item]:
        """Yield what the clip holds, in the file's order; frames in the order in which they are shown."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...
