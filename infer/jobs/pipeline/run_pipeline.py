"""Read, stylise, write: all three at the same time, with a bounded number of pictures on their way."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from time import perf_counter
from typing import Any, Generic, TypeVar

from allaprima.images.large_picture_files import PictureFacts
from allaprima.images.picture_files import Picture

from .stylize_stream import FAILURES, PictureStylizer, stylize_stream

Item = TypeVar("Item")
Result = TypeVar("Result")

# Decoders and encoders leave Python's lock to others while they work, so threads do.
WORKERS = min(4, os.cpu_count() or 1)
AHEAD = 2 * WORKERS
"""Pictures that are read before they are needed, and as many that wait to be written."""

BYTES_AHEAD = 1 << 26
"""What waits at each of these places takes no more, unless it is a single one."""


@dataclass(frozen=True)
class Work(Generic[Item, Result]):
    """What is done with an item.

    Attributes:
        read: Returns its picture, or of one that does not fit in memory what its file says of it.
        write: Puts the stylised picture where it belongs. Called in a thread, as `read` is.
        paint_large: Does everything for a picture that does not fit in memory.
        bytes_of: Returns how many bytes an item takes in memory by itself.
    """

    read: Callable[[Item], Picture | PictureFacts]
    write: Callable[[Item, Picture], Result]
    paint_large: Callable[[Item, PictureFacts], Result]
    bytes_of: Callable[[Item], int] = lambda _: 0


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
        animated = not isinstance(self.picture, Exception) and self.picture.animated
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
        writing = _Waiting[Done[Item, Result]]()
        try:
            for read, painted in _painted(_read_ahead(items, work, readers), work, stylizer):
                size = work.bytes_of(read.item) + (painted.nbytes if isinstance(painted, Picture) else 0)
                writing.append(writers.submit(_finish, read, painted, work), size)
                yield from writing.ready()
            yield from writing.all()
        finally:
            for pool in (readers, writers):
                pool.shutdown(wait=False, cancel_futures=True)


def _read_ahead(
    items: Iterable[Item], work: Work[Item, Result], pool: ThreadPoolExecutor
) -> Iterator[_Read[Item]]:
    reading = _Waiting[_Read[Item]]()
    for item in items:
        reading.append(pool.submit(_read, item, work), work.bytes_of(item))
        yield from reading.ready()
    yield from reading.all()


class _Waiting(Generic[Result]):
    """What is not done yet, and what is but waits for what came before."""

    def __init__(self) -> None:
        self._futures: deque[tuple[Future[Result], int]] = deque()

    def append(self, future: Future[Result], size: int) -> None:
        """Add something that takes so many bytes, besides the picture that it has when it is read."""
        self._futures.append((future, size))

    def ready(self) -> Iterator[Result]:
        """Yield what comes first while it is done, or too much waits."""
        while self._futures and (self._are_many() or self._futures[0][0].done()):
            yield self._futures.popleft()[0].result()

    def all(self) -> Iterator[Result]:
        """Yield all in order."""
        while self._futures:
            yield self._futures.popleft()[0].result()

    def _are_many(self) -> bool:
        held = sum(size + _picture_bytes(future) for future, size in self._futures)
        return len(self._futures) > AHEAD or held > BYTES_AHEAD


def _picture_bytes(future: Future[Any]) -> int:
    """Return how many bytes the picture takes that was read, if it was."""
    read = future.result() if future.done() else None
    return read.picture.nbytes if isinstance(read, _Read) and isinstance(read.picture, Picture) else 0


def _read(item: Item, work: Work[Item, Result]) -> _Read[Item]:
    started = perf_counter()
    try:
        return _Read(item, started, work.read(item))
    except FAILURES as error:
        return _Read(item, started, _without_traceback(error))


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
        return read.done(_without_traceback(error))


def _without_traceback(error: Exception) -> Exception:
    """Return an error that does not keep what was in memory where it happened.

    As a result of a thread it would keep itself there, too: below it is the frame that holds the result.
    """
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error
