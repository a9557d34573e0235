"""Parquet files are read in memory that grows neither with them nor with what their rows repeat."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from allaprima.bounded_parquet import open_parquet_file, parquet_rows
from tests.repeated_values import memory_taken, write_repeated

READING = """
from allaprima.bounded_parquet import *
with open_parquet_file(sys.argv[1]) as file:
    assert sum(1 for _ in parquet_rows(file)) == int(sys.argv[2])
"""


def test_rows_come_one_at_a_time_of_the_columns_and_groups_that_are_wanted(tmp_path: Path) -> None:
    table = pa.table({"a": list(range(10)), "b": list("abcdefghij")})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    with open_parquet_file(tmp_path / "a.parquet") as file:
        assert [row.to_pylist() for row in parquet_rows(file)] == [[row] for row in table.to_pylist()]
        some = [row.to_pylist() for row in parquet_rows(file, ["a"], [1])]
    assert some == [[{"a": number}] for number in range(4, 8)]


@pytest.mark.parametrize("kind", ["long", "repeated"])
def test_little_is_held(kind: str, tmp_path: Path) -> None:
    path, rows = tmp_path / "a.parquet", 65
    if kind == "long":
        rng = np.random.default_rng(0)
        values = [rng.bytes(4 << 20) for _ in range(rows)]
        parquet.write_table(pa.table({"a": values}), path, row_group_size=4)
    else:
        write_repeated(path, bytes(4 << 20), rows)
    assert memory_taken(READING, path, rows) < 150 << 20  # of 260
