"""The command `bench batch`."""

from pathlib import Path

from tests.conftest import Run


def test_only_style_files_are_measured(style: Path, tmp_path: Path, run: Run) -> None:
    exported = tmp_path / "style.onnx"
    exported.touch()
    code, _, err = run("bench", "batch", exported, tmp_path)
    assert code == 2
    assert "style.onnx' is an exported file; give the style file" in err
