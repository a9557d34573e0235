"""Jobs from the command line: killed, failed, and on disks that are full."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from allaprima.images.picture_files import read_picture
from tests.conftest import Run, paint
from tests.infer.jobs.conftest import make_pictures


def test_killed_in_the_middle_it_leaves_nothing_half_done(onnx_file: Path, tmp_path: Path) -> None:
    folder, out = make_pictures(tmp_path / "in", 12), tmp_path / "out"
    command = [sys.executable, "-m", "allaprima", "stylize", onnx_file, folder, "-o", out]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([*map(str, command)], env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(out.glob("[0-9]*.png")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in out.glob("[0-9]*.png")}
    assert before
    for path in before:
        read_picture(path)
    done = subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, check=True)
    assert f"{12 - len(before)} picture" in done.stdout
    assert {path.name for path in out.glob("[0-9]*.png")} == {f"{index:03}.png" for index in range(12)}
    assert all(path.stat().st_mtime_ns == changed for path, changed in before.items())


@pytest.mark.parametrize(("options", "tried"), [(["--fail-fast"], 1), (["--max-failures", 2], 3), ([], 5)])
def test_failures_stop_a_job_that_should(
    options: list[object], tried: int, style: Path, tmp_path: Path, run: Run
) -> None:
    folder = make_pictures(tmp_path / "in", 5)
    for path in folder.iterdir():
        path.write_bytes(b"no picture")
    code, out, error = run("stylize", style, folder, "-o", tmp_path / "out", *options)
    assert code == 1
    assert out == f"0 pictures stylised, {tried} failed\n"
    assert ("the rest is not done" in error) == bool(options)


def test_two_limits_of_failures_are_refused(style: Path, tmp_path: Path, run: Run) -> None:
    code, _, error = run("stylize", style, tmp_path, "-o", "out", "--fail-fast", "--max-failures", 5)
    assert code == 2
    assert "fail_fast stops at the first failure: leave it out, or max_failures" in error


def test_the_folders_of_an_output_are_made(style: Path, tmp_path: Path, run: Run) -> None:
    folder, out = make_pictures(tmp_path / "in", 1), tmp_path / "not" / "there" / "yet"
    assert run("stylize", style, folder, "-o", out)[0] == 0
    assert [path.name for path in out.iterdir()] == ["000.png"]


def test_an_output_that_cannot_be_written_is_told(style: Path, tmp_path: Path, run: Run) -> None:
    folder = make_pictures(tmp_path / "in", 2)
    (tmp_path / "file").touch()
    code, _, error = run("stylize", style, folder, "-o", tmp_path / "file" / "out")
    assert code == 2
    assert "Not a directory" in error


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a disk here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up_in_the_middle(style: Path, small_disk: Path, tmp_path: Path, run: Run) -> None:
    folder, out = tmp_path / "in", small_disk / "out"
    folder.mkdir()
    for index in range(8):
        paint(100, 120, index).save(folder / f"{index}.png")
    arguments = ("stylize", style, folder, "--engine", "eager", "-o")
    assert run(*arguments, out)[0] in (1, 2)  # 2 where there is no room for the record either
    some = {path.name: path.read_bytes() for path in out.glob("[0-9].png")}
    assert 0 < len(some) < 8
    assert run(*arguments, tmp_path / "all")[0] == 0
    for name, content in some.items():
        assert content == (tmp_path / "all" / name).read_bytes()
    subprocess.run(["mount", "-o", "remount,size=4m", str(small_disk)], check=True)
    code, said, error = run(*arguments, out)
    assert code == 0, error
    assert f"{8 - len(some)} pictures stylised, {len(some)} skipped" in said.replace(
        "1 picture s", "1 pictures s"
    )
    assert {path.name for path in out.glob("[0-9].png")} == {f"{index}.png" for index in range(8)}
