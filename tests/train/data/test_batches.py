"""Batch k is a function of the seed and of k, whoever loads it and wherever iteration starts."""

import io
import multiprocessing
import tarfile
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from allaprima.train.data import batches as batches_module
from allaprima.train.data.batches import (
    Samples,
    ShuffledSamples,
    StepBatches,
    StreamedSamples,
    crop_number,
    echo_delay,
    unnamed,
)
from allaprima.train.data.sources import open_source, open_stream
from allaprima.train.data.undecoded_picture import Payload

COUNT = 23
SamplesOf = Callable[[], Samples]


def picture(number: int) -> bytes:
    """Red tells which picture it is, green and blue where in it."""
    rows, columns = np.mgrid[:24, :30] * 8
    pixels = np.stack([np.full_like(rows, 10 * number), rows, columns], axis=-1).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_tar(path: Path, pictures: Sequence[bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for number, data in enumerate(pictures):
            info = tarfile.TarInfo(f"{number:03}.png")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def samples_of(path: Path, kind: str, seed: int = 0) -> Samples:
    if kind == "stream":
        return StreamedSamples(open_stream(str(path)), seed=seed)
    source = open_source(str(path))
    return ShuffledSamples(source, range(len(source)), seed=seed)


@pytest.fixture(params=["source", "stream"])
def make_samples(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Samples]:
    """Make the samples of a tar file in which each picture can be told from the others."""
    monkeypatch.setattr(batches_module, "_SHUFFLE_BUFFER", 8)
    path = write_tar(tmp_path / "pictures.tar", [picture(number) for number in range(COUNT)])
    return lambda seed=0: samples_of(path, request.param, seed)


def batches(samples: Samples, start_step: int = 0, *, size: int = 4, **options: Any) -> StepBatches:
    return StepBatches(samples, batch_size=size, crop_size=16, seed=5, start_step=start_step, **options)


def take(batches: StepBatches, count: int) -> list[Tensor]:
    return list(islice(batches, count))


def numbers(batches: Sequence[Tensor]) -> list[int]:
    return [int(value) // 10 for value in torch.cat(list(batches))[:, 0, 0, 0]]


def test_batches_are_uint8(make_samples: SamplesOf) -> None:
    (batch,) = take(batches(make_samples()), 1)
    assert batch.shape == (4, 3, 16, 16)
    assert batch.dtype == torch.uint8
    assert batch.is_contiguous()


def test_every_picture_comes_once_per_epoch_in_another_order(make_samples: SamplesOf) -> None:
    order = numbers(take(batches(make_samples(), size=1), 3 * COUNT))
    epochs = [order[:COUNT], order[COUNT : 2 * COUNT], order[2 * COUNT :]]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != list(range(COUNT))


@pytest.mark.parametrize("start_step", [1, 5, 6, 17])
def test_a_later_start_gives_the_same_batches(make_samples: SamplesOf, start_step: int) -> None:
    whole = take(batches(make_samples()), 20)
    resumed = take(batches(make_samples(), start_step), 20 - start_step)
    assert all(map(torch.equal, whole[start_step:], resumed))


def test_iterating_again_starts_over(make_samples: SamplesOf) -> None:
    same = batches(make_samples(), 3)
    assert all(map(torch.equal, take(same, 4), take(same, 4)))


@pytest.mark.parametrize("world_size", [2, 4])
def test_ranks_share_the_batch_of_a_single_process(make_samples: SamplesOf, world_size: int) -> None:
    single = take(batches(make_samples(), 2), 9)
    size = 4 // world_size
    ranks = [
        take(batches(make_samples(), 2, size=size, rank=rank, world_size=world_size), 9)
        for rank in range(world_size)
    ]
    assert all(map(torch.equal, single, map(torch.cat, zip(*ranks, strict=True))))


@pytest.mark.parametrize("kind", ["source", "stream"])
@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_workers_make_no_difference(tmp_path: Path, kind: str, workers: int) -> None:
    pictures = [picture(number) for number in range(COUNT)]
    pictures[4] = b"broken"
    path = write_tar(tmp_path / "pictures.tar", pictures)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([StepBatches.__module__])
    loader = DataLoader(
        batches(samples_of(path, kind), 7),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=context,
    )
    assert all(map(torch.equal, take(batches(samples_of(path, kind), 7), 10), loader))


@pytest.mark.parametrize("echo", [2, 4, 7])
def test_every_crop_comes_as_often_as_it_should_and_seldom_with_the_same(echo: int) -> None:
    crops = [crop_number(sample, echo) for sample in range(600 * echo)]
    after_start = range(echo_delay(echo), 400)
    assert {crops.count(crop) for crop in after_start} == {echo}
    pairs = [
        pair
        for first in range(0, len(crops), echo)
        for pair in combinations(sorted(crops[first : first + echo]), 2)
        if pair[0] >= echo_delay(echo)
    ]
    assert max(Counter(pairs).values()) == 1


def test_an_echo_has_the_same_pixels(tmp_path: Path) -> None:
    samples = samples_of(
        write_tar(tmp_path / "a.tar", [picture(number) for number in range(COUNT)]), "source"
    )
    echoed = torch.cat(take(batches(samples, size=2, echo=2), 40))
    plain = torch.cat(take(batches(samples, size=2), 20))
    again = [crop_number(sample, 2) for sample in range(80)]
    assert all(
        torch.equal(echoed[sample], plain[again[sample]]) for sample in range(80) if again[sample] < 40
    )
    resumed = torch.cat(take(batches(samples, 7, size=2, echo=2), 33))
    assert torch.equal(echoed[14:], resumed)


def test_the_seed_decides(make_samples: Callable[..., Samples]) -> None:
    first, same, other = (numbers(take(batches(make_samples(seed=seed)), 5)) for seed in (0, 0, 1))
    assert first == same != other


@pytest.mark.parametrize("kind", ["source", "stream"])
def test_a_broken_picture_gives_way_to_the_next(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = [picture(number) for number in range(8)]
    good = samples_of(write_tar(tmp_path / "good.tar", pictures), kind)
    pictures[3] = pictures[5] = b"broken"
    path = write_tar(tmp_path / "bad.tar", pictures)
    order = numbers(take(batches(good, size=1), 30))
    expected = [next(number for number in order[sample:] if number not in (3, 5)) for sample in range(24)]
    assert numbers(take(batches(samples_of(path, kind), size=1), 24)) == expected
    assert len(caplog.messages) == 2
    assert "skipping broken content picture bad.tar/003.png" in caplog.text
    ranks = [take(batches(samples_of(path, kind), size=2, rank=rank, world_size=2), 6) for rank in (0, 1)]
    assert numbers([part for parts in zip(*ranks, strict=True) for part in parts]) == expected


@pytest.mark.parametrize("kind", ["source", "stream"])
def test_nothing_but_broken_pictures(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    path = write_tar(tmp_path / "bad.tar", [b"broken"] * 30)
    with pytest.raises(ValueError, match="1000 content pictures in a row cannot be read"):
        take(batches(samples_of(path, kind)), 1)
    assert len(caplog.messages) == 11  # the first ten, then at 16, 32, ...


def test_pictures_known_to_be_broken_keep_their_place(tmp_path: Path) -> None:
    pictures = [picture(number) for number in range(8)]
    pictures[3] = pictures[5] = b"broken"
    source = open_source(str(write_tar(tmp_path / "bad.tar", pictures)))
    unknown, known = (ShuffledSamples(source, range(8), seed=0, broken=broken) for broken in ((), (3, 5)))
    assert numbers(take(batches(known, size=1), 24)) == numbers(take(batches(unknown, size=1), 24))
    for indices in ([], [3, 5]):
        with pytest.raises(ValueError, match="none of the content pictures to train on can be read"):
            ShuffledSamples(source, indices, seed=0, broken=(3, 5))


def test_the_first_pictures_of_a_stream_can_be_skipped(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", [picture(number) for number in range(8)])
    samples = StreamedSamples(open_stream(str(path)), seed=0, skip=3)
    assert set(numbers(take(batches(samples), 10))) == {3, 4, 5, 6, 7}


def test_a_broken_picture_is_named_once_by_all_processes(caplog: pytest.LogCaptureFixture) -> None:
    named = unnamed()
    for _ in range(3):  # each process has its own batches, and the table in common
        batches = StepBatches(Broken(), batch_size=2, crop_size=32, seed=0, named=named)
        batches.batch(0)
    assert caplog.text.count("skipping broken content picture bad") == 1


class Broken:
    """Every second picture is broken."""

    def following(self, sample: int) -> Iterator[tuple[str, Payload]]:
        yield "bad", b""
        yield "good", np.zeros((40, 40, 3), np.uint8)


class Stream:
    """Pictures of a megabyte each, which can be told apart."""

    def __iter__(self) -> Iterator[tuple[str, Payload]]:
        return ((str(number), bytes([number]) + bytes(1 << 20)) for number in range(40))

    def fingerprint(self) -> str:
        return ""


def test_pictures_that_wait_to_be_shuffled_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "_SHUFFLE_BYTES", 8 << 20)
    tracemalloc.start()
    try:
        following = StreamedSamples(Stream(), seed=0).following(0)
        names = [next(following)[0] for _ in range(40)]
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()
    assert sorted(map(int, names)) == list(range(40))
    assert names != sorted(names, key=int)


def test_broken_pictures_of_a_stream_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "_SHUFFLE_BYTES", 2 << 20)
    monkeypatch.setattr(batches_module, "_GIVE_UP_AFTER", 38)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="38 content pictures in a row cannot be read"):
            batches(StreamedSamples(Stream(), seed=0)).batch(0)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20  # of 38
    finally:
        tracemalloc.stop()
