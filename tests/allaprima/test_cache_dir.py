"""A cache that cannot be had is done without."""

import os
from pathlib import Path

import pytest

from allaprima import cache_dir
from allaprima.cache_dir import default_cache_dir


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    cache_dir._for_now.cache_clear()
    for name in ("ALLAPRIMA_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variable", "below"),
    [("ALLAPRIMA_CACHE", ""), ("XDG_CACHE_HOME", "allaprima"), ("HOME", ".cache/allaprima")],
)
def test_variables_are_honoured(
    variable: str,
    below: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "somewhere"))
    assert default_cache_dir() == tmp_path / "somewhere" / below
    assert not caplog.text


def homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_nobody_has_no_home(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(Path, "home", homeless)
    folder = default_cache_dir()
    assert folder.is_dir()
    assert default_cache_dir() == folder
    assert caplog.messages == [
        "nothing is kept for the next time, since there is no home folder: $ALLAPRIMA_CACHE names a folder"
    ]


def test_a_file_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ALLAPRIMA_CACHE", str(tmp_path / "file" / "cache"))
    assert default_cache_dir().is_dir()
    assert f"'{tmp_path / 'file'}" in caplog.text


def test_a_folder_that_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALLAPRIMA_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert default_cache_dir() != tmp_path
    assert f"since '{tmp_path}' cannot be written" in caplog.text
