"""Decoding, network and encoding at once: order, batches, bounded memory, and every way to end early."""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from allaprima.images.video import Clip, Item, Packets, Repeat, Wanted, open_clip
from allaprima.infer.video.pipeline import FilmStoppedError
from allaprima.infer.video.stylize_clip import Settings, default_batch, stylize_clip, working_size
from allaprima.infer.video.writing import Encoding
from allaprima.infer.video.writing.part_file import PartFile
from tests.conftest import largest_file
from tests.images.video.conftest import Identity, Making, make_clip, picture, read_frames


class Recording(Identity):
    """Leaves pictures as they are, and counts them."""

    def __init__(self, fail_at: int | None = None, error: BaseException | None = None) -> None:
        self.batches: list[int] = []
        self._fail_at, self._error = fail_at, error

    def stream(self, batches: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        for batch in batches:
            if self._error is not None and sum(self.batches) == self._fail_at:
                raise self._error
            self.batches.append(len(batch))
            yield batch


def run(engine: Any, source: Path, target: Path, settings: Settings | None = None) -> int:
    with PartFile(target, overwrite=False) as part:
        return stylize_clip(engine, open_clip(source), part, settings or Settings())


@pytest.mark.parametrize("batch", [1, 4, 5, 20])
def test_batches_keep_the_order(tmp_path: Path, batch: int) -> None:
    source = make_clip(tmp_path / "a.mp4", Making(sound="aac"))
    engine = Recording()
    settings = Settings(batch=batch, encoding=Encoding(crf=1))
    assert run(engine, source, tmp_path / "b.mp4", settings) == 12
    full, rest = divmod(12, batch)
    assert engine.batches == [batch] * full + [rest] * (rest > 0)
    times, pictures = read_frames(tmp_path / "b.mp4")
    assert times == read_frames(source)[0]
    for index, actual in enumerate(pictures):
        assert abs(actual.astype(int) - picture(index)).mean() < 4


def test_engines_that_are_a_batch_behind(tmp_path: Path) -> None:
    """As that of CUDA is."""

    class Behind(Identity):
        def stream(self, batches: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
            held: list[NDArray[Any]] = []
            for batch in batches:
                held.append(batch)
                if len(held) > 2:
                    yield held.pop(0)
            yield from held

    source = make_clip(tmp_path / "a.mp4")
    run(Behind(), source, tmp_path / "b.mp4", Settings(encoding=Encoding(crf=1)))
    for index, actual in enumerate(read_frames(tmp_path / "b.mp4")[1]):
        assert abs(actual.astype(int) - picture(index)).mean() < 4


def test_little_is_decoded_ahead(tmp_path: Path) -> None:
    """Frames in memory are few, however slow the network is and however long the clip."""
    source = make_clip(tmp_path / "a.mp4", Making([picture(index) for index in range(100)]))

    class Counting:
        def __init__(self, clip: Clip) -> None:
            self.clip, self.read = clip, 0
            self.info, self.beside, self.losses = clip.info, clip.beside, clip.losses

        def items(self, wanted: Wanted) -> Iterator[Item]:
            for item in self.clip.items(wanted):
                self.read += 1
                yield item

        def close(self) -> None:
            self.clip.close()

    clip = Counting(open_clip(source))
    ahead: list[int] = []

    class Slow(Identity):
        def stream(self, batches: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
            for count, batch in enumerate(batches):
                threading.Event().wait(0.005)
                ahead.append(clip.read - count)
                yield batch

    with PartFile(tmp_path / "b.mp4", overwrite=False) as part:
        stylize_clip(Slow(), clip, part, Settings())
    assert clip.read == 100
    assert max(ahead) <= 10


def test_damaged_frames_are_encoded_again(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4")

    class Damaged:
        def __init__(self, clip: Clip) -> None:
            self.clip = clip
            self.info, self.beside, self.losses = clip.info, clip.beside, clip.losses

        def items(self, wanted: Wanted) -> Iterator[Item]:
            for index, item in enumerate(self.clip.items(wanted)):
                assert not isinstance(item, Packets)
                yield Repeat(item.pts, item.duration) if index in (5, 11) else item

        def close(self) -> None:
            self.clip.close()

    with PartFile(tmp_path / "b.mp4", overwrite=False) as part:
        settings = Settings(encoding=Encoding(crf=1))
        assert stylize_clip(Identity(), Damaged(open_clip(source)), part, settings) == 12
    times, pictures = read_frames(tmp_path / "b.mp4")
    assert times == read_frames(source)[0]
    assert abs(pictures[5].astype(int) - picture(4)).mean() < 4
    assert abs(pictures[11].astype(int) - picture(10)).mean() < 4


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("broken"), MemoryError()])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".gif", ".webp"])
def test_what_was_written_before_an_error_plays(tmp_path: Path, error: BaseException, suffix: str) -> None:
    source, target = make_clip(tmp_path / "a.mp4", Making(sound="aac")), tmp_path / f"b{suffix}"
    before = threading.active_count()
    with pytest.raises(FilmStoppedError) as stopped:
        run(Recording(7, error), source, target)
    assert stopped.value.cause is error
    assert stopped.value.kept == f"'{tmp_path / f'b.part{suffix}'}' has the first 7 frames and plays"
    assert not target.exists()
    clip = open_clip(tmp_path / f"b.part{suffix}")
    frames = [item for item in clip.items(Wanted(48, 64)) if not isinstance(item, Packets)]
    assert len(frames) == 7
    assert threading.active_count() <= before


@pytest.mark.parametrize(("size", "plays"), [(3_000, False), (300_000, True)])
def test_no_more_is_promised_than_got_onto_the_disk(tmp_path: Path, size: int, plays: bool) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (120, 48, 64, 3), dtype=np.uint8)
    source, part = make_clip(tmp_path / "a.mp4", Making(list(noise))), tmp_path / "b.part.mp4"
    settings = Settings(encoding=Encoding(crf=1))
    with largest_file(size), pytest.raises(FilmStoppedError, match="file too large") as stopped:
        run(Identity(), source, tmp_path / "b.mp4", settings)
    assert part.exists() == plays
    assert stopped.value.kept == (f"'{part}' plays as far as it was written" if plays else "")
    if plays:
        frames = [item for item in open_clip(part).items(Wanted(48, 64)) if not isinstance(item, Packets)]
        assert 0 < len(frames) < 120


def test_nothing_is_left_of_what_never_began(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4")
    with pytest.raises(FilmStoppedError) as stopped:
        run(Recording(0, ValueError("too small")), source, tmp_path / "b.mp4")
    assert not stopped.value.kept
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_errors_of_reading_end_it_too(tmp_path: Path) -> None:
    clip = open_clip(make_clip(tmp_path / "a.mp4"))

    class Failing:
        info, beside, losses = clip.info, clip.beside, clip.losses

        def items(self, wanted: Wanted) -> Iterator[Item]:
            for index, item in enumerate(clip.items(wanted)):
                if index == 4:
                    raise MemoryError("no room")
                yield item

        def close(self) -> None:
            clip.close()

    with (
        PartFile(tmp_path / "b.mp4", overwrite=False) as part,
        pytest.raises(FilmStoppedError, match="no room") as stopped,
    ):
        stylize_clip(Identity(), Failing(), part, Settings())
    assert "has the first 4 frames and plays" in stopped.value.kept


def test_working_sizes() -> None:
    from dataclasses import replace

    info = replace(_info(), height=720, width=1280)
    assert working_size(info, None) == (720, 1280)
    assert working_size(info, 1080) == (720, 1280)
    assert working_size(info, 360) == (360, 640)
    assert working_size(replace(info, height=1280, width=100), 100) == (205, 16)


def _info() -> Any:
    from fractions import Fraction

    from allaprima.images.video import ClipInfo

    return ClipInfo(Path("a"), 64, 48, Fraction(25), Fraction(1, 25), 1.0, 25, Fraction(1), "h264")


def test_batches_where_they_pay() -> None:
    class OnGpu(Identity):
        class device:
            type = "cuda"

    assert (default_batch(Identity()), default_batch(OnGpu())) == (1, 4)
    assert np.zeros(0).size == 0
