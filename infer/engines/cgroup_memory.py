"""What the control groups around this process leave of the memory: the limits of containers and jobs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc/self")

# A group without a limit says so with a number near 2^63 (v1), or "max" (v2).
_UNLIMITED = 2**60


@dataclass(frozen=True)
class _Hierarchy:
    """How a version of control groups calls its files."""

    limits: tuple[str, ...]
    used: str
    cache: str
    """Row of `memory.stat` with the page cache that the kernel drops first, which is not counted as used."""


_V1 = _Hierarchy(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
# Above `high` a group is not killed, but held back until it is hardly running.
_V2 = _Hierarchy(("memory.max", "memory.high"), "memory.current", "inactive_file")


def free_in_groups() -> int | None:
    """Return the least that a group around this process leaves, v1 or v2, or None if none has a limit."""
    left = [_left(group, kind) for group, kind in _groups()]
    return min((value for value in left if value is not None), default=None)


def _left(group: Path, kind: _Hierarchy) -> int | None:
    limits = [limit for name in kind.limits if (limit := _number(group / name)) is not None]
    limit = min(limits, default=_UNLIMITED)
    used = _number(group / kind.used)
    if limit >= _UNLIMITED or used is None:
        return None
    return limit - used + _cache(group / "memory.stat", kind.cache)


def _groups() -> Iterator[tuple[Path, _Hierarchy]]:
    """Yield the groups that limit this process's memory, from its own to the outermost that can be seen."""
    mounts = dict(_mounts())
    for line in _lines("cgroup"):  # "4:memory:/docker/1f2e", in v2 "0::/user.slice"
        _, controllers, path = line.split(":", 2)
        kind = _V1 if "memory" in controllers.split(",") else _V2 if controllers == "" else None
        if kind is None or kind not in mounts:
            continue
        root, point = mounts[kind]
        # Inside a container the file may name a path that only its host can see.
        inside = Path(path).relative_to(root) if Path(path).is_relative_to(root) else Path()
        group = point / inside
        for folder in (group, *group.parents):
            if folder.is_relative_to(point):
                yield folder, kind


def _mounts() -> Iterator[tuple[_Hierarchy, tuple[Path, Path]]]:
    """Yield where memory's groups are mounted: which group is the root there, and the folder."""
    for line in _lines("mountinfo"):
        own, _, rest = line.partition(" - ")
        root, point = (_unescaped(word) for word in own.split()[3:5])
        kind, *_, options = rest.split()
        if kind == "cgroup2":
            yield _V2, (root, point)
        elif kind == "cgroup" and "memory" in options.split(","):
            yield _V1, (root, point)


def _unescaped(word: str) -> Path:
    """Return a path of a mount table, which writes a blank as `\\040`."""
    return Path(word.encode("latin-1").decode("unicode_escape").encode("latin-1").decode(errors="replace"))


def _lines(name: str) -> list[str]:
    try:
        return (_PROC / name).read_text(encoding="latin-1").splitlines()
    except OSError:  # not Linux
        return []


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or "max"
        return None


def _cache(path: Path, name: str) -> int:
    try:
        rows = dict(line.split(maxsplit=1) for line in path.read_text().splitlines())
        return int(rows[name])
    except (OSError, ValueError, KeyError):
        return 0
