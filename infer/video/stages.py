"""Where the processor's time goes around the network, stage by stage."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import process_time

import av
from av import VideoFrame

from allaprima.images.pixels import Pixels
from allaprima.images.video.container import open_container, pictures_of
from allaprima.images.video.decoder import Decoder
from allaprima.images.video.frame_to_rgb import RgbReader
from allaprima.images.video.rgb_to_frame import FrameMaker

from .writing import Encoding, resolve
from .writing.encoders import FilmEncoder, Format


@dataclass(frozen=True)
class Stages:
    """Processor time of each stage by itself, on all cores together, in milliseconds a frame.

    Attributes:
        decode: From packets to YCbCr.
        to_rgb: From YCbCr to RGB.
        to_ycbcr: From RGB to YCbCr.
        encode: From YCbCr to packets in a file.
    """

    decode: float
    to_rgb: float
    to_ycbcr: float
    encode: float

    @property
    def total(self) -> float:
        """Of all stages."""
        return self.decode + self.to_rgb + self.to_ycbcr + self.encode


def measure_stages(source: Path, painted: Sequence[Pixels], format: Format, target: Path) -> Stages:
    """Return what each stage takes, one after another, on a few frames.

    Args:
        source: The clip.
        painted: What became of its first frames: painted ones take longer to encode.
        format: Of the result.
        target: Where it is written.
    """
    count = len(painted)
    frames = list(islice(_decoded(source, format), count))
    read = RgbReader(format.height, format.width)
    make = FrameMaker(format.height, format.width, "yuv420p")
    to_ycbcr = _timed(map(make, painted))
    return Stages(
        decode=_timed(islice(_decoded(source, format), count)),
        to_rgb=_timed(map(read, frames)),
        to_ycbcr=to_ycbcr,
        encode=_timed(_encoded(painted, format, target)) - to_ycbcr,
    )


def _decoded(source: Path, format: Format) -> Iterator[VideoFrame]:
    with open_container(source) as container:
        video = pictures_of(container, source)
        decoder = Decoder(video, format.rate)
        for packet in container.demux(video):
            yield from (shown.frame for shown in decoder.decode(packet if packet.size else None))


def _encoded(painted: Sequence[Pixels], format: Format, target: Path) -> Iterator[Pixels]:
    lasting = round(1 / format.rate / format.time_base)
    with av.open(str(target), "w") as container:
        encoder = FilmEncoder(container, resolve(Encoding(), target), Encoding(), format)
        for index, picture in enumerate(painted):
            container.mux(encoder.encode(picture, index * lasting, lasting))
            yield picture
        container.mux(encoder.flush())


def _timed(things: Iterable[object]) -> float:
    """Return the milliseconds of processor time in which each of some things is made."""
    used = process_time()
    count = sum(1 for _ in things)
    return 1000 * (process_time() - used) / count
