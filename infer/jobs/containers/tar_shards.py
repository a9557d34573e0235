"""Tar files of pictures, such as WebDataset's shards: a shard in, a shard out."""

import lzma
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from allaprima.bounded_tar import BoundedTarFile
from allaprima.images.picture_files import Picture, encode_picture, read_picture
from allaprima.infer.jobs.pipeline.outcome import NothingPaintedError, Outcome, outcome_of
from allaprima.infer.jobs.pipeline.run_pipeline import Work, run_pipeline
from allaprima.infer.jobs.pipeline.stylize_stream import PictureStylizer
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.storage.local_copies import local_copy, written_whole

from .tar_result import TarResult, is_picture, painted_name

LARGEST_MEMBER = 1 << 28
"""Bytes, with what comes before it; a few kilobytes of a compressed file may claim any number of them."""

Member = tuple[tarfile.TarInfo, bytes]


@dataclass(frozen=True)
class _Item:
    picture: Member
    before: list[Member]
    """What stands between the picture before it and this one: labels and captions."""


def stylize_tar(
    stylizer: PictureStylizer, job: Job, *, suffix: str | None, quality: int, max_pixels: int
) -> Iterator[Outcome]:
    """Paint the pictures of a tar file into another one, and yield what became of each.

    All else in it is copied, in its place; a picture that fails is left out, and hard links to it are. The
    result is there whole or not at all, and not if all of them fail.

    Args:
        stylizer: What stylises.
        job: The two files.
        suffix: Format of all results; None keeps that of each picture where it can be written.
        quality: As for `write_picture`.
        max_pixels: As for `read_picture`.

    Raises:
        OSError: If a file cannot be read or written, or the disk is full.
        ValueError: If the file is no tar file, or cut short.
        NothingPaintedError: If all pictures failed.
    """

    def read(item: _Item) -> Picture:
        return read_picture(item.picture[1], max_pixels=max_pixels)

    def write(item: _Item, picture: Picture) -> bytes:
        name = Path(painted_name(item.picture[0].name, suffix))
        return encode_picture(picture, name, quality=quality)

    rest: list[Member] = []
    try:
        with (
            local_copy(job.source) as source,
            written_whole(job.target) as temporary,
            tarfile.open(temporary, "w") as out,
        ):
            result = TarResult(out, suffix)
            work = Work[_Item, bytes](read, write, lambda item, _: b"", _bytes_of)
            statuses: set[str] = set()
            for done in run_pipeline(_items(source, rest), work, stylizer):
                yield from _copied(done.item.before, result, job)
                info, data = done.item.picture[0], done.result
                name = info.name if isinstance(data, Exception) else result.add_picture(info, data)
                outcome = outcome_of(Job(job.source / info.name, job.target / name), done)
                statuses.add(outcome.status)
                yield outcome
            if statuses == {"failed"}:
                raise NothingPaintedError
            yield from _copied(rest, result, job)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(
            f"'{job.source}' is no tar file, or cut short ({error}); no result of it is kept"
        ) from error


def _copied(members: list[Member], result: TarResult, job: Job) -> Iterator[Outcome]:
    """Copy members, and yield what became of pictures that are links, and of links that cannot be kept."""
    for info, data in members:
        source = job.source / info.name
        try:
            name = result.add_copy(info, data)
        except ValueError as error:
            yield Outcome(Job(source, job.target / info.name), "failed", f"'{source}': {error}", error)
            continue
        if info.islnk() and is_picture(info.name):
            yield Outcome(Job(source, job.target / name), "stylized")


def _bytes_of(item: _Item) -> int:
    return sum(len(data) for _, data in [*item.before, item.picture])


def _items(source: Path, rest: list[Member]) -> Iterator[_Item]:
    """Yield the pictures of a tar file, and leave in `rest` what comes after the last one."""
    held = 0
    with _opened(source) as shard:
        for info in shard:
            if not (info.isfile() or info.isdir() or info.islnk() or info.issym() or info.isdev()):
                continue
            file = shard.extractfile(info) if info.isfile() else None
            size = info.size if file else 0  # a link may tell that of its target
            held += size + tarfile.BLOCKSIZE
            if held > LARGEST_MEMBER:
                raise ValueError(
                    f"'{source}/{info.name}', with what comes between it and the picture before, has more "
                    f"than {LARGEST_MEMBER} bytes"
                )
            member = (info, file.read() if file else b"")
            if len(member[1]) != size:
                raise tarfile.ReadError("unexpected end of data")
            if file and is_picture(info.name):
                yield _Item(member, rest.copy())
                rest.clear()
                held = 0
            else:
                rest.append(member)


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar file, compressed or not, to be read from front to back."""
    if source.suffix.lower() != ".zst":
        with BoundedTarFile.open(source, "r|*") as shard:
            yield shard
        return
    import pyarrow  # Python has zstd from 3.14 on

    with (
        pyarrow.input_stream(os.fspath(source), compression="zstd") as file,
        BoundedTarFile.open(fileobj=file, mode="r|") as shard,
    ):
        yield shard
