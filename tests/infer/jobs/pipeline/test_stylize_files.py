"""Carrying out work on files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allaprima.images.picture_files import Picture, read_picture, write_picture
from allaprima.infer.jobs.pipeline.outcome import Outcome
from allaprima.infer.jobs.pipeline.stylize_files import stylize_files
from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.planning.plan_jobs import plan_jobs
from tests.conftest import largest_file


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def invert(picture: Picture) -> Picture:
    if picture.width < 16:
        raise ValueError("too small")
    return Picture(255 - picture.rgb, picture.alpha)


def make(path: Path, level: int = 10, side: int = 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(Picture(np.full((side, side, 3), level, np.uint8)), path)
    return path


def outcomes(jobs: list[Job], *, overwrite: bool = False) -> list[Outcome]:
    return list(stylize_files(invert, jobs, overwrite=overwrite))


def test_a_link_to_itself_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "self.png").symlink_to("self.png")
    jobs = plan_jobs([tmp_path / "self.png"], tmp_path / "out.png")
    (outcome,) = outcomes(jobs)
    assert outcome.message.endswith("cannot be read: it is a link that leads back to itself")


def test_work_is_done_and_failures_do_not_stop_it(tmp_path: Path) -> None:
    make(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    make(tmp_path / "in" / "c.png", side=4)
    make(tmp_path / "in" / "sub" / "d.png", level=20)
    done = outcomes(plan_jobs([tmp_path / "in"], tmp_path / "out"))
    assert [outcome.status for outcome in done] == ["stylized", "failed", "failed", "stylized"]
    assert done[1].message.startswith(f"picture '{tmp_path / 'in' / 'b.png'}' cannot be read")
    assert done[2].message == f"'{tmp_path / 'in' / 'c.png'}': too small"
    assert (read_picture(tmp_path / "out" / "sub" / "d.png").rgb == 235).all()
    assert not (tmp_path / "out" / "c.png").exists()


def test_results_that_exist_are_skipped_unless_overwritten(tmp_path: Path) -> None:
    jobs = plan_jobs([make(tmp_path / "a.png"), make(tmp_path / "b.png")], tmp_path / "out")
    make(tmp_path / "out" / "b.png", level=1)
    assert [(o.job, o.status) for o in outcomes(jobs)] == [(jobs[1], "skipped"), (jobs[0], "stylized")]
    assert (read_picture(tmp_path / "out" / "b.png").rgb == 1).all()
    assert [outcome.status for outcome in outcomes(jobs, overwrite=True)] == ["stylized"] * 2
    assert (read_picture(tmp_path / "out" / "b.png").rgb == 245).all()


def test_unwritable_target_is_a_failure(tmp_path: Path) -> None:
    source = make(tmp_path / "a.png")
    touch(tmp_path, "out")
    [outcome] = outcomes([Job(source, tmp_path / "out" / "a.png")])
    assert outcome.status == "failed"
    assert str(source) in outcome.message


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA error: an illegal memory access\nadvice"), RuntimeError("no advice")]
)
def test_errors_of_the_runtime_are_failures(tmp_path: Path, error: RuntimeError) -> None:
    def fail_on_dark(picture: Picture) -> Picture:
        if picture.rgb.max() < 15:
            raise error
        return picture

    jobs = plan_jobs([make(tmp_path / "a.png"), make(tmp_path / "b.png", level=20)], tmp_path / "out")
    first, second = stylize_files(fail_on_dark, jobs)
    assert first.message == f"'{tmp_path / 'a.png'}': {str(error).splitlines()[0]}"
    assert (first.status, first.error, second.status) == ("failed", error, "stylized")


def test_lack_of_memory_is_a_failure(tmp_path: Path) -> None:
    def fail(picture: Picture) -> Picture:
        raise MemoryError

    [outcome] = stylize_files(fail, [Job(make(tmp_path / "a.png"), tmp_path / "b.png")])
    assert outcome.message.endswith("a.png': not enough memory")


def test_what_cannot_be_written_is_not_painted(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    source = make(tmp_path / "a.png")
    jobs = [Job(source, tmp_path / target) for target in (f"{'a' * 252}.png", "file/a.png")]
    done = list(stylize_files(lambda _: pytest.fail("painted"), jobs))
    assert [outcome.status for outcome in done] == ["failed", "failed"]
    assert "file name too long" in done[0].message
    Image.new("RGB", (65501, 16)).save(tmp_path / "wide.png")
    [wide] = stylize_files(lambda _: pytest.fail("painted"), [Job(tmp_path / "wide.png", tmp_path / "b.jpg")])
    assert "65501x16 pixels, and JPEG ends at 65500 a side; write .png or .tif" in wide.message


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_result_that_is_cut_short_has_failed(tmp_path: Path, suffix: str) -> None:
    """With the disk full at the last block, an earlier result stays and the next run tries again."""
    source, target = tmp_path / f"a{suffix}", tmp_path / "out" / f"a{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (90, 100, 3), dtype=np.uint8)
    write_picture(Picture(noise), source)
    assert outcomes([Job(source, target)])[0].status == "stylized"
    before = target.read_bytes()
    with largest_file(len(before) - 1):
        (failed,) = outcomes([Job(source, target)], overwrite=True)
    assert failed.status == "failed"
    assert "too large" in failed.message.lower()
    assert [path.read_bytes() for path in target.parent.iterdir()] == [before]
