"""Pictures from anywhere into one tar or parquet file."""

import io
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from allaprima.images.large_picture_files import PictureFacts
from allaprima.infer.jobs.pipeline.outcome import (
    NothingPaintedError,
    Outcome,
    not_in_file,
    outcome_of,
    until_written,
)
from allaprima.infer.jobs.pipeline.run_pipeline import Work, run_pipeline
from allaprima.infer.jobs.pipeline.stylize_files import FileWork
from allaprima.infer.jobs.pipeline.stylize_stream import FAILURES, PictureStylizer
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.storage.local_copies import already_there, written_whole
from allaprima.infer.jobs.storage.url import Location, path_below

from .collected_names import names_in, text_of

Add = Callable[[str, bytes], None]


def stylize_collected(
    stylizer: PictureStylizer,
    jobs: Sequence[Job],
    output: Location,
    work: FileWork,
    *,
    part: tuple[int, int] | None,
    overwrite: bool,
) -> Iterator[Outcome]:
    """Paint pictures into one file, and yield what became of each; one that fails is left out.

    The file is there whole or not at all, and not without a picture.

    Args:
        stylizer: What stylises.
        jobs: From `plan_jobs`, for `output`.
        output: The file; of a part of a job it is beside it, with the part in its name.
        work: How pictures are read and encoded.
        part: Which part the jobs are, of how many.
        overwrite: Replace a file that is there, instead of skipping the pictures in it. Nothing is added to
            one: the others fail.
    """
    target = output if part is None else output.with_name(_name_of_part(output, *part))
    if not overwrite and already_there([target]):
        yield from _skipped(jobs, output, target)
        return
    try:
        yield from until_written(_painted(stylizer, jobs, output, target, work))
    except NothingPaintedError:
        return
    except FAILURES as error:
        yield Outcome(Job(target, target), "failed", f"'{target}' is not written: {error}", error)


def _painted(
    stylizer: PictureStylizer, jobs: Sequence[Job], output: Location, target: Location, work: FileWork
) -> Iterator[Outcome]:
    writer = _tar_writer if target.suffix.lower() == ".tar" else _parquet_writer
    steps = Work[Job, bytes](work.read, work.encode, lambda job, facts: _painted_large(work, job, facts))
    painted = 0
    with written_whole(target) as temporary, writer(temporary) as add:
        for done in run_pipeline(jobs, steps, stylizer):
            if isinstance(done.result, bytes):
                add(_name_in_file(done.item, output), done.result)
                painted += 1
            yield outcome_of(done.item, done)
        if not painted:
            raise NothingPaintedError


def _skipped(jobs: Sequence[Job], output: Location, target: Location) -> Iterator[Outcome]:
    """Pass over the pictures in a file that is there; those that are missing from it have failed."""
    try:
        names = names_in(target)
    except FAILURES as error:
        yield Outcome(Job(target, target), "failed", f"{error}; --overwrite makes it anew", error)
        return
    for job in jobs:
        if text_of(_name_in_file(job, output)) in names:
            yield Outcome(job, "skipped")
        else:
            yield not_in_file(job, target)


def _name_in_file(job: Job, output: Location) -> str:
    return path_below(job.target, output).as_posix()


def _name_of_part(output: Location, index: int, count: int) -> str:
    return f"{output.name.removesuffix(output.suffix)}.{index}-of-{count}{output.suffix}"


def _painted_large(work: FileWork, job: Job, facts: PictureFacts) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        painted = Path(folder) / f"painted{job.target.suffix}"
        work.paint_large(Job(job.source, painted), facts)
        return painted.read_bytes()


@contextmanager
def _tar_writer(file: Path) -> Iterator[Add]:
    with tarfile.open(file, "w") as out:

        def add(name: str, content: bytes) -> None:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))

        yield add


@contextmanager
def _parquet_writer(file: Path) -> Iterator[Add]:
    """Write rows with the name of a picture and the picture, as the Hugging Face library has them."""
    import pyarrow as pa
    from pyarrow import parquet

    from .parquet_shards import COLUMN, ROW_BYTES, ROWS, named_pictures_schema

    schema = named_pictures_schema()
    rows: list[dict[str, Any]] = []
    with parquet.ParquetWriter(file, schema) as out:

        def flush() -> None:
            out.write_table(pa.Table.from_pylist(rows, schema))
            rows.clear()

        def add(name: str, content: bytes) -> None:
            rows.append({"name": text_of(name), COLUMN: {"bytes": content, "path": None}})
            if len(rows) == ROWS or sum(len(row[COLUMN]["bytes"]) for row in rows) > ROW_BYTES:
                flush()

        yield add
        flush()
