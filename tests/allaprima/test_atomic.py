from pathlib import Path

import pytest

from allaprima.atomic import write_atomically, write_together


def test_success_replaces_and_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with write_atomically(path) as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_failure_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with write_atomically(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_names_may_be_as_long_as_the_disk_allows(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 246 + ".png")
    with write_atomically(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), write_atomically(tmp_path / "missing" / "a.txt"):
        pass


def test_files_written_together_are_all_there_or_none(tmp_path: Path) -> None:
    paths = [tmp_path / "a.xml", tmp_path / "a.bin"]
    with write_together(paths) as folder:
        for path in (*paths, tmp_path / "scrap"):
            (folder / path.name).write_text("new")
        assert not paths[0].exists()
    assert sorted(tmp_path.iterdir()) == sorted(paths)

    def fail() -> None:
        with write_together(paths) as folder:
            (folder / "a.xml").write_text("newer")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [path.read_text() for path in paths] == ["new", "new"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
