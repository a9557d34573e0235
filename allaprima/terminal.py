"""The way of text to a terminal or log: whatever a file or its name holds, it is shown and does nothing."""

import json
import logging
import shlex
import sys
import traceback
import unicodedata
from collections.abc import Iterator
from types import TracebackType
from typing import Any, TextIO

_ESCAPED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_PART_OF_WORDS = "\u200c\u200d"
"""Joiners, which Persian, Indian languages and emoji need, and which move nothing."""


def printable(text: object) -> str:
    """Return text on one line, with escapes in place of what would move the cursor, colour, hide or reorder.

    Control characters, line ends among them, marks of direction and bytes that were no text become
    `\\x1b` and the like. All that comes from files, and file names too, passes here on its way to a terminal.
    """
    return "".join(map(_shown, str(text)))


def quoted(path: object) -> str:
    """Return a path as a shell takes it, in a command that is printed for people to copy."""
    return shlex.quote(str(path))


def one_line(error: object) -> str:
    """Return a library's message of several lines as one."""
    return " ".join(str(error).split())


def say(*lines: object, file: TextIO | None = None) -> None:
    """Print lines, to standard output unless another file is named."""
    for line in lines:
        print(printable(line), file=file)


def say_json(value: Any) -> None:
    """Print a value as JSON, indented, in ASCII."""
    print(json.dumps(value, indent=2).replace("\x7f", "\\u007f"))


def complain(error: object) -> None:
    """Print what is wrong to standard error: a line that begins with `error:` for each problem."""
    for problem in error.args if isinstance(error, ProblemsError) else (error,):
        print(f"error: {printable(str(problem) or repr(problem))}", file=sys.stderr)


class ProblemsError(ValueError):
    """Several things that are wrong, each an argument."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)

    def __str__(self) -> str:
        return "\n".join(self.args)


def show_traceback(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    """Print an error with the way it came, as Python does, but for what a terminal would carry out.

    For `sys.excepthook`.
    """
    say(*_traceback(error, trace), file=sys.stderr)


def _traceback(error: BaseException | None, trace: TracebackType | None) -> Iterator[str]:
    for part in traceback.format_exception(None, error, trace):
        # Messages, unlike frames and headings, begin with the name of a class, and may hold lines of a file.
        yield from part.splitlines() if part[0] in " \n" else [part.removesuffix("\n")]


class PrintableFormatter(logging.Formatter):
    """Log lines, each on one line unless it has a traceback."""

    def formatException(self, ei: Any) -> str:
        """Return a traceback's lines without what a terminal would carry out."""
        return "\n".join(map(printable, _traceback(ei[1], ei[2])))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the record's line without what a terminal would carry out."""
        return printable(super().formatMessage(record))


def _shown(character: str) -> str:
    if character in _PART_OF_WORDS or unicodedata.category(character) not in _ESCAPED:
        return character
    return character.encode("unicode_escape").decode()
