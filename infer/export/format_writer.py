"""What the exporter of a format is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch.export import ExportedProgram

from .calibration_pictures import Batch
from .formats import Request
from .parity import Runner


def _anything(request: Request) -> None:
    """Refuse nothing."""


@dataclass(frozen=True)
class FormatWriter:
    """How a format is written, carried out and signed.

    Attributes:
        write: Writes a program to a file; the photographs are for int8.
        run: Returns what carries that file out, to compare it with the network.
        stamp: Writes the style header, as text, into the file.
        check: Raises ValueError for what this machine could not carry out, before any work.
    """

    write: Callable[[ExportedProgram, Request, Sequence[Batch], Path], None]
    run: Callable[[Path, Request], Runner]
    stamp: Callable[[Path, str], None]
    check: Callable[[Request], None] = _anything
