"""A file or folder in storage that fsspec reaches: s3://, gs://, hdfs://, memory:// and others."""

import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from allaprima.missing_extras import how_to_install
from allaprima.unfinished_files import UNFINISHED

_log = logging.getLogger(__name__)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_LOCAL = ("file", "local")

_ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
"""Where an object is there whole or not at all, however its writer ends."""


@dataclass(frozen=True)
class Url:
    """A file or folder in storage, with those methods of `Path` that jobs need.

    Credentials and endpoints are those that the library for the scheme finds by itself.

    Attributes:
        scheme: What stands before `://`.
        path: What stands after it, such as `bucket/folder/a.jpg`.
        listed_file: It was listed as a file, so nobody has to ask.
    """

    scheme: str
    path: PurePosixPath
    listed_file: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"

    def __truediv__(self, name: str | PurePath) -> "Url":
        return Url(self.scheme, self.path / name)

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.name

    @property
    def suffix(self) -> str:
        """Of the name."""
        return self.path.suffix

    @property
    def parent(self) -> "Url":
        """The folder that it is in."""
        return Url(self.scheme, self.path.parent)

    @property
    def parents(self) -> "tuple[Url, ...]":
        """All folders that it is in."""
        return tuple(Url(self.scheme, path) for path in self.path.parents)

    def with_name(self, name: str) -> "Url":
        """Return what has another name in the same folder."""
        return Url(self.scheme, self.path.with_name(name))

    def with_suffix(self, suffix: str) -> "Url":
        """Return what has another suffix."""
        return Url(self.scheme, self.path.with_suffix(suffix))

    def resolve(self) -> "Url":
        """Return itself: storage has no links."""
        return self

    def absolute(self) -> "Url":
        """Return itself."""
        return self

    def is_dir(self) -> bool:
        """Return whether it is a folder, which in an object store is whatever has objects below it."""
        if self.listed_file:
            return False
        with self._opened() as (system, path):
            return bool(system.isdir(path))

    def exists(self) -> bool:
        """Return whether there is anything."""
        with self._opened() as (system, path):
            return bool(system.exists(path))

    def files_below(self) -> "list[Url]":
        """Return the files at any depth, sorted, without hidden ones.

        Names with `..`, which object stores allow, are logged and left out: they would lead out of an output.
        """
        with self._opened() as (system, path):
            names = [PurePosixPath(name).relative_to(path) for name in system.find(path)]
        return [Url(self.scheme, self.path / name, True) for name in sorted(names) if _is_wanted(self, name)]

    def glob(self) -> "list[Url]":
        """Return the files that it stands for as a pattern, sorted."""
        with self._opened() as (system, _):
            urls = [system.unstrip_protocol(name) for name in sorted(system.glob(str(self)))]
            return [file for url in urls if (file := _listed(url))]

    def read_bytes(self) -> bytes:
        """Return what is in the file."""
        with self._opened() as (system, path):
            return bytes(system.cat_file(path))

    def put(self, content: bytes) -> None:
        """Write the file, all of it or nothing."""
        with self._opened() as (system, path), _whole(self.scheme, system, path) as temporary:
            system.pipe_file(temporary, content)

    def download(self, to: Path) -> None:
        """Copy the file to this machine."""
        with self._opened() as (system, path):
            system.get_file(path, str(to))

    def upload(self, file: Path) -> None:
        """Write the file with what is in one of this machine, all of it or nothing."""
        with self._opened() as (system, path), _whole(self.scheme, system, path) as temporary:
            system.put_file(str(file), temporary)

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, str]]:
        """Yield the file system and the path in it; every error of theirs becomes one that names this."""
        import fsspec

        try:
            system, path = fsspec.core.url_to_fs(str(self))
            system.invalidate_cache()  # others write there, too
            yield system, path
        except FileNotFoundError as error:
            raise FileNotFoundError(f"'{self}' does not exist") from error
        except ImportError as error:
            missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
            if isinstance(missing, ModuleNotFoundError) and how_to_install(missing):
                raise missing from None
            raise ValueError(f"'{self}': {error}") from error
        except Exception as error:  # each store has errors of its own, of nearly every type
            raise OSError(f"'{self}': {_first_line(error)}") from error


Location = Path | Url


def location(text: str) -> Location:
    """Return what a path or URL means; `file://` is a path."""
    match = _URL.fullmatch(text)
    if match is None:
        return Path(text)
    if match[1].lower() in _LOCAL:
        return Path(match[2])
    if not match[2].strip("/"):
        raise ValueError(f"'{text}' names no place; expected such as {match[1]}://bucket/folder")
    return Url(match[1].lower(), PurePosixPath(match[2]))


def path_below(place: Location, folder: Location) -> PurePath:
    """Return the path from a folder to what is in it."""
    if isinstance(place, Url) and isinstance(folder, Url):
        return place.path.relative_to(folder.path)
    if isinstance(place, Path) and isinstance(folder, Path):
        return place.relative_to(folder)
    raise ValueError(f"'{place}' is not in '{folder}'")


def _listed(url: str) -> Url | None:
    file = location(url)
    assert isinstance(file, Url)
    return Url(file.scheme, file.path, True) if _is_wanted(file.parent, PurePosixPath(file.name)) else None


def _is_wanted(folder: Url, name: PurePosixPath) -> bool:
    if ".." in name.parts:
        _log.warning("leaving out '%s/%s': its name leads out of the folder", folder, name)
        return False
    return not any(part.startswith(".") for part in name.parts)


@contextmanager
def _whole(scheme: str, system: Any, path: str) -> Iterator[str]:
    """Yield where a file should be written that is then at `path`, or nowhere."""
    if scheme in _ATOMIC:
        yield path
        return
    folder = path.rpartition("/")[0]
    temporary = f"{folder}/{UNFINISHED}{secrets.token_hex(8)}"
    system.makedirs(folder, exist_ok=True)
    try:
        yield temporary
        system.mv(temporary, path)
    except BaseException:
        if system.exists(temporary):
            system.rm_file(temporary)
        raise


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def real_location(location: Location) -> Location:
    """Return where a path leads; `Path.resolve` raises at a link to itself, which reading it explains."""
    return location if isinstance(location, Url) else Path(os.path.realpath(location))
