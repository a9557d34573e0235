"""What an exported file says of itself, read without the runtime that it is for."""

import xml.etree.ElementTree as ET
import zipfile
import zlib
from pathlib import Path
from typing import Any

from allaprima.infer.engine_table import exported_suffixes, formats_named_like, resolve
from allaprima.json_text import LARGEST, parse_json

METADATA_KEY = "allaprima"
"""Under which every format keeps the style file's header, with what was measured under `export`."""

JSON_NAME = f"{METADATA_KEY}.json"
AOTI_METADATA_END = "_metadata.json"

_DAMAGE = (
    *(EOFError, ET.ParseError, zipfile.BadZipFile, zlib.error, ValueError, LookupError),
    *(NotImplementedError, RuntimeError),  # of archives that are encrypted, or packed in a way nobody knows
)


def read_export_header(path: Path) -> dict[str, Any]:
    """Return the style header that an exported file carries, with `export`: what was made and measured.

    Reads no weights, executes and unpickles nothing, and needs neither torch nor onnx.

    Args:
        path: An .onnx, .xml (with its .bin beside it), .pt2 or .aoti.pt2 file.

    Raises:
        FileNotFoundError: If the file, or the .bin of an .xml, does not exist.
        ValueError: If it is cut short, damaged, or was not made by `allaprima export`.
    """
    if not path.is_file():
        raise FileNotFoundError(f"model file '{path}' does not exist")
    formats = formats_named_like(path)
    if not formats:
        expected = ", ".join(exported_suffixes())
        raise ValueError(f"'{path}' is not an exported model: expected one of {expected}")
    try:
        text: str | None = resolve(formats[0].header)(path)
    except _DAMAGE as error:
        raise ValueError(f"'{path}' is cut short, damaged or no {path.suffix} model: {error}") from error
    if not text:
        raise ValueError(f"'{path}' is a model, but not one made by allaprima export")
    return _parse(path, text)


def aoti_metadata(path: Path) -> dict[str, Any] | None:
    """Return what AOTInductor says of a package of machine code, or None of a torch.export program."""
    metadata = parse_json(_member(path, AOTI_METADATA_END) or "null")
    return metadata if isinstance(metadata, dict) else None


def holds_library(path: Path) -> bool:
    """Return whether a package of machine code has any in it; torch 2.11 takes the process with it if not."""
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith((".so", ".pyd", ".dll")) for name in archive.namelist())


def is_machine_code(path: Path) -> bool:
    """Tell a package of machine code from a torch.export program, both archives called .pt2.

    Raises:
        ValueError: If it is no whole archive.
    """
    try:
        return aoti_metadata(path) is not None
    except _DAMAGE as error:
        raise ValueError(f"'{path}' is cut short, damaged or no .pt2 model: {error}") from error


def is_program(path: Path) -> bool:
    """Tell a torch.export program from a package of machine code, as `is_machine_code`."""
    return not is_machine_code(path)


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        header = parse_json(text)
    except ValueError as error:
        raise ValueError(f"'{path}' has a header that cannot be read: {error}") from error
    if not isinstance(header, dict) or not isinstance(header.get("export"), dict):
        raise ValueError(f"'{path}' has a header that does not say what was exported; export the style again")
    return header


def read_archive(path: Path) -> str | None:
    """Return the header in a .pt2 archive: an extra file of a program, metadata of machine code."""
    text = _member(path, f"/{JSON_NAME}")
    if text is None:
        text = (aoti_metadata(path) or {}).get(METADATA_KEY)
    return text if isinstance(text, str) else None


def _member(path: Path, ending: str) -> str | None:
    """Return the first file in an archive whose name ends so; no more than a header may have is unpacked."""
    with zipfile.ZipFile(path) as archive:
        name = next((name for name in archive.namelist() if name.endswith(ending)), None)
        if name is None:
            return None
        with archive.open(name) as member:
            content = member.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"'{name}' has more than {LARGEST} bytes")
    return content.decode()
