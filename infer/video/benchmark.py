"""How fast clips are stylised from file to file, next to the network alone, and what a long one takes."""

import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from allaprima.images.pixels import Pixels
from allaprima.images.video import Frame, Wanted, open_clip

from .looped_clip import Looping
from .pipeline import StreamingEngine
from .stages import Stages, measure_stages
from .stylize_clip import Settings, default_batch, stylize_clip
from .writing.encoders import Format
from .writing.part_file import PartFile

_IN_MEMORY = 64
"""How many decoded frames the network alone is fed with, again and again."""
_SAMPLED_EVERY = 0.2


class Unchanged:
    """A network that leaves pictures as they are: what is left is the cost of everything around it."""

    def stream(self, batches: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Yield each batch as it is."""
        yield from batches


@dataclass(frozen=True)
class Timing:
    """How fast something was.

    Attributes:
        rate: Frames per second.
        processor_ms: Milliseconds of processor time a frame, on all cores together. Unlike the rate this
            does not depend on what else the machine does.
    """

    rate: float
    processor_ms: float


@dataclass(frozen=True)
class Rates:
    """How fast a clip is stylised, and its parts are.

    Attributes:
        decoded: Read and converted, and nothing else.
        unchanged: From file to file with a network that leaves pictures as they are.
        network: Of the network alone, on frames in memory.
        stylized: From file to file.
        stages: What surrounds the network, stage by stage.
    """

    decoded: Timing
    unchanged: Timing
    network: Timing
    stylized: Timing
    stages: Stages

    @property
    def cost(self) -> float:
        """How much longer a clip takes than the network alone."""
        return self.network.rate / self.stylized.rate - 1

    @property
    def rest(self) -> float:
        """Milliseconds of processor time a frame that no stage accounts for: what is passed between threads,
        sound, and what they take from one another."""
        return self.stylized.processor_ms - self.network.processor_ms - self.stages.total

    def as_dict(self) -> dict[str, Any]:
        """Return all figures by name."""
        return {**asdict(self), "cost": self.cost}


@dataclass(frozen=True)
class Endurance:
    """What a long clip takes, with a network that leaves pictures as they are.

    Attributes:
        seconds: Of the clip.
        rate: Frames per second.
        early: Memory of the process in bytes, in the second tenth of the run.
        late: The same in the last tenth.
        frames_lost: Frames that came out less than went in.
        drift: By how many seconds sound and pictures moved apart, at most.
    """

    seconds: float
    rate: float
    early: int
    late: int
    frames_lost: int
    drift: float


def make_clip(source: Path, target: Path, size: tuple[int, int], seconds: float) -> Path:
    """Write a clip of a size and length that shows another over and over."""
    with PartFile(target, overwrite=True) as part:
        clip = Looping(source, size, seconds)
        stylize_clip(Unchanged(), clip, part, Settings())
        clip.close()
    return target


def measure_rates(engine: StreamingEngine, source: Path, folder: Path, batch: int | None) -> Rates:
    """Return how fast a clip is stylised, and how fast its parts are.

    Args:
        engine: The network.
        source: The clip, long enough to be timed.
        folder: Where results are written.
        batch: Frames at once; None is what suits the engine's device.
    """
    decoded = _timed(lambda: sum(1 for _ in _pictures(source)))
    pictures = [picture for picture, _ in zip(_pictures(source), range(_IN_MEMORY), strict=False)]
    size = batch or default_batch(engine)
    count = _counted(source)
    for _ in engine.stream(iter([np.stack(pictures[:size])] * 3)):  # warmed up
        pass
    alone = _timed(lambda: sum(map(len, engine.stream(_batches(pictures, count, size)))))
    unchanged = _timed(lambda: _stylized(Unchanged(), source, folder / "unchanged.mp4", size))
    stylized = _timed(lambda: _stylized(engine, source, folder / "stylized.mp4", size))
    painted = list(chain.from_iterable(engine.stream(_batches(pictures, len(pictures), size))))
    stages = measure_stages(source, painted, _format_of(source), folder / "stages.mp4")
    return Rates(decoded, unchanged, alone, stylized, stages)


def measure_endurance(source: Path, folder: Path) -> Endurance:
    """Return what a long clip takes in memory, and whether its sound drifts."""
    target = folder / "long.mp4"
    done = threading.Event()
    process = psutil.Process()
    samples = [process.memory_info().rss]

    def sample() -> None:
        while not done.wait(_SAMPLED_EVERY):
            samples.append(process.memory_info().rss)

    sampling = threading.Thread(target=sample, daemon=True)
    sampling.start()
    started = perf_counter()
    count = _stylized(Unchanged(), source, target, 1)
    rate = count / (perf_counter() - started)
    done.set()
    sampling.join()
    samples.append(process.memory_info().rss)  # a short run may have ended before the first sample
    tenth = max(1, len(samples) // 10)
    read, written = _ends(source), _ends(target)
    return Endurance(
        seconds=read["video"][1],
        rate=rate,
        early=round(statistics.median(samples[tenth : 2 * tenth])),
        late=round(statistics.median(samples[-tenth:])),
        frames_lost=int(read["video"][0] - written["video"][0]),
        drift=max(abs(read[kind][1] - written[kind][1]) for kind in read),
    )


def _pictures(source: Path) -> Iterator[Pixels]:
    clip = open_clip(source)
    for item in clip.items(Wanted(clip.info.height, clip.info.width)):
        if isinstance(item, Frame):
            yield item.picture
    clip.close()


def _format_of(source: Path) -> Format:
    clip = open_clip(source)
    info = clip.info
    clip.close()
    return Format(info.height, info.width, rate=info.rate, time_base=info.time_base)


def _counted(source: Path) -> int:
    return int(_ends(source)["video"][0])


def _batches(pictures: Sequence[Pixels], count: int, size: int) -> Iterator[Pixels]:
    """Yield the pictures in batches, over and over, until so many came."""
    for start in range(0, count, size):
        chosen = [pictures[index % len(pictures)] for index in range(start, min(start + size, count))]
        yield chosen[0][None] if size == 1 else np.stack(chosen)


def _stylized(engine: StreamingEngine, source: Path, target: Path, batch: int) -> int:
    clip = open_clip(source)
    with PartFile(target, overwrite=True) as part:
        count = stylize_clip(engine, clip, part, Settings(batch=batch))
    clip.close()
    return count


def _timed(run: Callable[[], int]) -> Timing:
    """Return how fast something is that returns how many frames it did."""
    started, used = perf_counter(), process_time()
    count = run()
    return Timing(count / (perf_counter() - started), 1000 * (process_time() - used) / count)


def _ends(path: Path) -> dict[str, tuple[int, float]]:
    """Return how many packets of pictures and of sound a file has, and when the last begins."""
    import av

    ends = {}
    for kind in ("video", "audio"):
        with av.open(str(path)) as container:
            if not getattr(container.streams, kind):
                continue
            times = [p.pts * p.time_base for p in container.demux(**{kind: 0}) if p.pts is not None]
            ends[kind] = (len(times), float(max(times)))
    return ends
