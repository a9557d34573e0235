"""What lies in storage as files of this machine, for what only works on those."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from allaprima.atomic import require_writable, write_atomically

from .url import Location, Url


@contextmanager
def local_copy(source: Location) -> Iterator[Path]:
    """Yield a file of this machine with what is in the source, which is that file where it lies here.

    Raises:
        OSError: If it cannot be read.
    """
    if isinstance(source, Path):
        yield source
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"copy{source.suffix}"
        source.download(copy)
        yield copy


@contextmanager
def written_whole(target: Location) -> Iterator[Path]:
    """Yield a temporary file that becomes the target when the block ends well, whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    if isinstance(target, Path):
        target.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(target) as temporary:
            yield temporary
        return
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / f"result{target.suffix}"
        yield temporary
        target.upload(temporary)


def prepare_target(target: Location) -> None:
    """Make a file's folder and raise OSError if it could not be written; storage tells only when it is."""
    if isinstance(target, Path):
        target.parent.mkdir(parents=True, exist_ok=True)
        require_writable(target)


def already_there(targets: list[Location]) -> set[Location]:
    """Return those of the files that exist; of an object store with one listing, not a question for each."""
    urls = [target for target in targets if isinstance(target, Url)]
    there: set[Location] = {target for target in targets if isinstance(target, Path) and _is_there(target)}
    for scheme in {url.scheme for url in urls}:
        of_scheme = [url for url in urls if url.scheme == scheme]
        parents = set.intersection(*({*url.parents} for url in of_scheme))
        with suppress(FileNotFoundError):
            listed = max(parents, key=lambda url: len(url.path.parts)).files_below()
            there.update(set(listed).intersection(of_scheme))
    return there


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # of a name that is impossible, which is told when it is that job's turn
        return False
