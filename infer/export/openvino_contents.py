"""What lies in an OpenVINO model, looked at without its runtime: the header, and if weights are sound."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from .finite_weights import require_finite
from .header import METADATA_KEY

LARGEST_XML = 1 << 22
"""Bytes; an exported model has 200,000."""

_FLOATING = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64"}
_WHOLE = {"boolean", "i4", "u4", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"}


class _NoDoctype(ET.TreeBuilder):
    """Refuses what XML allows beside elements: a model has none, and OpenVINO's own reader knows none."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Raise ValueError."""
        raise ValueError("it has a DOCTYPE, which an export has not")


def read_openvino(path: Path) -> str | None:
    """Return the header in the runtime information of an IR whose weights are whole."""
    weights, root = path.with_suffix(".bin"), _parsed(path)
    needed = max((offset + size for _, offset, size in _constants(root)), default=0)
    if weights.stat().st_size < needed:
        raise EOFError(f"'{weights}' has {weights.stat().st_size} of {needed} bytes")
    element = root.find(f"rt_info/{METADATA_KEY}")
    return None if element is None else element.get("value")


def check_openvino(path: Path) -> None:
    """Look at all weights of an IR before OpenVINO does.

    Raises:
        ValueError: If one is not finite, or of a type that no export has, or it has graphs in its graph.
        EOFError: If the file of weights is cut short.
    """
    root = _parsed(path)
    if sum(1 for _ in root.iter("layers")) > 1:
        raise ValueError("it has a graph inside its graph, which an export has not")
    with path.with_suffix(".bin").open("rb") as file:
        for kind, offset, size in _constants(root):
            if kind in _FLOATING:
                file.seek(offset)
                require_finite(file.read(size), _FLOATING[kind], f"the weight at {offset}")
            elif kind not in _WHOLE:
                raise ValueError(f"the weight at {offset} has the type {kind}, which an export has not")


def _parsed(path: Path) -> ET.Element:
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise FileNotFoundError(f"'{path}' needs its weights beside it: '{weights}' does not exist")
    if (size := path.stat().st_size) > LARGEST_XML:
        raise ValueError(f"it has {size} bytes, more than {LARGEST_XML}")
    return ET.parse(path, ET.XMLParser(target=_NoDoctype())).getroot()


def _constants(root: ET.Element) -> Iterator[tuple[str, int, int]]:
    """Yield type, offset and size of what a model has in its file of weights."""
    for data in root.iter("data"):
        if data.get("offset") is not None:
            yield data.get("element_type", ""), _number(data, "offset"), _number(data, "size")


def _number(data: ET.Element, name: str) -> int:
    text = data.get(name, "")
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{name} of a weight is '{text}'")
    return int(text)
