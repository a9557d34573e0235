"""The command `video`, through the program's own entry."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from allaprima.images.video import Packets, Wanted, open_clip
from tests.conftest import ROOT, Run
from tests.images.video.conftest import LASTING, TICK, Making, make_clip, picture, read_frames

pytestmark = pytest.mark.filterwarnings("ignore:Cyclopts application invoked without tokens:UserWarning")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", Making(sound="aac"))


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of noise, so that much is written, and of the size of a network that needs no torch."""
    noise = np.random.default_rng(0).integers(0, 256, (800, 24, 32, 3), dtype=np.uint8)
    return make_clip(tmp_path_factory.mktemp("long") / "a.mp4", Making(list(noise), sound="aac"))


def count(path: Path) -> int:
    clip = open_clip(path)
    wanted = Wanted(clip.info.height, clip.info.width)
    return sum(not isinstance(item, Packets) for item in clip.items(wanted))


def test_a_clip_is_painted(run: Run, small_style: Path, clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.mp4"
    code, out, err = run("video", small_style, clip, "-o", target)
    assert (code, err) == (0, "")
    assert out.startswith("12 frames stylised in ")
    assert read_frames(target)[0] == read_frames(clip)[0]
    assert abs(read_frames(target)[1][0].astype(int) - picture(0)).mean() > 10

    code, _, err = run("video", small_style, clip, "-o", target)
    assert code == 2
    assert "is there already; --overwrite replaces it" in err
    before = target.read_bytes()
    settings = (
        "--height",
        24,
        "--strength",
        0.5,
        "--crf",
        30,
        "--preset",
        "ultrafast",
        "--end",
        0.2,
        "--steady",
        0.8,
    )
    assert run("video", small_style, clip, "-o", target, "--overwrite", *settings)[0] == 0
    assert target.read_bytes() != before
    assert count(target) == 5


def test_names_with_colons(
    run: Run, small_style: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which FFmpeg would take for protocols."""
    monkeypatch.chdir(tmp_path)
    Path("12:30 talk.mp4").write_bytes(clip.read_bytes())
    assert run("video", small_style, "12:30 talk.mp4", "-o", "x:y.mp4")[0] == 0
    assert run("live", small_style, "--input", "x:y.mp4", "-o", "100%:z.mkv")[0] == 0
    assert count(tmp_path / "x:y.mp4") == 12
    assert 0 < count(tmp_path / "100%:z.mkv") <= 12


def test_no_style_at_all_is_the_clip(run: Run, small_style: Path, clip: Path, tmp_path: Path) -> None:
    options = ("--strength", 0, "--crf", 1)
    assert run("video", small_style, clip, "-o", tmp_path / "b.mp4", *options)[0] == 0
    for before, after in zip(read_frames(clip)[1], read_frames(tmp_path / "b.mp4")[1], strict=True):
        assert abs(before.astype(int) - after).mean() < 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.style", "CLIP", "-o", "b.mp4"], "style file 'none.style' does not exist"),
        (["CLIP", "CLIP", "-o", "b.mp4"], "is not a style file"),
        (["STYLE", "none.mp4", "-o", "b.mp4"], "clip 'none.mp4' does not exist"),
        (["STYLE", "CLIP", "-o", "b.avi"], "'b.avi' is of an unknown kind; expected"),
        (["STYLE", "CLIP", "-o", "b.webm", "--codec", "h264"], ".webm cannot hold H.264, it holds vp9, av1"),
        (["STYLE", "CLIP", "-o", "CLIP"], "would replace its input"),
        (["STYLE", "CLIP", "-o", "none/b.mp4"], "folder 'none' does not exist"),
        (["STYLE", "CLIP", "-o", "b.mp4", "--start", "x"], "'x' is not a time"),
        (["STYLE", "CLIP", "-o", "b.mp4", "--start", "2", "--end", "1"], "from 2 s to 1 s is empty"),
        (
            ["STYLE", "CLIP", "-o", "b.mp4", "--start", "60"],
            "has no frames in the section that was asked for",
        ),
        (["STYLE", "CLIP", "-o", "b.mp4", "--bitrate", "fast"], "'fast' is not a bitrate"),
        (["STYLE", "CLIP", "-o", "b.mp4", "--preset", "soon"], "does not take 64x48 with"),
        (["STYLE", "CLIP", "-o", "b.mp4", "--device", "tpu"], "device 'tpu' is not available"),
        (["STATIC", "CLIP", "-o", "b.mp4"], "takes pictures of 32x24 pixels only"),
    ],
)
def test_mistakes_end_with_code_2_and_leave_nothing(
    run: Run,
    small_style: Path,
    static_bytes_onnx_file: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"STYLE": small_style, "CLIP": clip, "STATIC": static_bytes_onnx_file}
    before = clip.read_bytes()
    code, out, err = run("video", *(names.get(word, word) for word in arguments))
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert message in err
    assert list(tmp_path.iterdir()) == []
    assert clip.read_bytes() == before


@pytest.mark.parametrize("command", ["video", "live"])
@pytest.mark.parametrize(
    ("source", "output", "message"),
    [
        ("b.part.mp4", "b.mp4", "output 'b.mp4' is written as 'b.part.mp4' first, which would replace its"),
        ("b.mp4", "b.mp4", "output 'b.mp4' would replace its input; give it another name"),
        ("b.mp4", "link.mp4", "output 'link.mp4' would replace its input; give it another name"),
    ],
)
def test_an_input_is_never_replaced(
    run: Run,
    small_style: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    source: str,
    output: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(source).write_bytes(clip.read_bytes())
    Path("link.mp4").symlink_to(source)
    named = ("--input", source) if command == "live" else (source,)
    code, out, err = run(command, small_style, *named, "--output", output, "--overwrite")
    assert (code, out) == (2, "")
    assert message in err
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source, "link.mp4"])
    assert Path(source).read_bytes() == clip.read_bytes()


def test_an_unwritable_folder(run: Run, small_style: Path, clip: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        target = Path("/proc/self/b.mp4")  # nothing is written there, by nobody
    else:
        tmp_path.chmod(0o500)
        target = tmp_path / "b.mp4"
    code, _, err = run("video", small_style, clip, "-o", target)
    assert code == 2
    assert f"cannot write into '{target.parent}'" in err


def test_damage_is_told(run: Run, small_style: Path, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", Making(options={"crf": "2", "bf": "0", "g": "1"}))
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        broken = packets[5]
        assert broken.pos is not None
    content = bytearray(source.read_bytes())
    content[broken.pos + 5 : broken.pos + broken.size] = bytes(broken.size - 5)
    source.write_bytes(content)
    code, out, err = run("video", small_style, source, "-o", tmp_path / "b.mp4")
    assert code == 1
    assert out.startswith("12 frames stylised")
    assert err == "damaged frames, in whose place the one before is shown: 1\n"
    assert read_frames(tmp_path / "b.mp4")[0] == [TICK * LASTING * index for index in range(12)]


def start(*arguments: object, limit: int | None = None) -> subprocess.Popen[str]:
    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    program = [
        sys.executable,
        "-m",
        "allaprima",
        "video",
        *map(str, arguments),
        "--crf",
        "4",
        "--preset",
        "veryslow",
    ]
    return subprocess.Popen(
        program,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=prepare,
        cwd=ROOT,
    )


def wait_until_written(part: Path, size: int) -> None:
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > size):
        assert time.monotonic() < deadline, "nothing was written"
        time.sleep(0.005)


def start_and_interrupt(
    number: signal.Signals, style: Path, clip: Path, folder: Path
) -> tuple["subprocess.Popen[str]", Path]:
    """Return a program that was sent a signal while it wrote, and the file it wrote."""
    part = folder / "b.part.mp4"
    done = start(style, clip, "-o", folder / "b.mp4")
    wait_until_written(part, 100_000)
    done.send_signal(number)
    return done, part


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)],
)
def test_what_was_written_before_a_signal_plays(
    static_bytes_onnx_file: Path, long_clip: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    done, part = start_and_interrupt(number, static_bytes_onnx_file, long_clip, tmp_path)
    out, err = done.communicate()
    assert (done.returncode, out) == (code, "")
    assert [path.name for path in tmp_path.iterdir()] == ["b.part.mp4"]
    frames = count(part)
    assert 0 < frames < 800
    if code > 0:
        assert err == f"interrupted; '{part}' has the first {frames} frames and plays\n"
    with av.open(str(part)) as container:
        assert len(list(container.demux(audio=0))) > 5


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_it_at_once_and_says_what_plays(
    static_bytes_onnx_file: Path, long_clip: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    done, part = start_and_interrupt(number, static_bytes_onnx_file, long_clip, tmp_path)
    time.sleep(0.02)  # two at once would be one
    done.send_signal(number)
    _, err = done.communicate()
    assert done.returncode == code
    if f"interrupted; '{part}'" not in err:  # the encoder was not as quick
        assert err == f"ended at once: '{part}' may play as far as it was written\n"
    assert [path.name for path in tmp_path.iterdir()] == ["b.part.mp4"]
    assert 0 < count(part) < 800


def test_what_was_written_before_the_disk_was_full_plays(
    static_bytes_onnx_file: Path, long_clip: Path, tmp_path: Path
) -> None:
    part = tmp_path / "b.part.mp4"
    done = start(static_bytes_onnx_file, long_clip, "-o", tmp_path / "b.mp4", limit=300_000)
    _, err = done.communicate()
    assert done.returncode == 2
    assert f"error: cannot write '{part}': file too large\n" in err
    assert f"'{part}' plays as far as it was written\n" in err
    assert not (tmp_path / "b.mp4").exists()
    assert 20 < count(part) < 800
