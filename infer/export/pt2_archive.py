"""The weights of a torch.export program (.pt2), read without PyTorch's loaders, which run what it holds.

`torch.export.load` unpickles samples, weights and objects, and evaluates conditions and formulas that the
file has as text. What `allaprima export` writes needs none of that: the header says which network it is.
"""

import math
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from allaprima.json_text import LARGEST, parse_json

_DTYPES = {6: ("float16", 2), 7: ("float32", 4), 13: ("bfloat16", 2)}
"""Of torch's schema of exported programs, with the bytes of a number."""

_WEIGHTS = "data/weights/model_weights_config.json"
_CONSTANTS = "data/constants/model_constants_config.json"
_EMPTY = ("data/sample_inputs/model.pt",)
"""Members that torch insists on, and that are pickled if they hold anything."""

_KNOWN = {
    *(_WEIGHTS, _CONSTANTS, "models/model.json", "extra/allaprima.json"),
    *("archive_format", "archive_version", "byteorder", "version"),
    *(".data/version", ".data/serialization_id", ".format_version", ".storage_alignment"),
}
_WEIGHTS_FOLDER = "data/weights/"
_WEIGHT = re.compile(r"weight_[0-9]+")
_CONSTANT = re.compile(r"data/constants/tensor_[0-9]+")
"""The kernel of a blur, which every network of its settings has: nobody reads it."""

_ORDER = ("byteorder", b"little")


@dataclass(frozen=True)
class StoredWeight:
    """One tensor as it lies in the archive: contiguous, little-endian."""

    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], bytes]
    """Its bytes, as many as type and shape say; read when it is known that they are wanted."""


class _Part(BaseModel):
    """Taken as it is written: no "no" for false."""

    model_config = ConfigDict(strict=True)


class _Size(_Part):
    as_int: NonNegativeInt


class _Tensor(_Part):
    dtype: int
    sizes: list[_Size]
    strides: list[_Size]
    storage_offset: _Size


class _Payload(_Part):
    path_name: str
    use_pickle: bool
    tensor_meta: _Tensor


class _Config(_Part):
    config: dict[str, _Payload]


def read_program_weights(path: Path) -> dict[str, StoredWeight]:
    """Return the weights of a program that `allaprima export` wrote, by name.

    Nothing in the archive is unpickled, evaluated or carried out.

    Raises:
        ValueError: If anything in it is pickled or compressed, or not what an export writes, or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive)
            _refuse_foreign(members)
            if sum(info.file_size for info in members.values()) > path.stat().st_size:
                raise ValueError("its members overlap")
            constants = _config(archive, members[_CONSTANTS])
            if any(payload.use_pickle for payload in constants.values()):
                raise ValueError("a constant is pickled, and what is pickled may run commands")
            if (
                members[_ORDER[0]].file_size != len(_ORDER[1])
                or archive.read(members[_ORDER[0]]) != _ORDER[1]
            ):
                raise ValueError("its numbers are not little-endian")
            config = _config(archive, members[_WEIGHTS])
            _refuse_unnamed(members, config)
            return {name: _weight(path, members, name, payload) for name, payload in config.items()}
    except ValidationError as error:
        raise ValueError(_refused(path, f"its weights are described otherwise: {_first(error)}")) from error
    except (EOFError, zipfile.BadZipFile, zlib.error, ValueError, LookupError, RuntimeError) as error:
        raise ValueError(_refused(path, str(error))) from error


def _config(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> dict[str, _Payload]:
    if member.file_size > LARGEST:
        raise ValueError(f"'{member.filename}' has {member.file_size} bytes, more than {LARGEST}")
    return _Config.model_validate(parse_json(archive.read(member))).config


def _refused(path: Path, reason: str) -> str:
    return (
        f"'{path}' is damaged, or not a program as allaprima export writes it: {reason}; "
        "export the style again"
    )


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the members by their names below the one folder that they are in."""
    members = {info.filename.partition("/")[2]: info for info in archive.infolist()}
    folders = {info.filename.partition("/")[0] for info in archive.infolist()}
    if len(folders) != 1 or len(members) != len(archive.infolist()):
        raise ValueError("its members are in several folders, or twice in one")
    return members


def _refuse_foreign(members: Mapping[str, zipfile.ZipInfo]) -> None:
    for name, info in members.items():
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"'{name}' is compressed")
        if name in _EMPTY:
            if info.file_size:
                raise ValueError(f"'{name}' is pickled, and what is pickled may run commands")
        elif not (
            name in _KNOWN
            or re.fullmatch(rf"{_WEIGHTS_FOLDER}{_WEIGHT.pattern}", name)
            or _CONSTANT.fullmatch(name)
        ):
            raise ValueError(f"'{name}' is not on the list of what it may hold")


def _refuse_unnamed(members: Mapping[str, zipfile.ZipInfo], config: Mapping[str, _Payload]) -> None:
    """Raise ValueError unless each member with a weight is that of one weight."""
    named = sorted(_WEIGHTS_FOLDER + payload.path_name for payload in config.values())
    held = sorted(name for name in members if name.startswith(_WEIGHTS_FOLDER) and name != _WEIGHTS)
    if named != held:
        raise ValueError("it holds other weights than it describes, or several in one place")


def _weight(path: Path, members: Mapping[str, zipfile.ZipInfo], name: str, payload: _Payload) -> StoredWeight:
    if payload.use_pickle:
        raise ValueError(f"weight '{name}' is pickled, and what is pickled may run commands")
    if not _WEIGHT.fullmatch(payload.path_name):
        raise ValueError(f"weight '{name}' lies in '{payload.path_name}'")
    meta = payload.tensor_meta
    shape = tuple(size.as_int for size in meta.sizes)
    if meta.dtype not in _DTYPES or [s.as_int for s in meta.strides] != _contiguous(shape):
        raise ValueError(f"weight '{name}' has the type {meta.dtype}, or is not contiguous")
    if meta.storage_offset.as_int:
        raise ValueError(f"weight '{name}' does not begin where its member does")
    dtype, bytes_each = _DTYPES[meta.dtype]
    member = members[_WEIGHTS_FOLDER + payload.path_name]
    if member.file_size != math.prod(shape) * bytes_each:
        raise ValueError(f"weight '{name}' has {member.file_size} bytes, which its shape {shape} has not")
    return StoredWeight(dtype, shape, partial(_content, path, member))


def _content(path: Path, member: zipfile.ZipInfo) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(member)
    except (EOFError, OSError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise ValueError(_refused(path, str(error))) from error


def _contiguous(shape: tuple[int, ...]) -> list[int]:
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return strides[::-1]


def _first(error: ValidationError) -> Any:
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
