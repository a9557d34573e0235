"""Pictures in a row through a stylizer, in batches of one size, each picture's failure its own."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice
from typing import Generic, Protocol, TypeVar, runtime_checkable

from allaprima.images.picture_files import Picture

Tag = TypeVar("Tag")

FAILURES = (ValueError, OSError, RuntimeError, MemoryError)
"""What may be wrong with one picture; CUDA's errors are RuntimeErrors. Anything else is a mistake of ours."""


class PictureStylizer(Protocol):
    """What a job needs of a `Stylizer`."""

    def __call__(self, picture: Picture, /) -> Picture:
        """Return the stylised picture."""
        ...


@runtime_checkable
class StreamingStylizer(Protocol):
    """A stylizer that is faster for pictures in a row."""

    batch: int
    """Pictures of one size that it takes at once."""

    def stream(self, batches: Iterable[list[Picture]], /) -> Iterator[list[Picture]]:
        """Yield each batch stylised, in order."""
        ...


def stylize_stream(
    stylizer: PictureStylizer, pictures: Iterable[tuple[Tag, Picture]]
) -> Iterator[tuple[Tag, Picture | Exception]]:
    """Yield every picture stylised, or what went wrong with it, in order.

    A picture's result never depends on its neighbours: only pictures of one size that follow one another
    become a batch, and if a batch fails its pictures are tried one by one.

    Args:
        stylizer: What stylises.
        pictures: Pictures, each with a tag of the caller's.
    """
    if not isinstance(stylizer, StreamingStylizer):
        for tag, picture in pictures:
            yield tag, _alone(stylizer, picture)
        return
    source = _Source(pictures)
    groups = _batches(source, stylizer.batch)
    while True:
        flying: deque[list[tuple[Tag, Picture]]] = deque()
        try:
            for results in stylizer.stream(_fed(groups, flying)):
                for (tag, _), result in zip(flying.popleft(), results, strict=True):
                    yield tag, result
            return
        except FAILURES as error:
            # A stream gives what came before an error, so the first is the batch that failed.
            failed = list(flying) if error is source.error else [flying.popleft()]
        for tag, picture in chain.from_iterable(failed):
            yield tag, _alone(stylizer, picture)
        if source.error is not None:
            raise source.error


class _Source(Generic[Tag]):
    """Pictures, and the error that ended them: theirs, and none of a batch."""

    def __init__(self, pictures: Iterable[tuple[Tag, Picture]]) -> None:
        self._pictures = pictures
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[tuple[Tag, Picture]]:
        try:
            yield from self._pictures
        except Exception as error:
            self.error = error
            raise


def _alone(stylizer: PictureStylizer, picture: Picture) -> Picture | Exception:
    try:
        return stylizer(picture)
    except FAILURES as error:
        return error


def _fed(
    groups: Iterator[list[tuple[Tag, Picture]]], flying: deque[list[tuple[Tag, Picture]]]
) -> Iterator[list[Picture]]:
    for group in groups:
        flying.append(group)
        yield [picture for _, picture in group]


def _batches(pictures: Iterable[tuple[Tag, Picture]], size: int) -> Iterator[list[tuple[Tag, Picture]]]:
    if size == 1:  # groupby would wait for the next picture before it lets go of one
        yield from ([tagged] for tagged in pictures)
        return
    for _, same in groupby(pictures, key=lambda tagged: tagged[1].rgb.shape):
        while batch := list(islice(same, size)):
            yield batch
