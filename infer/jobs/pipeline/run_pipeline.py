"""Read, stylise, write: all three at the same time, with a bounded number of pictures on their way."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from time import perf_counter
from typing import Generic, TypeVar

from allaprima.images.large_picture_files import PictureFacts
from allaprima.images.picture_files import Picture

from .stylize_stream import FAILURES, PictureStylizer, stylize_stream

Item = TypeVar("Item")
Result = TypeVar("Result")

# Decoders and encoders leave Python's lock to others while they work, so threads do.
WORKERS = min(4, os.cpu_count() or 1)
AHEAD = 2 * WORKERS
"""Pictures that are read before they are needed, and as many that wait to be written."""


@dataclass(frozen=True)
class Work(Generic[Item, Result]):
    """What is done with an item.

    Attributes:
        read: Returns its picture, or of one that does not fit in memory what its file says of it.
        write: Puts the stylised picture where it belongs. Called in a thread, as `read` is.
        paint_large: Does everything for a picture that does not fit in memory.
    """

    read: Callable[[Item], Picture | PictureFacts]
    write: Callable[[Item, Picture], Result]
    paint_large: Callable[[Item, PictureFacts], Result]


@dataclass(frozen=True)
class Done(Generic[Item, Result]):
    """What became of an item.

    Attributes:
        item: The item.
        result: What `write` returned, or the error.
        seconds: From when it was read until it was written.
        size: Height and width of the picture, where it could be read.
        animated: Whether it is only the first frame of an animation.
    """

    item: Item
    result: Result | Exception
    seconds: float
    size: tuple[int, int] | None
    animated: bool = False


@dataclass(frozen=True)
class _Read(Generic[Item]):
    item: Item
    started: float
    picture: Picture | PictureFacts | Exception

    @property
    def kind(self) -> type:
        return Exception if isinstance(self.picture, Exception) else type(self.picture)

    def done(self, result: Result | Exception) -> Done[Item, Result]:
        size = None if isinstance(self.picture, Exception) else (self.picture.height, self.picture.width)
        animated = isinstance(self.picture, Picture) and self.picture.animated
        return Done(self.item, result, perf_counter() - self.started, size, animated)


def run_pipeline(
    items: Iterable[Item], work: Work[Item, Result], stylizer: PictureStylizer
) -> Iterator[Done[Item, Result]]:
    """Carry out the work on items, and yield what became of each, in order.

    Args:
        items: Taken as they are needed; there may be any number.
        work: What is done with each.
        stylizer: Stylises, in this thread.
    """
    with ThreadPoolExecutor(WORKERS) as readers, ThreadPoolExecutor(WORKERS) as writers:
        writing: deque[Future[Done[Item, Result]]] = deque()
        try:
            for read, painted in _painted(_read_ahead(items, work, readers), work, stylizer):
                writing.append(writers.submit(_finish, read, painted, work))
                while writing and (len(writing) > AHEAD or writing[0].done()):
                    yield writing.popleft().result()
            while writing:
                yield writing.popleft().result()
        finally:
            for pool in (readers, writers):
                pool.shutdown(wait=False, cancel_futures=True)


def _read_ahead(
    items: Iterable[Item], work: Work[Item, Result], pool: ThreadPoolExecutor
) -> Iterator[_Read[Item]]:
    reading: deque[Future[_Read[Item]]] = deque()
    for item in items:
        reading.append(pool.submit(_read, item, work))
        while reading and (len(reading) > AHEAD or reading[0].done()):
            yield reading.popleft().result()
    while reading:
        yield reading.popleft().result()


def _read(item: Item, work: Work[Item, Result]) -> _Read[Item]:
    started = perf_counter()
    try:
        return _Read(item, started, work.read(item))
    except FAILURES as error:
        return _Read(item, started, error)


def _painted(
    reads: Iterator[_Read[Item]], work: Work[Item, Result], stylizer: PictureStylizer
) -> Iterator[tuple[_Read[Item], Picture | Result | Exception]]:
    """Yield each item with its stylised picture, or with the end of its way: a result or an error."""
    for kind, alike in groupby(reads, key=lambda read: read.kind):
        if kind is Picture:
            yield from stylize_stream(stylizer, _tagged(alike))
        else:
            for read in alike:
                end: Result | Exception = _ended(read, work)
                yield read, end


def _tagged(reads: Iterator[_Read[Item]]) -> Iterator[tuple[_Read[Item], Picture]]:
    for read in reads:
        assert isinstance(read.picture, Picture)
        yield read, read.picture


def _ended(read: _Read[Item], work: Work[Item, Result]) -> Result | Exception:
    if isinstance(read.picture, Exception):
        return read.picture
    assert isinstance(read.picture, PictureFacts)
    try:
        return work.paint_large(read.item, read.picture)
    except FAILURES as error:
        return error


def _finish(
    read: _Read[Item], painted: Picture | Result | Exception, work: Work[Item, Result]
) -> Done[Item, Result]:
    if not isinstance(painted, Picture):
        return read.done(painted)
    try:
        return read.done(work.write(read.item, painted))
    except FAILURES as error:
        return read.done(error)
