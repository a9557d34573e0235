"""A file under another name until it is complete."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from allaprima.images.video import ClipError, open_clip
from allaprima.output_path_checks import are_one


def part_path(target: Path) -> Path:
    """Return where a clip lies while it is written: `clip.part.mp4` beside `clip.mp4`."""
    return target.with_name(f"{target.stem}.part{target.suffix}")


class PartFile:
    """A clip's file under the name of its part.

    A part that an earlier run left is replaced.

    Args:
        target: The final file.
        overwrite: Replace it if it exists.
        inputs: What it is made from, and must not replace.

    Raises:
        ValueError: If it, or its part, is one of the inputs.
        FileExistsError: If it exists and is not to be replaced.
        OSError: If its folder does not exist or cannot be written to.
    """

    def __init__(self, target: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> None:
        self.target = target
        self.path = part_path(target)
        if target.is_dir():
            raise IsADirectoryError(f"output '{target}' is a folder; expected the name of a file")
        for source in inputs:
            self._refuse_to_replace(source)
        if target.exists() and not overwrite:
            raise FileExistsError(f"output '{target}' is there already; --overwrite replaces it")
        if not target.absolute().parent.is_dir():
            raise FileNotFoundError(f"folder '{target.parent}' does not exist; make it, or choose another")
        try:
            with self.path.open("wb"):  # FFmpeg would tell only when the first frame is written
                pass
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise type(error)(f"cannot write into '{target.absolute().parent}': {reason}") from error

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(self, *error: object) -> None:
        """Remove a part that nothing was written to."""
        if self.path.exists() and self.path.stat().st_size == 0:
            self.path.unlink()

    def kept(self) -> str:
        """Say what is there while another thread writes it, without reading it: a signal may ask."""
        try:
            written = self.path.stat().st_size
        except OSError:
            written = 0
        return f"'{self.path}' may play as far as it was written" if written else "nothing was written"

    def plays(self) -> bool:
        """Return whether a frame of what is there can be decoded."""
        try:
            open_clip(self.path).close()
        except (ClipError, OSError):
            return False
        return True

    def complete(self) -> None:
        """Give the file its final name."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        self.path.replace(self.target)

    def remove(self) -> None:
        """Remove what nobody can use."""
        self.path.unlink(missing_ok=True)

    def _refuse_to_replace(self, source: Path) -> None:
        if are_one(self.target, source):
            raise ValueError(f"output '{self.target}' would replace its input; give it another name")
        if are_one(self.path, source):
            raise ValueError(
                f"output '{self.target}' is written as '{self.path}' first, which would replace its input; "
                "give it another name"
            )
