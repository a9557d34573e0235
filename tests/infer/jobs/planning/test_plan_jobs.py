"""Which files are read, and where the results go."""

from pathlib import Path

import pytest

from allaprima.infer.jobs.planning.job import Job
from allaprima.infer.jobs.planning.plan_jobs import plan_jobs
from allaprima.infer.jobs.storage.url import path_below


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def targets(folder: Path, jobs: list[Job]) -> list[str]:
    return [path_below(job.target, folder).as_posix() for job in jobs]


def test_folder_keeps_its_tree_sorted(tmp_path: Path) -> None:
    touch(tmp_path / "in", "b.JPG", "a.png", "sub/c.webp", "notes.txt", ".hidden.jpg", ".git/d.jpg")
    jobs = plan_jobs([tmp_path / "in"], tmp_path / "out")
    assert targets(tmp_path, jobs) == ["out/a.png", "out/b.JPG", "out/sub/c.webp"]


def test_linked_folders_are_searched_and_loops_are_not(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "elsewhere/b.png")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    jobs = plan_jobs([tmp_path / "in"], tmp_path / "out")
    assert targets(tmp_path / "out", jobs) == ["a.png", "linked/b.png"]


def test_output_inside_the_folder_is_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "out/a.png", "out/deep/b.png", "output/c.png")
    assert targets(tmp_path / "out", plan_jobs([tmp_path], tmp_path / "out")) == ["a.png", "output/c.png"]


def test_one_file_goes_to_a_file_or_into_a_folder(tmp_path: Path) -> None:
    source = tmp_path / "a.jpg"
    (tmp_path / "v1.0").mkdir()
    assert targets(tmp_path, plan_jobs([source], tmp_path / "b.png")) == ["b.png"]
    assert targets(tmp_path, plan_jobs([source], tmp_path / "out")) == ["out/a.jpg"]
    assert targets(tmp_path, plan_jobs([source], tmp_path / "v1.0")) == ["v1.0/a.jpg"]
    for name in ("new.v2", "new.png"):
        jobs = plan_jobs([source], tmp_path / name, into_folder=True)
        assert targets(tmp_path, jobs) == [f"{name}/a.jpg"]


def test_several_folders_keep_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.jpg", "y/a.jpg", "b.jpg")
    jobs = plan_jobs([tmp_path / "x", tmp_path / "y", tmp_path / "b.jpg"], tmp_path / "out")
    assert targets(tmp_path / "out", jobs) == ["x/a.jpg", "y/a.jpg", "b.jpg"]


def test_parent_folder_does_not_escape_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "x/a.jpg", "x/here/b.jpg")
    monkeypatch.chdir(tmp_path / "x" / "here")
    jobs = plan_jobs([Path(".."), Path("b.jpg")], tmp_path / "out")
    assert targets(tmp_path / "out", jobs) == ["x/a.jpg", "x/here/b.jpg"]


def test_file_named_twice_is_done_once(tmp_path: Path) -> None:
    touch(tmp_path / "in", "a.jpg")
    jobs = plan_jobs([tmp_path / "in", tmp_path / "in" / "a.jpg"], tmp_path / "out")
    assert targets(tmp_path, jobs) == ["out/in/a.jpg"]


def test_file_named_outright_is_tried_whatever_its_suffix(tmp_path: Path) -> None:
    jobs = plan_jobs([tmp_path / "clip.mp4", tmp_path / "photo"], tmp_path / "out")
    assert targets(tmp_path, jobs) == ["out/clip.png", "out/photo.png"]


@pytest.mark.parametrize(
    ("name", "suffix"), [("b.jpeg", ".jpg"), ("b.JPG", ".jpeg"), ("b.tif", ".tiff"), ("b.png", ".png")]
)
def test_a_format_may_be_named_by_its_other_suffix(tmp_path: Path, name: str, suffix: str) -> None:
    jobs = plan_jobs([tmp_path / "a.jpg"], tmp_path / name, suffix=suffix)
    assert targets(tmp_path, jobs) == [name]


def test_unwritable_formats_change(tmp_path: Path) -> None:
    touch(tmp_path / "in", "a.gif", "b.bmp", "c.HEIC", "d.tif")
    jobs = plan_jobs([tmp_path / "in"], tmp_path / "out")
    assert targets(tmp_path / "out", jobs) == ["a.png", "b.png", "c.jpg", "d.tif"]


def test_names_that_would_coincide_keep_their_old_suffix(tmp_path: Path) -> None:
    touch(tmp_path / "in", "a.jpg", "a.png", "a.gif", "b.jpg", "sub/a.jpg")
    jobs = plan_jobs([tmp_path / "in"], tmp_path / "out", suffix=".png")
    names = ["a.gif.png", "a.jpg.png", "a.png", "b.png", "sub/a.png"]
    assert targets(tmp_path / "out", jobs) == names


@pytest.mark.parametrize(
    ("inputs", "output", "suffix", "message"),
    [
        (["x/a.jpg", "y/a.jpg"], "out", None, "would both be written to"),
        (["x"], "x", None, "would replace an input"),
        (["x/a.jpg"], "x/a.jpg", None, "would replace an input"),
        (["x/a.jpg"], "b.gif", None, "unknown format; expected one of .jpg"),
        (["x/a.jpg"], "b.v2", None, "or of a folder a slash at its end: '.*b.v2/'"),
        (["x/a.jpg"], "b.png", ".jpg", "contradicts format '.jpg'"),
        (["x"], "b.png", None, "the name of a picture; several pictures need a folder"),
        (["x"], "file", None, "a file that is there already"),
        (["x"], "out", ".gif", "unknown format '.gif'"),
        (["empty"], "out", None, "no pictures in .*empty'; looked for .*.avif"),
    ],
)
def test_unusable_plans_are_explained(
    tmp_path: Path, inputs: list[str], output: str, suffix: str | None, message: str
) -> None:
    touch(tmp_path, "x/a.jpg", "y/a.jpg", "file", "empty/notes.txt")
    with pytest.raises(ValueError, match=message):
        plan_jobs([tmp_path / name for name in inputs], tmp_path / output, suffix=suffix)


def test_link_to_an_input_is_not_replaced(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.jpg", "out/notes.txt")
    (tmp_path / "out" / "a.jpg").symlink_to(tmp_path / "in" / "a.jpg")
    with pytest.raises(ValueError, match="would replace an input"):
        plan_jobs([tmp_path / "in"], tmp_path / "out")
