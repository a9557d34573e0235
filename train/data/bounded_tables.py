"""What `datasets` reads from parquet files, in bounded memory and bounded room on the disk."""

import os
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import fsspec
import pyarrow as pa
from datasets.packaged_modules.parquet.parquet import Parquet

from allaprima.bounded_parquet import open_parquet_file, parquet_rows

_JOINED_BYTES = 16 << 20
_JOINED_ROWS = 1000
_USUAL_GROWTH = 10
"""Times its files that a copy takes; pictures are compressed already."""


def load_table(builder: Any, *, streaming: bool) -> Any:
    """Return the split `train` of a data set, to be streamed or as a copy in the cache of `datasets`.

    By itself `datasets` decodes a whole row group of a parquet file at once: of few bytes, many gigabytes.

    Args:
        builder: Of `datasets`.
        streaming: Whether it is read as it comes.
    """
    if isinstance(builder, Parquet):
        vars(builder)["_generate_tables"] = partial(_tables, builder, not streaming)
    if streaming:
        return builder.as_streaming_dataset(split="train")
    builder.download_and_prepare()
    return builder.as_dataset(split="train")


def _tables(
    builder: Any, is_copied: bool, files: Any, row_groups_list: Sequence[Any] | None = None
) -> Iterator[tuple[str, Any]]:
    """Do what `Parquet._generate_tables` does, a few rows at a time."""
    names = list(chain.from_iterable([file] if isinstance(file, str) else file for file in files))
    room = _room(names) if is_copied else float("inf")
    for number, name in enumerate(names):
        groups = row_groups_list[number] if row_groups_list else None
        remote: Any = fsspec.open(name, "rb")
        with remote as opened, open_parquet_file(opened) as file:
            rows = parquet_rows(file, builder.config.columns, groups)
            for index, table in enumerate(_joined(rows)):
                room -= table.nbytes
                if room < 0:
                    raise ValueError(
                        "the copy in which pictures are found in any order would be much larger than the file"
                        " and take most of the disk; --stream needs no copy"
                    )
                key = f"{number}_{index}"
                yield key, builder._cast_table(table)
                if is_copied and len(table) == 1:  # without something to follow it would gather a thousand
                    yield key, builder._cast_table(table.slice(1))


def _room(names: Sequence[str]) -> float:
    """Return how many bytes the copy of some files may have."""
    free = shutil.disk_usage(os.path.dirname(names[0])).free if names else 0  # noqa: PTH120
    return max(free / 2, _USUAL_GROWTH * sum(os.path.getsize(name) for name in names))  # noqa: PTH202


def _joined(rows: Iterator[Any]) -> Iterator[Any]:
    """Yield rows together while they are small: files with a table for each are slow to open."""
    waiting: list[Any] = []
    size = 0
    for row in rows:
        waiting.append(row)
        size += row.nbytes
        if size > _JOINED_BYTES or len(waiting) == _JOINED_ROWS:
            yield pa.concat_tables(waiting)
            waiting, size = [], 0
    if waiting:
        yield pa.concat_tables(waiting)
