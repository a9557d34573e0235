"""Files that are either whole or absent."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that becomes `path` when the block ends well.

    The temporary file keeps the suffix, so writers that look at it work, and nothing else of the name,
    which may be as long as the disk allows. When the block
    raises, the temporary file is removed and an earlier `path` stays as it was.

    Raises:
        OSError: If the folder is missing or unwritable, or the disk is full.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".unfinished-", suffix=path.suffix)
    temporary = Path(name)
    try:
        os.close(descriptor)
        yield temporary
        _put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def write_together(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield a temporary folder whose files become `paths`, all of one folder, when the block ends well.

    The block writes each of them in the temporary folder under its own name; what else it leaves there is
    removed. The first of `paths` is put in place last, so that once it is there the others are. When the
    block raises, earlier files stay as they were.

    Raises:
        OSError: If the folder is missing or unwritable, or the disk is full.
    """
    with tempfile.TemporaryDirectory(dir=paths[0].parent, prefix=".unfinished-") as name:
        folder = Path(name)
        yield folder
        for path in reversed(paths):
            _put_in_place(folder / path.name, path)


def _put_in_place(temporary: Path, path: Path) -> None:
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.chmod(0o666 & ~_umask())
    temporary.replace(path)


def _umask() -> int:
    """Return the process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
