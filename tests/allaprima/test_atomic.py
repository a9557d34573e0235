import ast
import os
import re
import threading
from pathlib import Path

import pytest

from allaprima.atomic import _sync, require_writable, write_together, write_whole
from allaprima.unfinished_files import clear_abandoned
from tests.conftest import ROOT, largest_file

NAMES_OF_WRITERS = {"write_text", "write_bytes", "savefig", "save_file", "tofile", "imsave"}
WRITTEN_ELSEWHERE = {
    "allaprima/atomic.py",
    "infer/export/to_torch.py",  # in the folder of `write_together`
    "train/data/decoded_cache.py",  # a folder that is moved into place when it is whole
}


def test_success_replaces_and_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    write_whole(path, b"new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("size", [1, 4096, 69_999])
def test_a_full_disk_keeps_the_old_file(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with largest_file(size), pytest.raises(OSError, match="too large"):
        write_whole(path, b"x" * 70_000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_where_modes_cannot_be_changed_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    for name in ("chmod", "fchmod", "lchmod"):
        monkeypatch.setattr(os, name, refuse, raising=False)
    write_whole(tmp_path / "a.txt", b"new")
    require_writable(tmp_path / "b.txt")
    with write_together([tmp_path / "c.txt"]) as folder:
        (folder / "c.txt").write_bytes(b"new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "c.txt"]


def test_modes_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_whole(tmp_path / "a.txt", b"new")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_names_may_be_as_long_as_the_disk_allows(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 251 + ".png")
    write_whole(path, b"new")
    assert path.read_text() == "new"


def test_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing" / "a.txt", b"")


def test_what_can_be_written_leaves_no_trace(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("old")
    require_writable(there)
    require_writable(tmp_path / "new")
    assert there.read_text() == "old"
    assert list(tmp_path.iterdir()) == [there]


def test_what_cannot_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot write '.*a.txt': there is no folder"):
        require_writable(tmp_path / "missing" / "a.txt")
    with pytest.raises(OSError, match="file name too long"):
        require_writable(tmp_path / ("a" * 256))
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        require_writable(tmp_path)
    with pytest.raises(OSError, match="MB are free, it needs"):
        require_writable(tmp_path / "a.txt", needed=1 << 60)
    with largest_file(100), pytest.raises(OSError, match="too large"):
        require_writable(tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_shorter_than_what_was_written_is_noticed(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.write(b"abc")
        file.flush()
        _sync(file.fileno(), 3, tmp_path / "a")
        with pytest.raises(OSError, match="has 3 of 4 bytes: is the disk full"):
            _sync(file.fileno(), 4, tmp_path / "a")


def test_nothing_ever_has_the_name_that_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill would leave it there, and what another program writes meanwhile would be replaced."""
    names: list[str] = []
    rename, write = Path.rename, Path.write_bytes

    def watched_rename(path: Path, target: Path) -> Path:
        names.append(target.name)
        return rename(path, target)

    def watched_write(path: Path, data: bytes) -> int:
        names.append(path.relative_to(tmp_path).as_posix())
        return write(path, data)

    monkeypatch.setattr(Path, "rename", watched_rename)
    monkeypatch.setattr(Path, "write_bytes", watched_write)
    require_writable(tmp_path / "a.png")
    assert any(name.endswith("/a.png") for name in names)
    assert "a.png" not in names
    assert not list(tmp_path.iterdir())


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


def test_nothing_else_writes_files() -> None:
    """What is written otherwise may be cut short on a full disk without anybody telling."""
    for folder in ("allaprima", "images", "infer", "models", "paintings", "train"):
        files = (ROOT / folder).glob("*.py") if folder == "allaprima" else (ROOT / folder).rglob("*.py")
        for path in files:
            name = path.relative_to(ROOT).as_posix()
            calls = {_called(node) for node in ast.walk(ast.parse(path.read_text())) if _to_a_file(node)}
            assert name in WRITTEN_ELSEWHERE or not calls, f"{name} writes a file by {calls}: use write_whole"


def _to_a_file(node: ast.AST) -> bool:
    """Return whether a call writes a file, unless what it writes to is a buffer."""
    if not isinstance(node, ast.Call) or _called(node) not in NAMES_OF_WRITERS:
        return False
    return not (node.args and isinstance(node.args[0], ast.Name) and node.args[0].id in ("drawn", "encoded"))


def _called(node: ast.AST) -> str:
    return node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""


@pytest.mark.parametrize("write", ["whole", "together", "tried"])
def test_clearing_takes_nothing_that_is_being_written(tmp_path: Path, write: str) -> None:
    """Another program, or thread, may look for abandoned files at any moment."""
    over = threading.Event()

    def clear() -> None:
        while not over.is_set():
            clear_abandoned.__wrapped__(tmp_path)

    clearing = threading.Thread(target=clear)
    clearing.start()
    try:
        for number in range(300):
            target = tmp_path / str(number)
            if write == "whole":
                write_whole(target, b"x")
            elif write == "tried":
                require_writable(target)
            else:
                with write_together([target]) as folder:
                    (folder / target.name).write_bytes(b"x")
            assert target.exists() == (write != "tried")
    finally:
        over.set()
        clearing.join()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_folder_in_place_of_a_file_is_named_before_anything_is_written(tmp_path: Path) -> None:
    model, weights = tmp_path / "a.xml", tmp_path / "a.bin"
    weights.mkdir()
    message = re.escape(f"cannot write '{weights}': it is a folder")
    with pytest.raises(IsADirectoryError, match=message), write_together([model, weights]):
        pytest.fail("it began to write")
    with pytest.raises(IsADirectoryError, match=message):
        write_whole(weights, b"a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
