"""Many pictures: bounded, independent of one another, recorded, resumed."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from allaprima.images.picture_files import Picture, read_picture
from allaprima.infer import Stylizer
from allaprima.infer.jobs import pipeline
from allaprima.infer.jobs.files import plan_jobs, shard_of
from allaprima.infer.jobs.inputs import expand_inputs
from allaprima.infer.jobs.manifest import read_manifest
from allaprima.infer.jobs.pipeline import Work, run_pipeline
from allaprima.infer.jobs.stream import stylize_stream
from allaprima.models.style_file import StyleHeader, save_style
from tests.conftest import Run, paint, small_network


@pytest.fixture(scope="module")
def style(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("style") / "fast.safetensors"
    save_style(path, small_network("fast"), StyleHeader(style_name="a", style_sha256=""))
    return path


def grey(level: int, side: int = 16) -> Picture:
    return Picture(np.full((side, side, 3), level, np.uint8))


class Inverter:
    """A stylizer of rows of pictures that cannot do dark ones."""

    batch = 3

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, picture: Picture) -> Picture:
        if picture.rgb.max() < 5:
            raise ValueError("too dark")
        return Picture(255 - picture.rgb)

    def stream(self, batches: Iterator[list[Picture]]) -> Iterator[list[Picture]]:
        for batch in batches:
            self.sizes.append(len(batch))
            yield [self(picture) for picture in batch]


def test_batches_are_of_one_size_and_failures_are_of_one_picture() -> None:
    pictures = [grey(10), grey(20), grey(1), grey(30), grey(40, 20), grey(50, 20), grey(60)]
    stylizer = Inverter()
    results = list(stylize_stream(stylizer, enumerate(pictures)))
    assert [tag for tag, _ in results] == list(range(7))
    assert stylizer.sizes == [3, 1, 2, 1]
    for (tag, result), picture in zip(results, pictures, strict=True):
        if tag == 2:
            assert isinstance(result, ValueError)
        else:
            assert isinstance(result, Picture)
            np.testing.assert_array_equal(result.rgb, 255 - picture.rgb)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_result_does_not_depend_on_its_neighbours(style: Path, batch: int) -> None:
    stylizer = Stylizer.load(style, device="cpu", engine="eager", batch=batch)
    pictures = [Picture.from_image(paint(48, 64, seed)) for seed in range(4)]
    together = [result for _, result in stylize_stream(stylizer, enumerate(pictures))]
    for picture, result in zip(pictures, together, strict=True):
        assert isinstance(result, Picture)
        np.testing.assert_array_equal(result.rgb, stylizer(picture).rgb)


def test_no_more_is_read_than_is_needed_soon() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(10**9):
            taken = item
            yield item

    work = Work[int, int](lambda item: grey(item % 200 + 10), lambda item, _: item, lambda item, _: item)
    results = run_pipeline(items(), work, Inverter())
    for expected in range(50):
        assert next(results).result == expected
        assert taken <= expected + 4 * pipeline.AHEAD + 4
    results.close()  # type: ignore[attr-defined]


def make(folder: Path, count: int) -> Path:
    folder.mkdir()
    for index in range(count):
        paint(20 + index, 24, index).save(folder / f"{index:02}.png")
    return folder


def manifest(output: Path) -> list[dict[str, object]]:
    return list(read_manifest(output.with_name(f"{output.name}.manifest.jsonl")))


def test_what_was_done_is_recorded(style: Path, tmp_path: Path, run: Run) -> None:
    folder, out = make(tmp_path / "in", 3), tmp_path / "out"
    (folder / "01.png").write_bytes(b"no picture")
    assert run("stylize", style, folder, "-o", out, "--engine", "eager")[0] == 1
    first, *lines = manifest(out)
    job = first["job"]
    assert isinstance(job, dict)
    assert job["engine"] == "eager"
    assert len(job["style_sha256"]) == 64
    assert [line["outcome"] for line in lines] == ["stylized", "failed", "stylized"]
    assert (lines[0]["height"], lines[0]["width"]) == (20, 24)
    assert "cannot be read" in str(lines[1]["error"])
    assert lines[2]["output"] == str(out / "02.png")


def test_a_job_goes_on_where_it_stopped_and_not_with_another_style(
    style: Path, tmp_path: Path, run: Run
) -> None:
    folder, out, style_file = make(tmp_path / "in", 3), tmp_path / "out", tmp_path / "mine.safetensors"
    style_file.write_bytes(style.read_bytes())
    arguments = ("stylize", style_file, folder, "-o", out, "--engine", "eager")
    assert run(*arguments)[0] == 0
    (out / "01.png").unlink()
    record = out.with_name("out.manifest.jsonl")
    record.write_text(record.read_text() + '{"input": "kil', encoding="utf-8")
    assert "1 picture stylised, 2 skipped" in run(*arguments)[1]
    assert len(manifest(out)) == 8
    save_style(style_file, small_network("tiny"), StyleHeader(style_name="b", style_sha256=""))
    code, _, error = run(*arguments)
    assert code == 2
    assert "style_sha256 was" in error
    assert "start anew with --overwrite" in error
    assert run(*arguments, "--overwrite")[0] == 0
    assert run(*arguments)[0] == 0


def test_killed_in_the_middle_it_leaves_nothing_half_done(style: Path, tmp_path: Path) -> None:
    folder, out = make(tmp_path / "in", 12), tmp_path / "out"
    command = [sys.executable, "-m", "allaprima", "stylize", style, folder, "-o", out, "--engine", "eager"]
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
    assert {path.name for path in out.glob("[0-9]*.png")} == {f"{index:02}.png" for index in range(12)}
    assert all(path.stat().st_mtime_ns == changed for path, changed in before.items())


def test_shards_are_everything_once_and_stay(tmp_path: Path) -> None:
    jobs = plan_jobs([make(tmp_path / "in", 20)], tmp_path / "out")
    parts = [shard_of(jobs, tmp_path / "out", index, 3) for index in (1, 2, 3)]
    assert sorted((job for part in parts for job in part), key=str) == sorted(jobs, key=str)
    assert all(parts)
    elsewhere = plan_jobs([tmp_path / "in"], tmp_path / "elsewhere")
    names = [[job.target.name for job in part] for part in parts]
    assert [job.target.name for job in shard_of(elsewhere, tmp_path / "elsewhere", 1, 3)] == names[0]
    assert [job.target.name for job in parts[0]] == [
        job.target.name for job in shard_of(jobs[:10] + jobs[10:], tmp_path / "out", 1, 3)
    ]


def test_shards_on_the_command_line(style: Path, tmp_path: Path, run: Run) -> None:
    folder = make(tmp_path / "in", 6)
    for index in (1, 2):
        arguments = ("stylize", style, folder, "-o", tmp_path / "out", "--shard", f"{index}/2")
        assert run(*arguments)[0] == 0
        assert (tmp_path / f"out.{index}-of-2.manifest.jsonl").is_file()
    assert len(list((tmp_path / "out").iterdir())) == 6
    for wrong in ("3/2", "0/2", "1", "a/b", "1/0"):
        assert run("stylize", style, folder, "-o", tmp_path / "out", "--shard", wrong)[0] == 2


@pytest.mark.parametrize(("options", "tried"), [(["--fail-fast"], 1), (["--max-failures", 2], 3), ([], 5)])
def test_failures_stop_a_job_that_should(
    options: list[object], tried: int, style: Path, tmp_path: Path, run: Run
) -> None:
    folder = make(tmp_path / "in", 5)
    for path in folder.iterdir():
        path.write_bytes(b"no picture")
    code, out, error = run("stylize", style, folder, "-o", tmp_path / "out", *options)
    assert code == 1
    assert out == f"0 pictures stylised, {tried} failed\n"
    assert ("the rest is not done" in error) == bool(options)


def test_lists_patterns_and_names_that_are_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [b"a b.png", b"\xff\xfe.png", "\u00e4\n.png".encode()]
    Path("list.txt").write_bytes(b"\n".join(names[:2]) + b"\n")
    assert expand_inputs(["@list.txt"]) == [Path(os.fsdecode(name)) for name in names[:2]]
    stdin = io.BytesIO(b"\0".join(names) + b"\0")
    inputs = expand_inputs(["-"], null_separated=True, stdin=stdin)
    assert inputs == [Path(os.fsdecode(name)) for name in names]
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name in ("b.jpg", "sub/deep/c.jpg", "x[1].jpg", "@odd"):
        (tmp_path / name).touch()
    assert expand_inputs(["**/*.jpg"]) == [Path(n) for n in ("b.jpg", "sub/deep/c.jpg", "x[1].jpg")]
    assert expand_inputs(["x[1].jpg", "@odd"]) == [Path("x[1].jpg"), Path("@odd")]
    with pytest.raises(ValueError, match="matches nothing"):
        expand_inputs(["*.tif"])
    with pytest.raises(ValueError, match="no names in standard input"):
        expand_inputs(["-"], stdin=io.BytesIO(b"\n\n"))
    with pytest.raises(FileNotFoundError):
        expand_inputs(["@missing.txt"])


def test_odd_names_are_painted_told_and_recorded(style: Path, tmp_path: Path, run: Run) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    names = [b"two words.png", b"line\nend.png", b"\xff\xfe.png", "gr\u00fcn.png".encode()]
    for name in names:
        paint(20, 20, 1).save(folder / os.fsdecode(name))
    (folder / os.fsdecode(b"bad \xff\n.png")).write_bytes(b"no picture")
    (folder / "loop").symlink_to(folder)
    code, _, error = run("stylize", style, folder, "-o", out)
    assert code == 1
    assert error.count("\n") == 1
    assert "bad \\udcff\\n.png" in error or "bad \\xff\\n.png" in error
    assert {os.fsencode(path.name) for path in out.iterdir()} == set(names)
    recorded = {os.fsencode(Path(str(line["output"])).name) for line in manifest(out)[1:]}
    assert recorded == {*names, b"bad \xff\n.png"}
    for line in (tmp_path / "out.manifest.jsonl").read_text(encoding="ascii").splitlines():
        json.loads(line)


def test_an_output_that_cannot_be_written_is_told(style: Path, tmp_path: Path, run: Run) -> None:
    folder = make(tmp_path / "in", 2)
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
