"""Style files exported for a runtime when it is asked for, and kept for the next time."""

import hashlib
import logging
from pathlib import Path

from allaprima import __version__
from allaprima.infer.export.formats import SUFFIXES, Device, Format, Request, package_versions
from allaprima.models.cache_dir import default_cache_dir

from .protocol import Precision

_log = logging.getLogger(__name__)


def converted(style_file: Path, format: Format, precision: Precision, device: Device = "cpu") -> Path:
    """Return a style exported for a runtime, bytes in and out: from the cache, or made and checked now.

    The first time takes 10 to 30 seconds, and minutes for machine code.

    Args:
        style_file: A style file.
        format: What the runtime runs.
        precision: Of the computation; `auto` is float32, and for OpenVINO bfloat16 where the CPU
            computes in it.
        device: What machine code is for.

    Raises:
        ValueError: If the style file is unusable, format and precision do not go together here, or the
            result would not be what the network paints.
        OSError: If the style cannot be read or the cache not be written.
    """
    if precision == "auto":
        precision = "bfloat16" if format == "openvino" and computes_bfloat16() else "float32"
    request = Request(format, precision, uint8=True, device=device)
    folder = default_cache_dir() / "engines"
    path = folder / f"{style_file.stem}-{_key(style_file, request)}{SUFFIXES[format]}"
    if not path.is_file():
        from allaprima.infer.export.check import ParityError
        from allaprima.infer.export.run import export_style

        _log.info("converting '%s' for %s in %s; kept for the next time", style_file, format, precision)
        folder.mkdir(parents=True, exist_ok=True)
        files = [path, path.with_suffix(".bin")] if format == "openvino" else [path]
        try:
            parity = export_style(style_file, request, files)
        except ParityError as error:
            raise ValueError(f"{error}; --engine eager is exact") from error
        _log.info("it paints as the network does: %s", parity)
    return path


def computes_bfloat16() -> bool:
    """Return whether OpenVINO is installed, and this CPU has arithmetic for bfloat16."""
    try:
        import openvino
    except ImportError:
        return False
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _key(style_file: Path, request: Request) -> str:
    """Return what changes with everything that the result depends on."""
    parts = f"{__version__} {request} {package_versions(request)}"
    return hashlib.sha256(style_file.read_bytes() + parts.encode()).hexdigest()[:16]
