"""Pictures in storage that is named by a URL: a real S3 server on loopback, fsspec's memory, local files."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import numpy as np
import pytest

from allaprima.images.picture_files import read_picture
from allaprima.infer.jobs.planning.plan_jobs import plan_jobs
from allaprima.infer.jobs.storage.url import Url, location
from allaprima.models.style_file import StyleHeader, save_style
from tests.conftest import Run, paint, small_network
from tests.infer.jobs.conftest import encoded, expected


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server; yields its address."""
    moto_server = pytest.importorskip("moto.server")
    running = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty bucket, `s3://archive`, as the environment's credentials reach it; yields its file system."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3 = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
    s3.mkdir("archive")
    yield s3
    s3.rm("archive", recursive=True)


def below(system: Any, folder: str) -> set[str]:
    system.invalidate_cache()
    return {name.removeprefix(f"{folder}/") for name in system.find(folder)}


def test_a_bucket_is_painted_into_a_bucket(style: Path, bucket: Any, run: Run) -> None:
    for name in ("a.png", "sub/two words.png", "sub/gr\u00fcn.gif", ".hidden/b.png", "notes.txt"):
        bucket.pipe(f"archive/in/{name}", encoded(1, "gif" if name.endswith("gif") else "png"))
    bucket.pipe("archive/in/bad.png", b"no picture")
    arguments = ("stylize", style, "s3://archive/in", "-o", "s3://archive/out", "--engine", "eager")
    code, out, error = run(*arguments)
    assert (code, error.count("\n")) == (1, 1)
    assert out.startswith("3 pictures stylised, 1 failed")
    assert "'s3://archive/in/bad.png': picture cannot be read" in error
    assert below(bucket, "archive/out") == {"a.png", "sub/two words.png", "sub/gr\u00fcn.png"}
    painted = read_picture(bucket.cat("archive/out/a.png")).rgb
    np.testing.assert_array_equal(painted, expected(style, encoded(1)))
    lines = bucket.cat("archive/out.manifest.jsonl").splitlines()
    assert len(lines) == 5
    assert b'"engine": "eager"' in lines[0]
    bucket.rm("archive/out/a.png")
    assert "1 picture stylised, 1 failed, 2 skipped" in run(*arguments)[1]
    assert len(bucket.cat("archive/out.manifest.jsonl").splitlines()) == 10


def test_another_style_is_refused_there_too(style: Path, bucket: Any, run: Run, tmp_path: Path) -> None:
    bucket.pipe("archive/in/a.png", encoded(1))
    other = tmp_path / "other.safetensors"
    save_style(other, small_network("tiny"), StyleHeader(style_name="b", style_sha256=""))
    assert run("stylize", style, "s3://archive/in", "-o", "s3://archive/out")[0] == 0
    code, _, error = run("stylize", other, "s3://archive/in", "-o", "s3://archive/out")
    assert code == 2
    assert "'s3://archive/out.manifest.jsonl' says that results were painted otherwise" in error


def test_from_a_bucket_to_this_machine_and_back(style: Path, bucket: Any, run: Run, tmp_path: Path) -> None:
    for seed in range(3):
        bucket.pipe(f"archive/in/{seed}.png", encoded(seed))
    assert run("stylize", style, "s3://archive/in/[01].png", "-o", tmp_path / "out")[0] == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"0.png", "1.png"}
    assert run("stylize", style, tmp_path / "out" / "0.png", "-o", "s3://archive/one.jpg")[0] == 0
    assert below(bucket, "archive") == {"in/0.png", "in/1.png", "in/2.png", "one.jpg"}
    code, _, error = run("stylize", style, "s3://archive/*.webp", "-o", tmp_path / "out")
    assert (code, error) == (2, "error: 's3://archive/*.webp' matches nothing\n")
    code, _, error = run("stylize", style, "s3://archive/gone.png", "-o", tmp_path / "out")
    assert (code, error) == (1, "error: 's3://archive/gone.png' does not exist\n")
    assert run("stylize", style, "s3://nowhere/in", "-o", "s3://nowhere/out")[0] == 2


def test_shards_of_a_bucket(style: Path, bucket: Any, run: Run) -> None:
    data = encoded(1)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as shard:
        info = tarfile.TarInfo("0.png")
        info.size = len(data)
        shard.addfile(info, io.BytesIO(data))
    for name in ("0", "1"):
        bucket.pipe(f"archive/shards/{name}.tar", file.getvalue())
    bucket.pipe("archive/shards/2.tar", file.getvalue()[:700])
    code, out, error = run("stylize", style, "s3://archive/shards/*.tar", "-o", "s3://archive/out")
    assert code == 1
    assert out.startswith("2 pictures stylised, 1 failed")
    assert "'s3://archive/shards/2.tar' is no tar file, or cut short" in error
    assert below(bucket, "archive/out") == {"0.tar", "1.tar"}
    with tarfile.open(fileobj=io.BytesIO(bucket.cat("archive/out/1.tar"))) as shard:
        found = shard.extractfile("0.png")
        assert found is not None
        np.testing.assert_array_equal(read_picture(found.read()).rgb, expected(style, data))
    assert "2 skipped" in run("stylize", style, "s3://archive/shards/[01].tar", "-o", "s3://archive/out")[1]


def test_a_picture_that_does_not_fit_in_memory(style: Path, bucket: Any, run: Run) -> None:
    file = io.BytesIO()
    paint(600, 800, 1).save(file, format="png")
    bucket.pipe("archive/in/large.png", file.getvalue())
    code, _, error = run(
        "stylize", style, "s3://archive/in", "-o", "s3://archive/out", "--memory", "1M", "--engine", "eager"
    )
    assert code == 0, error
    painted = read_picture(bucket.cat("archive/out/large.png")).rgb.astype(int)
    assert abs(painted - expected(style, file.getvalue())).max() <= 1


def test_killed_in_the_middle_it_goes_on(onnx_file: Path, bucket: Any) -> None:
    for seed in range(12):
        bucket.pipe(f"archive/in/{seed:02}.png", encoded(seed))
    command = [sys.executable, "-m", "allaprima", "stylize", str(onnx_file), "s3://archive/in"]
    command += ["-o", "s3://archive/out"]
    process = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 90
    while not below(bucket, "archive/out") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {name: bucket.cat(f"archive/out/{name}") for name in below(bucket, "archive/out")}
    assert before
    for data in before.values():
        read_picture(data)
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True)
    assert f"{len(before)} skipped" in done.stdout or len(before) == 12
    assert below(bucket, "archive/out") == {f"{seed:02}.png" for seed in range(12)}
    assert len(bucket.cat("archive/out.manifest.jsonl").splitlines()) >= 14


def test_memory_and_names_that_lead_out(caplog: pytest.LogCaptureFixture) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/names/a.png", b"")
    memory.store["/names/sub/../../b.png"] = memory.store["/names/a.png"]
    jobs = plan_jobs([location("memory://names")], location("memory://painted"))
    assert [(str(job.source), str(job.target)) for job in jobs] == [
        ("memory://names/a.png", "memory://painted/a.png")
    ]
    assert "leads out of the folder" in caplog.text
    memory.rm("/names", recursive=True)


def test_where_writing_is_not_atomic_it_is_beside_and_moved(tmp_path: Path) -> None:
    """Such as HDFS and SFTP; here the file system of this machine, which paths reach otherwise."""
    url = Url("file", PurePosixPath(f"{tmp_path}/deep/a.bin"))
    url.put(b"whole")
    assert url.read_bytes() == b"whole"
    with pytest.raises(OSError, match=r"a\.bin"):
        url.upload(tmp_path / "missing")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.bin"]
    assert url.read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense://a/b", "nonsense"),
        ("s3://", "names no place"),
        ("hf://datasets/somebody/photographs/*.parquet", "hf://datasets/somebody/photographs"),
    ],
)
def test_places_that_cannot_be(
    text: str, message: str, style: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, _, error = run("stylize", style, text, "-o", tmp_path / "out")
    assert code == 2
    assert error.startswith("error: ")
    assert message in error


def test_paths_stay_paths(tmp_path: Path) -> None:
    assert location("file:///a/b.png") == Path("/a/b.png")
    assert location("a:b/c.png") == Path("a:b/c.png")
    assert str(location("s3://bucket/a b.png")) == "s3://bucket/a b.png"
