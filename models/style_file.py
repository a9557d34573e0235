"""The style file: one trained network that describes itself, as safetensors with a JSON header."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError

from allaprima.atomic import write_whole
from allaprima.json_text import parse_json
from allaprima.terminal import one_line

from .bundled_styles import find_style
from .loss_description import LossDescription
from .network_settings import NetworkSettings

if TYPE_CHECKING:
    from .transformer import TransformerNetwork

FORMAT_VERSION = 3
"""2 since networks may work at half resolution or have a skip connection, 3 since some enlarge bilinearly."""
METADATA_KEY = "allaprima"

LARGEST_HEADER = 1 << 22
"""Bytes of the header of a safetensors file; those of styles have 20,000 to 80,000."""

_SAVED_BY_TORCH = (b"PK\x03\x04", b"\x80\x02")
"""How what `torch.save` writes begins: an archive, or in its old way a pickle."""


LARGEST_WEIGHT = 65504.0
"""The largest number of half precision, which files hold; styles stay below 2. Far beyond, sums overflow."""


class StyleHeader(BaseModel):
    """What a style file says of itself."""

    model_config = ConfigDict(extra="ignore")

    format_version: int = Field(default=FORMAT_VERSION, strict=True)
    network: NetworkSettings = NetworkSettings()
    dtype: Literal["float16", "float32"] = "float16"
    style_name: str
    style_sha256: str
    style_thumbnail: str = ""
    """The style picture as a JPEG of at most 128 px a side, base64."""
    loss: LossDescription = LossDescription()
    steps: int = Field(default=0, strict=True)
    validation: dict[str, float] = {}
    """Terms on crops of held-out photographs."""
    quality: dict[str, float] = {}
    """Terms and artefact figures on a few whole held-out photographs; of styles that were trained to be
    steady in video also their warping error and flicker, on these photographs made to move and on clips."""
    versions: dict[str, str] = {}
    created: str = ""
    command: str = ""
    """The command line that made it, paths reduced to their last part."""
    licence: str | None = None
    author: str | None = None


class Style(NamedTuple):
    """A trained network and what its file says of it."""

    network: "TransformerNetwork"
    header: StyleHeader


def save_style(path: Path, network: "TransformerNetwork", header: StyleHeader) -> None:
    """Write a style file, whole or not at all.

    The network settings in the header are taken from the network itself; the weights
    are stored in `header.dtype`.

    Raises:
        OSError: If the folder is missing or unwritable, or the disk is full.
    """
    write_whole(path, encode_style(network, header))


def encode_style(network: "TransformerNetwork", header: StyleHeader) -> bytes:
    """Return the content of a style file."""
    import torch
    from safetensors.torch import save

    version = _least_version(network.settings)
    header = header.model_copy(update={"network": network.settings, "format_version": version})
    dtype = getattr(torch, header.dtype)
    state = network.state_dict()
    tensors = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in state.items()}
    text = json.dumps(_storable(header.model_dump()), allow_nan=False)
    return save(tensors, metadata={METADATA_KEY: text})


def _storable(value: Any) -> Any:
    """Return what JSON can hold: bytes of names that are no text as escapes, no numbers without a value."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            finite = {name: item for name, item in value.items() if not _is_nan(item)}
            return {_storable(name): _storable(item) for name, item in finite.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
    return value


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _least_version(settings: NetworkSettings) -> int:
    """Return the oldest format whose readers make the right network of these settings."""
    if settings.upsampling != "nearest":
        return 3
    return 2 if settings.end_stride != 1 or settings.skip_connection else 1


def read_header(path: Path | str) -> StyleHeader:
    """Return a style file's header without loading its weights (or torch).

    Args:
        path: The file, or the name of a bundled style.

    Raises:
        FileNotFoundError: If there is neither.
        ValueError: If it is damaged, foreign, or of a newer format.
    """
    return _header_and_table(find_style(path))[0]


def load_style(path: Path | str) -> Style:
    """Return the network (float32, evaluation mode, on the CPU) and header of a style file.

    Loading never unpickles anything, and takes no memory for a network that the file does not hold.

    Args:
        path: The file, or the name of a bundled style.

    Raises:
        FileNotFoundError: If there is neither.
        ValueError: If it is damaged, foreign, of a newer format, or its weights do not
            fit the network that the header describes.
    """
    from safetensors.torch import load

    from .transformer import TransformerNetwork

    path = find_style(path)
    header, table = _header_and_table(path)
    try:
        if problems := _misfits(header.network, _stored(table)):  # a file may have holes of any size
            raise ValueError(_does_not_fit(path, header, problems))
        tensors = load(path.read_bytes())
    except SafetensorError as error:
        raise ValueError(f"'{path}' is not a style file, or it is damaged: {error}") from error
    except KeyError as error:  # safetensors knows the type, and of PyTorch's none for it
        raise ValueError(f"style file '{path}' has weights of the type {error}; expected floats") from error
    if problems := _unusable(tensors):
        raise ValueError(_does_not_fit(path, header, problems))
    network = TransformerNetwork(**header.network.model_dump())
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return Style(network.requires_grad_(False).eval(), header)


class _Stored(NamedTuple):
    """A tensor that was not read."""

    shape: tuple[int, ...]


def _stored(table: dict[str, Any]) -> dict[str, _Stored]:
    """Return what tensors a file says it holds, or raise SafetensorError."""
    try:
        stored = {name: _Stored(tuple(tensor["shape"])) for name, tensor in table.items()}
        spans = {
            name: end - begin for name, (begin, end) in ((n, t["data_offsets"]) for n, t in table.items())
        }
        gaps = [name for name, span in spans.items() if span > 8 * math.prod(stored[name].shape)]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise SafetensorError(str(error)) from error
    if gaps:
        raise SafetensorError(f"{gaps[0]} has {spans[gaps[0]]} bytes for the shape {stored[gaps[0]].shape}")
    return stored


def _does_not_fit(path: Path, header: StyleHeader, problems: list[str]) -> str:
    return f"style file '{path}' does not fit its own header ({header.network}): " + "; ".join(problems)


def _header_and_table(path: Path) -> tuple[StyleHeader, dict[str, Any]]:
    """Return the header and the tensors' table of a style file, or raise ValueError."""
    try:
        metadata, table = _read_tables(path)
        text = metadata.get(METADATA_KEY)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"'{path}' is not a style file, or it is damaged: {error}") from error
    if not isinstance(text, str):
        raise ValueError(f"'{path}' is a safetensors file, but not a style file made by allaprima train")
    return _parse_header(path, text), table


def _read_tables(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the metadata and the tensors' table of a safetensors file; its length says whether it is whole.

    Read here, since `safe_open` takes no name that is not UTF-8, and headers as large as 100 MB.
    """
    with path.open("rb") as file:
        start = file.read(8)
        if start.startswith(_SAVED_BY_TORCH):
            raise ValueError(
                "it is a checkpoint or another file of PyTorch; the style of a run ends in .safetensors"
            )
        size = int.from_bytes(start, "little")
        if size > LARGEST_HEADER:
            if _is_picture(path):
                raise ValueError("it is a picture, and a style file is what training makes of one")
            raise ValueError(f"its header has {size} bytes, more than {LARGEST_HEADER}")
        table = parse_json(file.read(size).decode(), LARGEST_HEADER)
    metadata: dict[str, Any] = dict(table.pop("__metadata__", {}))
    needed = 8 + size + max((tensor["data_offsets"][1] for tensor in table.values()), default=0)
    if path.stat().st_size != needed:
        raise ValueError(f"it has {path.stat().st_size} of {needed} bytes")
    return metadata, table


def _is_picture(path: Path) -> bool:
    from allaprima.images.picture_files import identify  # of no use for style files

    try:
        with path.open("rb") as file:
            identify(file)
    except Exception:  # decoders raise nearly every type
        return False
    return True


def _parse_header(path: Path, text: str) -> StyleHeader:
    try:
        content = parse_json(text)
        version = content.get("format_version") if isinstance(content, dict) else None
        if not isinstance(version, int) or version <= FORMAT_VERSION:
            return StyleHeader.model_validate(content)
    except ValueError as error:  # ValidationError is one
        reason = one_line(error)
        raise ValueError(f"style file '{path}' has a header that cannot be read: {reason}") from error
    raise ValueError(
        f"style file '{path}' has format {version}; this version of allaprima reads up to "
        f"{FORMAT_VERSION}: update allaprima"
    )


def _misfits(settings: NetworkSettings, tensors: Mapping[str, Any]) -> list[str]:
    """Return how weights differ from those of the network in the header, which is not allocated."""
    import torch

    from .transformer import TransformerNetwork

    if settings.residual_blocks > len(tensors):  # as many modules take time even without memory
        return [f"there are only {len(tensors)} tensors"]
    try:
        with torch.device("meta"):
            network = TransformerNetwork(**settings.model_dump())
    except (RuntimeError, OverflowError, TypeError) as error:  # more elements than there are integers
        return [str(error).splitlines()[0]]
    return _mismatches(network.state_dict(), tensors)


def _unusable(tensors: dict[str, Any]) -> list[str]:
    """Return which weights no network can paint with, a few of them."""
    whole = [f"{name} is {t.dtype}" for name, t in tensors.items() if not t.is_floating_point()]
    if whole:
        return sorted(whole)[:3]
    odd = [f"{name} {problem}" for name, t in tensors.items() if (problem := _excess(t))]
    return sorted(odd)[:3]


def _excess(tensor: Any) -> str:
    if not (numbers := tensor.float()).isfinite().all():
        return "is not finite"
    return f"has numbers beyond {LARGEST_WEIGHT:.0f}" if (numbers.abs() > LARGEST_WEIGHT).any() else ""


def _mismatches(expected: dict[str, Any], tensors: Mapping[str, Any]) -> list[str]:
    """Return what differs in names or shapes, a few of each."""
    missing = [f"{name} is missing" for name in expected.keys() - tensors.keys()]
    extra = [f"{name} is unexpected" for name in tensors.keys() - expected.keys()]
    shapes = [
        f"{name} is {tuple(tensors[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected.keys() & tensors.keys()
        if tensors[name].shape != expected[name].shape
    ]
    return sorted(missing)[:3] + sorted(extra)[:3] + sorted(shapes)[:3]
