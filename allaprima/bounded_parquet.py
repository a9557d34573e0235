"""Rows of parquet files, in memory that grows neither with the file nor with what its rows repeat."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pyarrow import parquet

_READ_AT_ONCE = 1 << 20


def open_parquet_file(file: Path | IO[bytes]) -> Any:
    """Open a parquet file to be read from first to last.

    By itself pyarrow keeps what it has read until the last row (480 MB of a file of 400 MB, 82 MB so).
    """
    return parquet.ParquetFile(file, pre_buffer=False, buffer_size=_READ_AT_ONCE)


def parquet_rows(
    file: Any, columns: Sequence[str] | None = None, row_groups: Sequence[int] | None = None
) -> Iterator[Any]:
    """Yield a table for each row.

    More at once could be of any size: a large value takes room once in a file, however many rows have it.

    Args:
        file: From `open_parquet_file`.
        columns: Those to read; all by default.
        row_groups: Those to read; all by default.
    """
    for batch in file.iter_batches(batch_size=1, columns=columns, row_groups=row_groups):
        if len(batch):
            yield pa.table(batch)
