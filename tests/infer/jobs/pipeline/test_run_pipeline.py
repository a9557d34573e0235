"""Many pictures: bounded, and independent of one another."""

import gc
from collections.abc import Iterator
from pathlib import Path
from weakref import ReferenceType, ref

import numpy as np
import pytest

from allaprima.images.picture_files import Picture
from allaprima.infer import Stylizer
from allaprima.infer.jobs.pipeline.run_pipeline import AHEAD, BYTES_AHEAD, Work, run_pipeline
from allaprima.infer.jobs.pipeline.stylize_stream import stylize_stream
from tests.conftest import paint


def grey(level: int, side: int = 16) -> Picture:
    return Picture(np.full((side, side, 3), level, np.uint8))


class Inverter:
    """A stylizer of rows of pictures that cannot do dark ones."""

    batch = 3

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, picture: Picture) -> Picture:
        if picture.rgb.max() < 5:
            raise ValueError("too dark")
        return Picture(255 - picture.rgb)

    def stream(self, batches: Iterator[list[Picture]]) -> Iterator[list[Picture]]:
        for batch in batches:
            self.sizes.append(len(batch))
            yield [self(picture) for picture in batch]


def test_batches_are_of_one_size_and_failures_are_of_one_picture() -> None:
    pictures = [grey(10), grey(20), grey(1), grey(30), grey(40, 20), grey(50, 20), grey(60)]
    stylizer = Inverter()
    results = list(stylize_stream(stylizer, enumerate(pictures)))
    assert [tag for tag, _ in results] == list(range(7))
    assert stylizer.sizes == [3, 1, 2, 1]
    for (tag, result), picture in zip(results, pictures, strict=True):
        if tag == 2:
            assert isinstance(result, ValueError)
        else:
            assert isinstance(result, Picture)
            np.testing.assert_array_equal(result.rgb, 255 - picture.rgb)


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("before", [0, 1, 2, 5])
def test_an_error_of_the_source_is_no_picture_s(batch: int, before: int) -> None:
    """What came before it is painted, and it is raised as it is: a file that is damaged is not whole."""

    def broken() -> Iterator[tuple[int, Picture]]:
        yield from ((number, grey(10 * number + 10)) for number in range(before))
        raise ValueError("the file is cut short")

    stylizer = Inverter()
    stylizer.batch = batch
    results: list[int] = []
    with pytest.raises(ValueError, match="the file is cut short"):
        results.extend(tag for tag, _ in stylize_stream(stylizer, broken()))
    assert results == list(range(before // batch * batch))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_result_does_not_depend_on_its_neighbours(style: Path, batch: int) -> None:
    stylizer = Stylizer.load(style, device="cpu", engine="eager", batch=batch)
    pictures = [Picture.from_image(paint(48, 64, seed)) for seed in range(4)]
    together = [result for _, result in stylize_stream(stylizer, enumerate(pictures))]
    for picture, result in zip(pictures, together, strict=True):
        assert isinstance(result, Picture)
        np.testing.assert_array_equal(result.rgb, stylizer(picture).rgb)


def test_no_more_is_read_than_is_needed_soon() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(10**9):
            taken = item
            yield item

    work = Work[int, int](lambda item: grey(item % 200 + 10), lambda item, _: item, lambda item, _: item)
    results = run_pipeline(items(), work, Inverter())
    for expected in range(50):
        assert next(results).result == expected
        assert taken <= expected + 4 * AHEAD + 4
    results.close()  # type: ignore[attr-defined]


def test_large_items_wait_one_at_a_time() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(50):
            taken = item
            yield item

    work = Work[int, int](
        *(lambda item: grey(item + 10), lambda item, _: item, lambda item, _: item), lambda _: BYTES_AHEAD + 1
    )
    for expected, done in enumerate(run_pipeline(items(), work, Inverter())):
        assert done.result == expected
        assert taken <= expected + 1 + Inverter.batch


class Item:
    """Something that can be watched."""


@pytest.mark.parametrize("fails", ["read", "write"])
def test_what_failed_is_not_kept(fails: str) -> None:
    """An error's traceback leads to its thread, and from there to the result, which is the error."""
    watched: list[ReferenceType[Item]] = []

    def items() -> Iterator[Item]:
        for _ in range(40):
            item = Item()
            watched.append(ref(item))
            yield item
            del item

    def read(item: Item) -> Picture:
        if fails == "read":
            raise ValueError("broken") from OSError("for a reason")
        return grey(100)

    def write(item: Item, _: Picture) -> None:
        raise OSError("no room")

    gc.disable()
    try:
        for done in run_pipeline(items(), Work[Item, None](read, write, lambda item, _: None), Inverter()):
            assert isinstance(done.result, ValueError if fails == "read" else OSError)
            assert sum(item() is not None for item in watched) <= 2 * AHEAD + 2 * Inverter.batch
    finally:
        gc.enable()
