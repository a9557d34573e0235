"""The style files that are installed with the program, and what a style's name stands for."""

from pathlib import Path

from allaprima.did_you_mean import suggestion


def bundled_styles() -> dict[str, Path]:
    """Return the bundled style files by name, in the order of their names."""
    folder = Path(__file__).parent / "styles"
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def find_style(name_or_path: Path | str) -> Path:
    """Return the file that is meant: the one of that path or, where there is none, the bundled style.

    Everything that opens a style file asks here, so a bundled name works wherever a path does.

    Raises:
        FileNotFoundError: If there is neither.
        IsADirectoryError: If it is a folder, such as that of a run.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    bundled = bundled_styles()
    if (file := bundled.get(str(path))) is not None:
        return file
    if path.is_dir():
        raise IsADirectoryError(f"style '{path}' is a folder; give the style file{_inside(path)}")
    if path.exists():
        raise FileNotFoundError(f"style file '{path}' is no file, but a pipe or a device")
    message = f"style file '{path}' does not exist"
    if path.name == str(path) and not path.suffix:  # may have been meant as a name
        message += f"; bundled styles: {', '.join(bundled)}"
    raise FileNotFoundError(message + suggestion(path.stem, bundled))


def _inside(folder: Path) -> str:
    """Say which style file was probably meant."""
    files = [f"'{path}'" for path in sorted(folder.glob("*.safetensors"))]
    return f" in it: {', '.join(files[:3])}" if files else ", or the name of a bundled one"
