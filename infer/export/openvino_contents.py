"""What lies in an OpenVINO model, looked at without its runtime: header, graph, and if weights are sound."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from .finite_weights import require_finite
from .graph.graph import Graph
from .graph.openvino_operators import OPENVINO_OPERATORS
from .graph.parts import FEW, MOST_NODES, Declared, Node, Numbers, Shape, Value
from .header import METADATA_KEY

LARGEST_XML = 1 << 22
"""Bytes; an exported model has 200,000."""

_FLOATING = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64"}
_BITS = {
    **{"boolean": 8, "i4": 4, "u4": 4, "i8": 8, "u8": 8, "i16": 16, "u16": 16, "i32": 32, "u32": 32},
    **{"i64": 64, "u64": 64, "f16": 16, "bf16": 16, "f32": 32, "f64": 64},
}
_KNOWN = {"i32": "<i4", "i64": "<i8", "f16": "<f2", "f32": "<f4"}
"""Types of sizes, pads and scales."""


class _NoDoctype(ET.TreeBuilder):
    """Refuses what XML allows beside elements: a model has none, and OpenVINO's own reader knows none."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Raise ValueError."""
        raise ValueError("it has a DOCTYPE, which an export has not")


class _Layer(NamedTuple):
    """An element of the list of layers, its inputs and outputs named after the layers that make them."""

    kind: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, str]

    def only_output(self) -> str:
        """Return the name of what it makes, or raise ValueError if that is not one thing."""
        if len(self.outputs) != 1:
            raise ValueError(f"a layer of the type '{self.kind}' has {len(self.outputs)} outputs")
        return self.outputs[0]


def read_openvino(path: Path) -> str | None:
    """Return the header in the runtime information of an IR whose weights are whole."""
    weights, root = path.with_suffix(".bin"), _parsed(path)
    places = [_place(data.attrib) for data in root.iter("data") if data.get("offset") is not None]
    needed = max((offset + size for offset, size in places), default=0)
    if weights.stat().st_size < needed:
        raise EOFError(f"'{weights}' has {weights.stat().st_size} of {needed} bytes")
    element = root.find(f"rt_info/{METADATA_KEY}")
    return None if element is None else element.get("value")


def read_openvino_graph(path: Path) -> Graph:
    """Return the graph of an IR, all of whose weights are looked at.

    Raises:
        ValueError: If one is not finite, or of a type that no export has, or it has graphs in its graph.
        EOFError: If the file of weights is cut short.
    """
    root, weights = _parsed(path), path.with_suffix(".bin")
    if sum(1 for _ in root.iter("layers")) > 1:
        raise ValueError("it has a graph inside its graph, which an export has not")
    _require_once(root, "edges")
    constants: dict[str, Value] = {}
    nodes: list[Node] = []
    pictures: dict[str, Declared] = {}
    results: list[str] = []
    with weights.open("rb") as file:
        for layer in _layers(root):
            if layer.kind == "Const":
                constants[layer.only_output()] = _constant(file, layer.attributes)
            elif layer.kind == "Parameter":
                pictures[layer.only_output()] = _declared(layer.attributes.get("shape", ""))
            elif layer.kind == "Result":
                results += layer.inputs
            else:
                nodes.append(Node(*layer))
    if len(pictures) != 1:
        raise ValueError("it takes more than pictures")
    size = weights.stat().st_size
    return Graph(next(iter(pictures)), results, constants, nodes, OPENVINO_OPERATORS, size, pictures)


def _parsed(path: Path) -> ET.Element:
    weights = path.with_suffix(".bin")
    if not weights.is_file():
        raise FileNotFoundError(f"'{path}' needs its weights beside it: '{weights}' does not exist")
    if (size := path.stat().st_size) > LARGEST_XML:
        raise ValueError(f"it has {size} bytes, more than {LARGEST_XML}")
    # In the encoding that OpenVINO's reader takes it for, whatever the file says.
    return ET.parse(path, ET.XMLParser(target=_NoDoctype(), encoding="utf-8")).getroot()


def _layers(root: ET.Element) -> Iterator[_Layer]:
    """Yield the layers of a model, each after those whose results it takes."""
    made = {
        (_digits(edge, "to-layer"), _digits(edge, "to-port")): _output(edge, "from-layer", "from-port")
        for edge in root.iterfind("edges/edge")
    }
    layers = root.findall("layers/layer")
    if len(layers) > MOST_NODES:
        raise ValueError(f"it has {len(layers)} layers; exports have at most {MOST_NODES}")
    if len({_digits(layer, "id") for layer in layers}) < len(layers):
        raise ValueError("two of its layers have the same id")
    for layer in layers:
        name = _digits(layer, "id")
        for part in ("data", "input", "output"):
            _require_once(layer, part)
        if not layer.get("version", "").startswith("opset"):
            raise ValueError(f"a layer is of the version '{layer.get('version')}', which an export has not")
        inputs = [made.get((name, _digits(port, "id")), "") for port in layer.iterfind("input/port")]
        outputs = [f"{name}:{_digits(port, 'id')}" for port in layer.iterfind("output/port")]
        data = layer.find("data")
        yield _Layer(layer.get("type", ""), inputs, outputs, {} if data is None else data.attrib)


def _require_once(element: ET.Element, part: str) -> None:
    """Raise ValueError if an element has a part more than once, of which readers take different ones."""
    if (count := len(element.findall(part))) > 1:
        raise ValueError(f"it has a part '{part}' {count} times that an export has once")


def _output(edge: ET.Element, layer: str, port: str) -> str:
    return f"{_digits(edge, layer)}:{_digits(edge, port)}"


def _digits(element: ET.Element, name: str) -> int:
    return _natural(element.get(name, ""), f"{name} of a layer")


def _natural(text: str, name: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(f"{name} is '{text}'")
    return int(text)


def _place(attributes: Mapping[str, str]) -> tuple[int, int]:
    """Return where a weight lies in the file of weights, and how many bytes it has."""
    offset, size = (_natural(attributes.get(name, ""), f"{name} of a weight") for name in ("offset", "size"))
    return offset, size


def _declared(shape: str) -> Declared:
    """Return the sizes of what a model takes, of which those that it leaves open are question marks."""
    sides = [side.strip() for side in shape.split(",")]
    return [None if side == "?" else _natural(side, "a side of the picture") for side in sides]


def _constant(file: IO[bytes], attributes: Mapping[str, str]) -> Value:
    (offset, size), kind = _place(attributes), attributes.get("element_type", "")
    if kind not in _BITS:
        raise ValueError(f"the weight at {offset} has the type {kind}, which an export has not")
    sides = attributes.get("shape", "").split(",")
    shape: Shape = tuple(_natural(side.strip(), "a side of a weight") for side in sides if side.strip())
    if (prod(shape) * _BITS[kind] + 7) // 8 != size:
        raise ValueError(f"the weight at {offset} of the shape {shape} has {size} bytes")
    file.seek(offset)
    content = file.read(size) if kind in _FLOATING or prod(shape) <= FEW else b""
    if kind in _FLOATING:
        require_finite(content, _FLOATING[kind], f"the weight at {offset}")
    few: Numbers | None = None
    if kind in _KNOWN and prod(shape) <= FEW:
        few = tuple(np.frombuffer(content, _KNOWN[kind]).tolist())
    return Value(shape, few)
