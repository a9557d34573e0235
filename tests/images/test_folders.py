"""Which files a folder holds, with links, loops and what cannot be read."""

import logging
import os
from pathlib import Path

import pytest

from allaprima.images.folders import files_below, pictures_below


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_below(folder)]


def test_files_of_any_depth_without_hidden_ones(tmp_path: Path) -> None:
    touch(tmp_path, "b.png", "a/c.txt", "a/d/e", ".hidden", ".git/f.png")
    assert names(tmp_path) == ["a/c.txt", "a/d/e", "b.png"]


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "JP2", "pgm", "mpo", "ico", "psd", "apng", "tif", "heic"])
def test_pictures_are_found_by_every_suffix_of_what_is_read(suffix: str, tmp_path: Path) -> None:
    touch(tmp_path, f"a.{suffix}", "b.txt", "c.eps", "d.mpg")
    assert [path.name for path in pictures_below(tmp_path)] == [f"a.{suffix}"]


def test_what_is_passed_over_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    touch(tmp_path, "a.jpg", "b.txt", "c.TXT", "d.mov", "README")
    pictures_below(tmp_path)
    assert "passing over files that are not called pictures: 2 .txt, " in caplog.text
    caplog.clear()
    (tmp_path / "clean").mkdir()
    touch(tmp_path / "clean", "a.jpg")
    pictures_below(tmp_path / "clean")
    assert not caplog.text


def test_thumbnails_of_network_storage_are_no_photographs(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "a.jpg",
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg",
        "#recycle/b.jpg",
        "sub/__MACOSX/c.jpg",
        "#snapshot/2/d.jpg",
    )
    assert names(tmp_path) == ["a.jpg"]


def test_folders_of_training_runs_are_left_out_unless_they_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run = tmp_path / "runs" / "night"
    touch(tmp_path, "a.png", "checkpoints/b.png", "c/config.yaml", "runs/d.png")
    touch(run, "config.yaml", "checkpoints/4.ckpt", "contact-sheet.png", "style-pictures/1.png")
    (tmp_path / "linked").symlink_to(run)
    assert names(tmp_path) == ["a.png", "c/config.yaml", "checkpoints/b.png", "runs/d.png"]
    assert caplog.messages == [f"leaving out folder '{run}': it is that of a training run"]
    assert "contact-sheet.png" in names(run)


def test_links_are_followed_once_and_loops_are_not(tmp_path: Path) -> None:
    touch(tmp_path, "in/real/a.png", "elsewhere/b.png")
    folder = tmp_path / "in"
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "again").symlink_to(tmp_path / "elsewhere")
    (folder / "alias").symlink_to(folder / "real")  # comes before it, and yet gives way
    (folder / "real" / "loop").symlink_to(folder)
    (folder / "one.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    assert names(folder) == ["again/b.png", "one.png", "real/a.png"]


def test_links_to_nothing_are_named_and_links_to_themselves_are_not(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing.png")
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    assert names(tmp_path) == ["gone.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_are_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "linked.png").symlink_to(tmp_path / "pipe.png")
    assert names(tmp_path) == []


def test_folder_that_cannot_be_searched_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "a.png", "locked/b.png")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path == tmp_path / "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert names(tmp_path) == ["a.png"]
    assert caplog.messages == [f"leaving out folder '{tmp_path / 'locked'}': Permission denied"]
    with pytest.raises(PermissionError):
        files_below(tmp_path / "locked")
