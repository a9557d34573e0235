"""What cannot be written is told before the work."""

from pathlib import Path

import pytest

from allaprima.output_path_checks import check_outputs, check_suffix


def test_outputs_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.json").touch()
    check_outputs((tmp_path / "new.json", Path("here.json"), None), overwrite=False)
    check_outputs((tmp_path / "old.json",), overwrite=True)


def test_outputs_that_cannot(tmp_path: Path) -> None:
    (tmp_path / "old.json").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileExistsError, match=r"old.json' is there already: --overwrite replaces it"):
        check_outputs((tmp_path / "new.json", tmp_path / "old.json"), overwrite=False)
    with pytest.raises(FileNotFoundError, match=r"new.json': there is no folder '.*absent'"):
        check_outputs((tmp_path / "absent" / "new.json",), overwrite=True)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_outputs((tmp_path / "old.json" / "new.json",), overwrite=True)
    with pytest.raises(FileExistsError, match="folder': it is a folder"):
        check_outputs((tmp_path / "folder",), overwrite=True)


def test_no_file_is_written_twice_or_over_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    style = tmp_path / "style.png"
    style.touch()
    with pytest.raises(ValueError, match=r"out.png' cannot be written to: it is written to already"):
        check_outputs((Path("out.png"), None, tmp_path / "out.png"), overwrite=True)
    with pytest.raises(ValueError, match=r"output 'style.png' would replace its input; give it another name"):
        check_outputs((Path("out.png"), Path("style.png")), overwrite=True, inputs=(None, style))
    (tmp_path / "link.png").hardlink_to(style)
    with pytest.raises(ValueError, match=r"output 'link.png' would replace its input"):
        check_outputs((Path("link.png"),), overwrite=True, inputs=(style,))


def test_suffixes() -> None:
    check_suffix(Path("a.PNG"), (".jpg", ".png"))
    with pytest.raises(ValueError, match=r"cannot write 'a.gif': suffix must be one of .jpg, .png"):
        check_suffix(Path("a.gif"), (".jpg", ".png"))
