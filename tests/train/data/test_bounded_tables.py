"""Tables of data sets are read in bounded memory, and copied in bounded room."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import datasets.config
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from allaprima.train.data import bounded_tables
from allaprima.train.data.sources import open_source
from tests.repeated_values import memory_taken, write_repeated

READING = {
    "copied": """
from allaprima.train.data.parquet_and_hub import *; from allaprima.train.data.sources import *
assert len(open_source(sys.argv[1])) == 65
""",
    "streamed": """
import torch; from allaprima.train.data.parquet_and_hub import *; from allaprima.train.data.sources import *
assert sum(len(payload) for _, payload in open_stream(sys.argv[1])) == 65 * 8 << 20
""",
}


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")


@pytest.mark.parametrize("kind", READING)
def test_a_value_that_stands_in_all_rows_is_held_a_few_times(kind: str, tmp_path: Path) -> None:
    source = write_repeated(tmp_path / "a.parquet", bytes(8 << 20), 65)
    environment = {**os.environ, "HF_DATASETS_CACHE": str(tmp_path / "hf")}
    assert memory_taken(READING[kind], source, environment=environment) < 150 << 20  # of 520


def test_a_copy_that_would_fill_the_disk_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_repeated(tmp_path / "a.parquet", bytes(1 << 20), 65)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=40 << 20))
    with pytest.raises(ValueError, match=r"'a.parquet' cannot be read.*much larger than the file.*--stream"):
        open_source(str(source))
    assert not [path for path in (tmp_path / "hf").rglob("*.arrow")]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=200 << 20))
    assert len(open_source(str(source))) == 65


def test_a_disk_with_little_room_takes_what_is_as_large_as_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [np.random.default_rng(number).bytes(1 << 16) for number in range(20)]
    pq.write_table(pa.table({"jpg": pictures}), tmp_path / "a.parquet", row_group_size=7)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    source = open_source(str(tmp_path / "a.parquet"))
    assert [source[index] for index in range(20)] == pictures


def test_large_rows_and_small_ones_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_tables, "_JOINED_BYTES", 1000)
    monkeypatch.setattr(bounded_tables, "_JOINED_ROWS", 4)
    pictures = [bytes([number]) * (2000 if number % 7 in (0, 1, 5) else 100) for number in range(60)]
    for part in (0, 1):
        pq.write_table(pa.table({"jpg": pictures[part::2]}), tmp_path / f"{part}.parquet", row_group_size=8)
    source = open_source(str(tmp_path))
    assert [source[index] for index in range(60)] == pictures[::2] + pictures[1::2]
