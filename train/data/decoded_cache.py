"""A cache of decoded pictures: decoded once, then mapped into memory by every run and worker."""

import logging
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock
import numpy as np
from numpy.typing import NDArray

from allaprima.images.background import WHITE
from allaprima.images.picture_files import PictureError
from allaprima.owned_folders import mark_as_owned, owned_folders, remove_owned

from .cache_files import INDEX, PIXELS, CacheIndex, is_sound, read_index, write_index
from .crops import shorter_side_within
from .decoder import Decoder
from .sources import PictureSource

_log = logging.getLogger(__name__)
_FORMAT = 5
_PROBED = 256
_NAMED = 10
_UNFINISHED = ".part"
_LOCK = "lock-"
_FOLDER = "allaprima-pictures"
"""Below the given folder, which may be anybody's: only in here, and only what is marked, is deleted."""

_ABANDONED_AFTER = 3600.0
_IN_USE = 24 * 3600.0

Progress = Callable[[int, int], None]


class DecodedCache:
    """Decoded pictures in one file, `(H, W, 3)` uint8 each, mapped into memory.

    They are numbered as in the source.

    Attributes:
        broken: The pictures that could not be read.
    """

    def __init__(self, folder: Path) -> None:
        """Open a finished cache; see `open_cache` and `build_cache`."""
        self.folder = folder
        index = read_index(folder)
        self.broken: frozenset[int] = frozenset(index.broken)
        self._names: list[str] = index.names
        self._shapes = np.array(index.shapes, dtype=np.int64)
        self._offsets = np.concatenate([[0], np.cumsum(self._shapes.prod(axis=1) * 3)])
        self._pixels = np.asarray(np.memmap(folder / PIXELS, dtype=np.uint8, mode="r"))

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Return one picture.

        Raises:
            PictureError: If it is one of the broken.
        """
        if index in self.broken:
            raise PictureError(f"content picture {self._names[index]} could not be read")
        height, width = self._shapes[index]
        return self._pixels[self._offsets[index] : self._offsets[index + 1]].reshape(height, width, 3)

    def __reduce__(self) -> tuple[type["DecodedCache"], tuple[Path]]:
        """Travel to a worker process as a path, not as pixels."""
        return DecodedCache, (self.folder,)

    def name(self, index: int) -> str:
        """Return what a message should call a picture."""
        return self._names[index]

    def fingerprint(self) -> str:
        """Return the hash of source and size."""
        return self.folder.name


def open_cache(
    source: PictureSource, cache_dir: Path, *, side: int, background: str = WHITE
) -> DecodedCache | None:
    """Open the cache of a source if it is there and whole; its broken pictures are named in a warning.

    Args:
        source: The pictures as they are now.
        cache_dir: Where caches are.
        side: The `side` that it was built with.
        background: The colour that its transparent pictures are seen on.
    """
    folder = _folder(source, cache_dir, side, background)
    if not is_sound(folder):
        return None
    with suppress(OSError):  # somebody else's
        os.utime(folder)
    cache = DecodedCache(folder)
    warn_broken([cache.name(index) for index in sorted(cache.broken)], len(cache))
    return cache


def build_cache(
    source: PictureSource,
    cache_dir: Path,
    *,
    side: int,
    limit_bytes: float = 8e9,
    progress: Progress | None = None,
    decoder: Decoder | None = None,
) -> bool:
    """Decode every picture into a cache, unless it is there already and whole, or would be too large.

    It is built aside and moved into place when complete, so another run sees all of it or nothing;
    of several processes at once, one builds it and the others wait. Caches of other data make room
    where the limit asks for it, if nobody opened them for a day. A cache that cannot be written is
    done without.

    Args:
        source: The pictures.
        cache_dir: Where caches are.
        side: Pictures are reduced until their shorter side has this many pixels; never enlarged.
        limit_bytes: Room on the disk. Half of what is free is a limit as well.
        progress: Called with the numbers of pictures done and of all pictures.
        decoder: What decodes them; on white by default.

    Returns:
        Whether there is a cache now.

    Raises:
        ValueError: If not one picture can be read.
    """
    decoder = decoder or Decoder()
    folder = _folder(source, cache_dir, side, decoder.background)
    if is_sound(folder):
        return True
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.with_name(f"{_LOCK}{folder.name}")):
            if is_sound(folder):
                return True
            pixels = _Pixels(source, side, decoder)
            return _cleared(folder) and _build(pixels, folder, limit_bytes, progress)
    except OSError as error:
        reason = error.strerror or error
        _log.warning("pictures are decoded on the fly: no cache can be made in '%s': %s", cache_dir, reason)
        return False


def _cleared(folder: Path) -> bool:
    """Remove a damaged cache, if there is one; return False if it is not ours to remove."""
    if not os.path.lexists(folder):
        return True
    _remove(folder)
    if os.path.lexists(folder):
        _log.warning("pictures are decoded on the fly: the cache '%s' is damaged or another user's", folder)
        return False
    _log.warning("the cache of decoded pictures '%s' was damaged: it is made again", folder)
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock that a file stands for, after whoever holds it now."""
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        _log.info("waiting for another process that decodes the same pictures")
        lock.acquire()
    except NotImplementedError:  # a file system without locks; whoever is ready first wins
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _build(pictures: "_Pixels", folder: Path, limit_bytes: float, progress: Progress | None) -> bool:
    home = folder.parent
    needed = _estimate_bytes(pictures)
    limit = min(limit_bytes, shutil.disk_usage(home).free / 2)
    if needed > limit:
        _log.info(
            "pictures are decoded on the fly: a cache would take %.1f GB, the limit is %.1f GB",
            needed / 1e9,
            limit / 1e9,
        )
        return False
    _make_room(home, limit_bytes - needed)
    part = Path(tempfile.mkdtemp(dir=home, suffix=_UNFINISHED))
    mark_as_owned(part)
    try:
        _write(pictures, part, progress)
        _rename(part, folder)
    finally:
        _remove(part)
    return True


def warn_broken(names: Sequence[str], total: int) -> None:
    """Log one warning that names the pictures that are skipped, if there are any."""
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        listed = ", ".join(names[:_NAMED])
        _log.warning("skipping %d broken of %d content pictures: %s%s", len(names), total, listed, more)


def _folder(source: PictureSource, cache_dir: Path, side: int, background: str) -> Path:
    name = f"pictures-v{_FORMAT}-{source.fingerprint()}-{side}-{background.removeprefix('#')}"
    return cache_dir / _FOLDER / name


def _estimate_bytes(pictures: "_Pixels") -> float:
    total = len(pictures.source)
    probed = np.unique(np.linspace(0, total - 1, _PROBED).astype(int)).tolist()
    sizes = [pixels.nbytes for _, pixels in pictures.decoded(probed) if pixels is not None]
    return float(np.mean(sizes)) * total if sizes else 0.0


def _write(pictures: "_Pixels", folder: Path, progress: Progress | None) -> None:
    source = pictures.source
    names: list[str] = []
    shapes: list[tuple[int, int]] = []
    broken: list[int] = []
    checksum = 0
    with (folder / PIXELS).open("wb") as file:
        for index, pixels in pictures.decoded(range(len(source))):
            if pixels is None:
                broken.append(index)
            else:
                file.write(pixels.data)
                checksum = zlib.crc32(pixels.data, checksum)
            names.append(source.name(index))
            shapes.append((0, 0) if pixels is None else (pixels.shape[0], pixels.shape[1]))
            if progress:
                progress(index + 1, len(source))
    if len(broken) == len(names):
        raise ValueError(f"none of the {len(broken)} content pictures can be read, such as {names[0]}")
    write_index(folder, CacheIndex(names, shapes, broken, checksum))


@dataclass(frozen=True)
class _Pixels:
    """The pictures of a source, as they are cached."""

    source: PictureSource
    side: int
    decoder: Decoder

    def decoded(self, indices: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8] | None]]:
        """Yield pictures in order, None for broken ones, decoded by a few threads."""
        threads = os.cpu_count() or 1
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(indices), 8 * threads):  # bounds what waits to be written
                part = indices[start : start + 8 * threads]
                yield from zip(part, pool.map(self._reduced, part), strict=True)

    def _reduced(self, index: int) -> NDArray[np.uint8] | None:
        try:
            return shorter_side_within(self.decoder(self.source[index], self.side), 1, self.side)
        except PictureError as error:
            _log.debug("%s", error)
            return None


def _rename(part: Path, folder: Path) -> None:
    try:
        part.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another run was faster
            raise


def _make_room(home: Path, room: float) -> None:
    """Delete what killed runs left behind, and as much as must go of what nobody opened for a day."""
    now = time.time()
    changed = {folder: _last_change(folder) for folder in owned_folders(home)}
    for part in changed:
        if part.suffix == _UNFINISHED and now - changed[part] > _ABANDONED_AFTER:
            _remove(part)
    caches = [folder for folder in changed if folder.suffix != _UNFINISHED]
    used = sum(_size(path) for path in caches)
    for cache in sorted(caches, key=_time_of):
        if used <= room or now - _time_of(cache) < _IN_USE:
            break
        used -= _size(cache)
        with suppress(OSError):  # Windows keeps what is open
            cache.with_name(f"{_LOCK}{cache.name}").unlink()
        _remove(cache)


def _remove(folder: Path) -> None:
    remove_owned(folder, (INDEX, PIXELS))


def _last_change(folder: Path) -> float:
    return max(_time_of(path) for path in (folder, folder / PIXELS))


def _time_of(path: Path) -> float:
    """Return when a file or folder changed; long ago if another process just removed it."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(folder: Path) -> int:
    try:
        return (folder / PIXELS).stat().st_size
    except OSError:
        return 0
