"""Style files exported for a runtime when it is asked for, and kept for the next time."""

import logging
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from allaprima import __version__
from allaprima.atomic import write_whole
from allaprima.cache_dir import default_cache_dir
from allaprima.checksum import sha256_of
from allaprima.infer.engine_table import FORMATS, EngineRecord
from allaprima.infer.export.formats import Request, check_request, format_named
from allaprima.infer.export.header import read_export_header
from allaprima.owned_folders import is_this_users, mark_as_owned, owned_folders, remove_owned

_log = logging.getLogger(__name__)

CONVERSION = 5
"""Raised whenever a style is converted to something else than before, so that it is converted anew."""

KEPT = 32
"""How many conversions are kept; one of the paper's network takes 7 MB."""

_DIGITS = 64
_CHECKSUM = "sha256"
"""A file beside a conversion; damage that leaves the header readable would otherwise stay for good."""


def converted(style_file: Path, engine: EngineRecord, request: Request) -> Path:
    """Return a style exported for a runtime, bytes in and out: from the cache, or made and checked now.

    The first time takes 10 to 30 seconds, and minutes for machine code. Each has a folder of its own in
    `engines` of the cache (`$ALLAPRIMA_CACHE`), which keeps the 32 that were used last.

    Args:
        style_file: A style file.
        engine: The runtime.
        request: What its `conversion` makes of device and precision.

    Raises:
        ValueError: If the style file is unusable, format and precision do not go together here, what
            an export needs is not installed, the result would not be what the network paints, or
            machine code in the cache is another user's.
        OSError: If the style cannot be read or the cache not be written.
    """
    engines = default_cache_dir() / "engines"
    name = f"{style_file.stem}-{_key(style_file, engine, request)}"
    path = engines / name / f"{name}{format_named(request.format).suffix}"
    files = format_named(request.format).files(path)
    if format_named(request.format).machine_code:
        _refuse_others(path)
    if not _is_whole(files):
        _log.info(
            "converting '%s' for %s in %s; kept in '%s'", style_file, engine.name, request.precision, engines
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        mark_as_owned(path.parent)
        _convert(style_file, request, path)
        write_whole(path.parent / _CHECKSUM, sha256_of(*files).encode())
        _forget_oldest(engines, but=path.parent)
    with suppress(OSError):  # somebody else's cache
        os.utime(path.parent)
    return path


def _refuse_others(path: Path) -> None:
    """Raise ValueError if somebody else made what would run."""
    for place in (path.parent, path):
        if os.path.lexists(place) and not is_this_users(place):
            raise ValueError(
                f"'{place}' is another user's, and machine code: set ALLAPRIMA_CACHE to a folder of your own"
            )


def _forget_oldest(engines: Path, but: Path) -> None:
    """Delete the conversions that were not used for the longest time, but for the newest one."""
    used = {}
    for folder in owned_folders(engines):
        if folder != but:
            with suppress(OSError):  # another process deletes too
                used[folder] = folder.stat().st_mtime
    for folder in sorted(used, key=lambda folder: used[folder], reverse=True)[KEPT - 1 :]:
        files = {
            file for format in FORMATS.values() for file in format.files(Path(folder.name + format.suffix))
        }
        remove_owned(folder, [*(file.name for file in files), _CHECKSUM])


def _convert(style_file: Path, request: Request, path: Path) -> None:
    try:
        check_request(request)
        from allaprima.infer.export.export_style import export_style
        from allaprima.infer.export.parity import ParityError
    except (ValueError, ImportError) as error:
        raise ValueError(
            f"engine '{request.format}' runs what allaprima export makes of a style file, which is not to be "
            f"had here: {error}"
        ) from error
    try:
        parity = export_style(style_file, request, format_named(request.format).files(path))
    except ParityError as error:
        raise ValueError(f"{error}; --engine eager is exact") from error
    _log.info("it paints as the network does: %s", parity)


def _is_whole(files: Sequence[Path]) -> bool:
    """Return whether a conversion is there, and byte by byte as it was written; if not, it is made again."""
    checksum = files[0].with_name(_CHECKSUM)
    try:
        if not all(file.is_file() for file in (*files, checksum)):  # a pipe would be waited for
            return False
        with checksum.open("rb") as file:  # a file with holes may claim any size
            if file.read(_DIGITS + 1) != sha256_of(*files).encode():
                return False
        read_export_header(files[0])
        return True
    except (OSError, ValueError):
        return False


def _key(style_file: Path, engine: EngineRecord, request: Request) -> str:
    """Return what changes with the style, the request, the versions and, for machine code, the machine."""
    versions = [_version(name) for name in ("torch", engine.package)]
    machine = f"{platform.node()} {platform.machine()}" if format_named(request.format).machine_code else ""
    identity = f"{CONVERSION} {__version__} {request} {versions} {machine}"
    return sha256_of(style_file, more=identity)[:16]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a variant, such as onnxruntime-gpu
        return ""
