"""What a killed program was writing is removed by the next one, what others write is not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from allaprima.atomic import write_together, write_whole
from allaprima.unfinished_files import UNFINISHED, clear_abandoned, held

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs locks of files and folders")

WRITER = """
import sys, time
from pathlib import Path
from allaprima import atomic, unfinished_files
folder = Path(sys.argv[1])
unfinished = {
    "together": lambda: atomic.write_together([folder / "whole.txt"]),
    "atomically": lambda: atomic.write_atomically(folder / "whole.tif"),
    "scratch": lambda: unfinished_files.scratch_folder(folder),
}[sys.argv[2]]
with unfinished() as path:
    ((path / "whole.txt") if path.is_dir() else path).write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""
FILE = f"{UNFINISHED}{'0123456789abcdef'}"


@pytest.fixture(autouse=True)
def another_process() -> None:
    """Folders are looked at once in a process: each test is another."""
    clear_abandoned.cache_clear()


@pytest.mark.parametrize("kind", ["together", "atomically", "scratch"])
def test_what_a_killed_program_left_is_removed(kind: str, tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), kind], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    (unfinished,) = tmp_path.iterdir()
    write_whole(tmp_path / "other.txt", b"other")
    assert unfinished.is_dir()  # it is being written
    clear_abandoned.cache_clear()
    process.kill()
    process.communicate()
    write_whole(tmp_path / "other.txt", b"other")
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]


def test_files_too(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"half")
    with held(tmp_path / FILE):
        clear_abandoned(tmp_path)
    assert (tmp_path / FILE).exists()
    clear_abandoned.cache_clear()
    with write_together([tmp_path / "a.txt"]) as folder:
        (folder / "a.txt").write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    "name", [".unfinished-notes", f"{FILE}.txt", f"{UNFINISHED}notes", "unfinished", f"x{FILE}"]
)
def test_names_of_others_stay(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"mine")
    clear_abandoned(tmp_path)
    assert (tmp_path / name).read_bytes() == b"mine"


def test_links_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("mine")
    (tmp_path / FILE).symlink_to(tmp_path / "mine")
    clear_abandoned(tmp_path)
    assert (tmp_path / FILE / "a.txt").read_text() == "mine"


def test_files_of_another_user_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).write_bytes(b"half")
    monkeypatch.setattr(os, "getuid", lambda: (tmp_path / FILE).stat().st_uid + 1)
    clear_abandoned(tmp_path)
    assert (tmp_path / FILE).exists()


def test_what_was_not_held_yet_is_removed_after_a_while(tmp_path: Path) -> None:
    new, old = (tmp_path / f"{UNFINISHED}{digit * 16}.new" for digit in "12")
    for path in (new, old):
        path.touch()
    os.utime(old, (0, 0))
    clear_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == [new]
