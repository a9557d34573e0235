"""Parquet files of a few kilobytes whose rows are large: all of them have one value."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet


def write_repeated(path: Path, value: bytes, rows: int) -> Path:
    """Write a file with a column `image` that has one value in all rows, as a dictionary of one entry."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([value], pa.binary()))
    table = pa.table({"image": column})
    parquet.write_table(
        table, path, store_schema=False, compression="zstd", dictionary_pagesize_limit=1 << 30
    )
    assert path.stat().st_size < 100_000
    return path


def memory_taken(program: str, *arguments: object, environment: dict[str, str] | None = None) -> int:
    """Return how many bytes more a program holds at its peak than after its imports, its first line.

    What it maps into memory of files counts as well.
    """
    imports, _, rest = program.strip().partition("\n")
    before = f"import sys; from allaprima.peak_memory import peak_memory\n{imports}\nbefore = peak_memory()\n"
    measured = f"{before}{rest}\nprint(peak_memory() - before)"
    command = [sys.executable, "-c", measured, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])
