"""Paths that a run's settings keep."""

from pathlib import Path

import pytest

from allaprima.train.run_paths import with_absolute_places
from allaprima.train.settings.config import TrainConfig


@pytest.mark.parametrize("name", ["base", "none", "great-wave"])
def test_a_name_to_start_from_stays_one_beside_a_folder_of_that_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    config = TrainConfig(init=Path(name), style=Path(name))
    kept = with_absolute_places(config, tmp_path / "run")
    assert (kept.init, kept.style) == (Path(name), tmp_path / name)


@pytest.mark.parametrize(("name", "is_path"), [("base", False), ("none", False), ("great-wave", True)])
def test_a_file_to_start_from_has_its_whole_path_but_for_two_names(
    name: str, is_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `initial_file` understands them: a style file wins over a bundled style, and not over these."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    kept = with_absolute_places(TrainConfig(init=Path(name)), tmp_path / "run")
    assert kept.init == (tmp_path / name if is_path else Path(name))
