"""What a user names: files, folders, patterns, and lists in files or from standard input."""

import glob
import os
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from allaprima.infer.jobs.storage.url import Location, Url, location

_PATTERN = frozenset("*?[")


def expand_inputs(
    named: Sequence[str], *, null_separated: bool = False, stdin: IO[bytes] | None = None
) -> list[Location]:
    """Return the files and folders that are meant.

    `@files.txt` stands for the names in a file, a line each, and `-` for those on standard input; a name with
    `*`, `?` or `[` for what it matches, `**` at any depth. A file of exactly that name wins. Names need not
    be text. URLs, and patterns of URLs, stand beside paths everywhere.

    Args:
        named: What was named.
        null_separated: Names in lists end with a zero byte instead of a line's end, as `find -print0` writes
            them.
        stdin: Instead of standard input.

    Raises:
        ValueError: If a pattern matches nothing, or a list is empty.
        OSError: If a list cannot be read.
    """
    return [place for text in named for place in _meant(text, null_separated, stdin)]


def _meant(text: str, null_separated: bool, stdin: IO[bytes] | None) -> Iterator[Location]:
    item = location(text)
    if isinstance(item, Url):
        yield from _matches(item) if _PATTERN & set(text) else [item]
    elif os.path.lexists(item):
        yield item
    elif text == "-":
        yield from _listed((stdin or sys.stdin.buffer).read(), "standard input", null_separated)
    elif text.startswith("@"):
        yield from _listed(Path(text[1:]).read_bytes(), f"'{text[1:]}'", null_separated)
    elif _PATTERN & set(text):
        matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 (a pattern may be absolute)
        if not matches:
            raise ValueError(f"'{text}' matches nothing")
        yield from map(Path, matches)
    else:
        yield item


def _matches(pattern: Url) -> list[Url]:
    if matches := pattern.glob():
        return matches
    raise ValueError(f"'{pattern}' matches nothing")


def _listed(names: bytes, where: str, null_separated: bool) -> list[Location]:
    names = names.removeprefix(BOM_UTF8)  # which editors put in front
    lines = names.split(b"\0") if null_separated else names.splitlines()
    paths = [location(os.fsdecode(line)) for line in lines if line.strip()]
    if not paths:
        raise ValueError(f"there are no names in {where}")
    return paths
