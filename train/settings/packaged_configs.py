"""The files of settings that are installed with the program, and what such a file's name stands for."""

from pathlib import Path

from allaprima import configs
from allaprima.did_you_mean import suggestion


def packaged_configs() -> dict[str, Path]:
    """Return the packaged files of settings by name."""
    (folder,) = configs.__path__
    return {path.stem: path for path in sorted(Path(folder).glob("*.yaml"))}


def find_config(name_or_path: Path) -> Path:
    """Return the file that is meant: the one of that path or, where there is none, the packaged one.

    Raises:
        FileNotFoundError: If there is neither.
    """
    if name_or_path.is_file():
        return name_or_path
    packaged = packaged_configs()
    if (file := packaged.get(str(name_or_path))) is not None:
        return file
    message = f"config '{name_or_path}' does not exist"
    if not name_or_path.suffix:  # may have been meant as a name
        message += f"; packaged ones: {', '.join(packaged)}"
    raise FileNotFoundError(message + suggestion(name_or_path.stem, packaged))
