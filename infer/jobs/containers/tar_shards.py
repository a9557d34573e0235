"""Tar files of pictures, such as WebDataset's shards: a shard in, a shard out."""

import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from allaprima.bounded_tar import BoundedTarFile
from allaprima.images.picture_files import Picture, encode_picture, picture_suffixes, read_picture
from allaprima.infer.jobs.pipeline.outcome import Outcome, outcome_of
from allaprima.infer.jobs.pipeline.run_pipeline import Work, run_pipeline
from allaprima.infer.jobs.pipeline.stylize_stream import PictureStylizer
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.planning.targets import writable_suffix
from allaprima.infer.jobs.storage.local_copies import local_copy, written_whole

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

    All else in it is copied, in its place; a picture that fails is left out. The result is there whole or not
    at all.

    Args:
        stylizer: What stylises.
        job: The two files.
        suffix: Format of all results; None keeps that of each picture where it can be written.
        quality: As for `write_picture`.
        max_pixels: As for `read_picture`.

    Raises:
        OSError: If a file cannot be read or written, or the disk is full.
        ValueError: If the file is no tar file, or cut short.
    """

    def read(item: _Item) -> Picture:
        return read_picture(item.picture[1], max_pixels=max_pixels)

    def write(item: _Item, picture: Picture) -> Member:
        name = Path(item.picture[0].name)
        name = name.with_suffix(writable_suffix(name.suffix, suffix))
        data = encode_picture(picture, name, quality=quality)
        return _renamed(item.picture[0], name, len(data)), data

    rest: list[Member] = []
    try:
        with (
            local_copy(job.source) as source,
            written_whole(job.target) as temporary,
            tarfile.open(temporary, "w") as out,
        ):
            work = Work[_Item, Member](read, write, lambda item, _: item.picture, _bytes_of)
            for done in run_pipeline(_items(source, rest), work, stylizer):
                members = [] if isinstance(done.result, Exception) else [done.result]
                for info, data in [*done.item.before, *members]:
                    out.addfile(info, io.BytesIO(data))
                name = done.item.picture[0].name
                yield outcome_of(Job(job.source / name, job.target / name), done)
            for info, data in rest:
                out.addfile(info, io.BytesIO(data))
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(
            f"'{job.source}' is no tar file, or cut short ({error}); no result of it is kept"
        ) from error


def _bytes_of(item: _Item) -> int:
    return sum(len(data) for _, data in [*item.before, item.picture])


def _items(source: Path, rest: list[Member]) -> Iterator[_Item]:
    """Yield the pictures of a tar file, and leave in `rest` what comes after the last one."""
    held = 0
    with _opened(source) as shard:
        for info in shard:
            file = shard.extractfile(info) if info.isfile() else None
            if file is None:
                continue
            held += info.size + tarfile.BLOCKSIZE
            if held > LARGEST_MEMBER:
                raise ValueError(
                    f"'{source}/{info.name}', with what comes between it and the picture before, has more "
                    f"than {LARGEST_MEMBER} bytes"
                )
            member = (info, file.read())
            if len(member[1]) != info.size:
                raise tarfile.ReadError("unexpected end of data")
            if Path(info.name).suffix.lower() in picture_suffixes():
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


def _renamed(info: tarfile.TarInfo, name: Path, size: int) -> tarfile.TarInfo:
    renamed = tarfile.TarInfo(name.as_posix())
    renamed.mtime, renamed.mode, renamed.size = info.mtime, info.mode, size
    return renamed
