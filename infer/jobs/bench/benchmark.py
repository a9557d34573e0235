"""How fast a folder of pictures is painted, beside what the engine alone and a plain loop would take."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from allaprima.images.picture_files import Picture, read_picture, write_picture
from allaprima.infer.jobs.pipeline.stylize_files import stylize_files
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.stylize import Stylizer

_WARM_UP = 2


@dataclass(frozen=True)
class Rate:
    """How fast one way is.

    Attributes:
        way: What was measured.
        pictures: How many.
        pixels: Of all of them.
        seconds: That they took.
        processor_seconds: Of all cores.
        first: Seconds until the first result.
    """

    way: str
    pictures: int
    pixels: int
    seconds: float
    processor_seconds: float
    first: float

    @property
    def per_second(self) -> float:
        """Pixels a second, for pictures differ in size."""
        return self.pixels / self.seconds


def measure_batch(
    stylizer: Stylizer, style_file: Path, sources: Sequence[Path], plain: int
) -> Iterator[Rate]:
    """Yield the rate of a plain loop, of the engine alone, and of a job; all in this process, one by one.

    Args:
        stylizer: The style on the engine to measure.
        style_file: The same style, for the plain loop.
        sources: Pictures, as large as they are.
        plain: How many of them the plain loop does.

    Raises:
        PictureError: If one cannot be read.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield _timed("plain loop", _plain_loop(style_file, sources[:plain], folder / "plain"))
        yield _timed("engine alone", _engine_alone(stylizer, sources[:plain]))
        yield _timed("job", _job(stylizer, sources, folder / "job"))


def _plain_loop(style_file: Path, sources: Sequence[Path], folder: Path) -> Iterator[tuple[int, int]]:
    """Read, the network as PyTorch carries it out by itself, save; one after the other."""
    import numpy as np
    import torch

    from allaprima.models.style_file import load_style

    network = load_style(style_file).network
    folder.mkdir()
    for source in sources:
        rgb = read_picture(source).rgb
        with torch.inference_mode():
            painted = network(torch.from_numpy(rgb).permute(2, 0, 1)[None] / 255)
        pixels = (painted[0] * 255).round().byte().permute(1, 2, 0)
        write_picture(Picture(np.asarray(pixels)), folder / f"{source.stem}.jpg")
        yield rgb.shape[0], rgb.shape[1]


def _engine_alone(stylizer: Stylizer, sources: Sequence[Path]) -> Iterator[tuple[int, int]]:
    pictures = [read_picture(source) for source in sources]
    for picture in pictures[:_WARM_UP]:
        stylizer(picture)
    yield 0, 0  # the time begins here
    for picture in pictures:
        stylizer(picture)
        yield picture.height, picture.width


def _job(stylizer: Stylizer, sources: Sequence[Path], folder: Path) -> Iterator[tuple[int, int]]:
    jobs = [Job(source, folder / f"{number}.jpg") for number, source in enumerate(sources)]
    for outcome in stylize_files(stylizer, jobs, large=stylizer.large_pictures):
        if outcome.error is not None:
            raise outcome.error
        assert outcome.size is not None
        yield outcome.size


def _timed(way: str, sizes: Iterator[tuple[int, int]]) -> Rate:
    """Carry out what yields the size of each picture that is done, or 0x0 when it is ready to begin."""
    started, processor, first, pixels, count = perf_counter(), process_time(), 0.0, 0, 0
    for height, width in sizes:
        if not height:
            started, processor = perf_counter(), process_time()
            continue
        first = first or perf_counter() - started
        pixels += height * width
        count += 1
    return Rate(way, count, pixels, perf_counter() - started, process_time() - processor, first)
