"""Pictures from anywhere into one tar or parquet file."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from datasets import Features, Image
from pyarrow import parquet

from allaprima.images.picture_files import read_picture
from allaprima.infer.jobs.reports.earlier_runs import read_manifest
from tests.conftest import Run, largest_file, paint
from tests.infer.jobs.conftest import encoded, expected


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as shard:
        return {info.name: shard.extractfile(info).read() for info in shard}  # type: ignore[union-attr]


def make_folder(folder: Path) -> Path:
    (folder / "sub").mkdir(parents=True)
    for name, seed in {"a.png": 1, "b.gif": 2, "sub/c.jpg": 3}.items():
        (folder / name).write_bytes(encoded(seed, Path(name).suffix[1:].replace("jpg", "jpeg")))
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


def test_a_folder_becomes_a_tar_file(style: Path, tmp_path: Path, run: Run) -> None:
    folder, out = make_folder(tmp_path / "in"), tmp_path / "out.tar"
    arguments = ("stylize", style, folder, "-o", out, "--engine", "eager")
    code, said, error = run(*arguments)
    assert (code, error.count("\n")) == (1, 1)
    assert said.startswith("3 pictures stylised, 1 failed")
    found = members(out)
    assert list(found) == ["a.png", "b.png", "sub/c.jpg"]
    painted = read_picture(found["a.png"]).rgb
    np.testing.assert_array_equal(painted, expected(style, (folder / "a.png").read_bytes()))
    assert run(*arguments, "--overwrite")[0] == 1
    assert members(out) == found


@pytest.mark.parametrize("suffix", [".tar", ".parquet"])
def test_a_picture_that_is_not_in_the_file_is_never_skipped(
    suffix: str, style: Path, tmp_path: Path, run: Run
) -> None:
    folder, out = make_folder(tmp_path / "in"), tmp_path / f"out{suffix}"
    paint(20, 20, 1).save(folder / os.fsdecode(b"\xff.png"))
    arguments = ("stylize", style, folder, "-o", out, "--engine", "eager")
    assert run(*arguments)[0] == 1
    paint(20, 20, 1).save(folder / "bad.png")
    code, said, error = run(*arguments)
    assert code == 1
    assert said == "0 pictures stylised, 1 failed, 4 skipped (already there; --overwrite redoes them)\n"
    assert f"bad.png': '{out}' is there without it; --overwrite makes it anew" in error
    assert run(*arguments, "--overwrite")[0] == 0
    assert "0 pictures stylised, 5 skipped" in run(*arguments)[1]


@pytest.mark.parametrize("suffix", [".tar", ".parquet"])
def test_a_file_of_something_else_is_told(suffix: str, style: Path, tmp_path: Path, run: Run) -> None:
    folder, out = make_folder(tmp_path / "in"), tmp_path / f"out{suffix}"
    out.write_bytes(b"something else" * 100)
    code, said, error = run("stylize", style, folder, "-o", out)
    assert (code, said) == (1, "0 pictures stylised, 1 failed\n")
    assert f"'{out}' is there, but no job's result, or damaged" in error
    parquet.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    error = run("stylize", style, folder, "-o", tmp_path / "other.parquet")[2]
    assert "no job's result" in error


@pytest.mark.parametrize("suffix", [".tar", ".parquet"])
def test_without_a_picture_no_file_is_written(suffix: str, style: Path, tmp_path: Path, run: Run) -> None:
    folder, out = make_folder(tmp_path / "in"), tmp_path / f"out{suffix}"
    arguments = ("stylize", style, folder, "-o", out, "--engine", "eager")
    code, said, error = run(*arguments, "--max-pixels", 10)
    assert (code, said) == (1, "0 pictures stylised, 4 failed\n")
    assert error.count("\n") == 4
    assert not out.exists()
    assert "3 pictures stylised, 1 failed" in run(*arguments)[1]


@pytest.mark.parametrize("into_file", [True, False])
def test_a_job_that_stops_claims_no_result(into_file: bool, style: Path, tmp_path: Path, run: Run) -> None:
    folder = make_folder(tmp_path / "in")
    with tarfile.open(tmp_path / "in.tar", "w") as shard:
        for name in ("a.png", "b.gif", "bad.png"):
            shard.add(folder / name, name)
    out = tmp_path / "out.tar"
    given = folder if into_file else tmp_path / "in.tar"
    code, said, error = run("stylize", style, given, "-o", out, "--fail-fast", "--engine", "eager")
    assert code == 1
    assert said == "0 pictures stylised, 1 failed, 2 painted in vain (the file for them is not written)\n"
    assert "the rest is not done" in error
    assert not out.exists()
    assert [line.get("outcome") for line in read_manifest(tmp_path / "out.tar.manifest.jsonl")] == [
        None,
        "failed",
    ]


def test_a_folder_becomes_a_parquet_file(style: Path, tmp_path: Path, run: Run) -> None:
    folder, out = make_folder(tmp_path / "in"), tmp_path / "out.parquet"
    assert run("stylize", style, folder, "-o", out, "--format", "png", "--engine", "eager")[0] == 1
    table = parquet.read_table(out)
    assert table["name"].to_pylist() == ["a.png", "b.png", "sub/c.png"]
    assert isinstance(Features.from_arrow_schema(table.schema)["stylized"], Image)
    painted = read_picture(table["stylized"][0].as_py()["bytes"]).rgb
    np.testing.assert_array_equal(painted, expected(style, (folder / "a.png").read_bytes()))


def test_parts_of_a_folder_become_files_of_their_own(style: Path, tmp_path: Path, run: Run) -> None:
    folder = make_folder(tmp_path / "in")
    (folder / "bad.png").write_bytes(encoded(4))
    (folder / "d.png").write_bytes(encoded(5))
    for part in ("1/2", "2/2"):
        assert run("stylize", style, folder, "-o", tmp_path / "out.tar", "--shard", part)[0] == 0
    names = [[*members(tmp_path / f"out.{part}-of-2.tar")] for part in (1, 2)]
    assert sorted(names[0] + names[1]) == ["a.png", "b.png", "bad.png", "d.png", "sub/c.jpg"]


def test_pictures_too_large_for_memory_go_into_one_file_too(style: Path, tmp_path: Path, run: Run) -> None:
    paint(600, 800, 1).save(tmp_path / "large.png")
    arguments = ("stylize", style, tmp_path / "large.png", "-o", tmp_path / "out.tar", "--engine", "eager")
    code, _, error = run(*arguments, "--memory", "1M")
    assert code == 0, error
    painted = read_picture(members(tmp_path / "out.tar")["large.png"]).rgb.astype(int)
    assert abs(painted - expected(style, (tmp_path / "large.png").read_bytes())).max() <= 1


def test_a_full_disk_leaves_no_half_file(style: Path, tmp_path: Path, run: Run) -> None:
    folder, out = make_folder(tmp_path / "in"), tmp_path / "out.tar"
    (folder / "bad.png").unlink()
    with largest_file(4000):
        code, said, error = run("stylize", style, folder, "-o", out, "--engine", "eager")
    assert code == 1
    assert said.startswith("0 pictures stylised, 1 failed, 3 painted in vain")
    assert "out.tar' is not written" in error
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out.tar.manifest.jsonl"}
