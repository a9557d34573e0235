import os
from pathlib import Path

import pytest

from allaprima.owned_folders import MARKER, mark_as_owned, owned_folders, remove_owned


def test_only_marked_folders_are_found_and_removed(tmp_path: Path) -> None:
    own, foreign, link = tmp_path / "own", tmp_path / "foreign", tmp_path / "link"
    for folder in (own, foreign):
        folder.mkdir()
        (folder / "a").touch()
    mark_as_owned(own)
    link.symlink_to(own)
    (tmp_path / "file").touch()
    assert owned_folders(tmp_path) == [own]
    for folder in (own, foreign, link, tmp_path / "file", tmp_path / "nothing"):
        remove_owned(folder, ["a", "never-there"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "foreign", "link"]
    assert [path.name for path in foreign.iterdir()] == ["a"]


def test_what_somebody_put_in_stays(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    (folder / "a").mkdir(parents=True)
    (folder / "notes.txt").touch()
    mark_as_owned(folder)
    remove_owned(folder, ["pixels.bin"])
    assert sorted(path.name for path in folder.iterdir()) == ["a", "notes.txt"]


def test_a_file_of_that_name_is_no_marker(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / MARKER).write_text("mine")
    (tmp_path / "b" / MARKER).mkdir(parents=True)
    assert owned_folders(tmp_path) == []


def test_what_another_user_marked_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    mark_as_owned(tmp_path / "a")
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert owned_folders(tmp_path) == []


def test_markers_are_files(tmp_path: Path) -> None:
    """A pipe would be waited for, a device be read without end."""
    for name in ("pipe", "link"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / MARKER)
    (tmp_path / "link" / MARKER).symlink_to("/dev/zero")
    assert owned_folders(tmp_path) == []
