"""What lies in an ONNX file, looked at without its runtime: header, graph, and whether weights are sound."""

from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from allaprima.json_text import LARGEST

from .finite_weights import require_finite
from .formats import LOWEST_OPSET
from .graph.graph import Graph
from .graph.onnx_operators import ONNX_OPERATORS
from .graph.parts import FEW, MOST_NODES, Attribute, Declared, Node, Value
from .header import METADATA_KEY
from .protobuf import BYTES, FIXED32, Field, content, fields, integers

# Field numbers of onnx.proto.
_GRAPH, _OPSETS, _METADATA_PROPS, _FUNCTIONS = 7, 8, 14, 25  # of ModelProto
_KEY, _VALUE = 1, 2  # of StringStringEntryProto
_DOMAIN, _VERSION = 1, 2  # of OperatorSetIdProto
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _SPARSE = 1, 5, 11, 12, 15  # of GraphProto
_INPUTS, _OUTPUTS, _OPERATOR, _ATTRIBUTE, _NODE_DOMAIN = 1, 2, 4, 5, 7  # of NodeProto
_A_NAME, _A_FLOAT, _A_INT, _A_TEXT, _A_TENSOR, _FLOATS, _INTS = 1, 2, 3, 4, 5, 7, 8  # of AttributeProto
_VALUES = {_A_FLOAT, _A_INT, _A_TEXT, _A_TENSOR, _FLOATS, _INTS, 9, 10}  # strings and tensors, too
_SUBGRAPHS = {6, 11, 22, 23}  # of AttributeProto: graphs and sparse tensors, one or many
_DIMS, _TYPE, _FLOAT_DATA, _INT32_DATA, _INT64_DATA = 1, 2, 4, 5, 7  # of TensorProto
_T_NAME, _RAW, _DOUBLE_DATA = 8, 9, 10
_ALL_DATA = (4, 5, 6, 7, _RAW, _DOUBLE_DATA, 11)
_ELSEWHERE = (13, 14)  # of TensorProto: external_data, data_location

_VALUE_INFO = 13  # of GraphProto
_NAME, _V_TYPE = 1, 2  # of ValueInfoProto
_TENSOR_TYPE = 1  # of TypeProto
_SHAPE = 2  # of TypeProto.Tensor
_DIM = 1  # of TensorShapeProto
_DIM_VALUE = 1  # of TensorShapeProto.Dimension

_TYPES = {
    **{1: "<f4", 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8"},
    **{9: "?", 10: "<f2", 11: "<f8", 12: "<u4", 13: "<u8", 16: "<u2"},
}
"""Types of numbers, as they are stored, in NumPy's words; others, such as text, no export has."""
_KNOWN = (1, 6, 7, 10)
"""Types of sizes, pads and scales."""
_FLOATING = {1: "float32", 10: "float16", 11: "float64", 16: "bfloat16"}
_DATA = {1: _FLOAT_DATA, 2: _INT32_DATA, 3: _INT32_DATA, 6: _INT32_DATA, 7: _INT64_DATA, 11: _DOUBLE_DATA}
"""Where numbers of a type may lie instead of among raw bytes."""


def read_onnx(path: Path) -> str | None:
    """Return the header in the metadata of an ONNX file."""
    text = None
    with path.open("rb") as file:
        for field in _model(file, path):
            if field.number == _METADATA_PROPS:
                if field.end - field.start > LARGEST:
                    raise ValueError(f"its metadata has {field.end - field.start} bytes, more than {LARGEST}")
                entry = {part.number: content(file, part) for part in fields(file, field.start, field.end)}
                if entry.get(_KEY) == METADATA_KEY.encode():
                    text = entry.get(_VALUE, b"").decode()
    return text


def read_onnx_graph(path: Path) -> Graph:
    """Return the graph of an ONNX file, all of whose weights are looked at.

    Raises:
        ValueError: If a weight is not finite or lies in another file, or the file holds what no export has:
            graphs in graphs, which may go on for ever, functions, operators of others, or numbers of unknown
            types.
        EOFError: If it is cut short.
    """
    with path.open("rb") as file:
        parts = list(_limited(_model(file, path)))
        if any(field.number == _FUNCTIONS for field in parts):
            raise ValueError("it has functions, which an export has not")
        for field in parts:
            if field.number == _OPSETS:
                _check_opset(file, field)
        graph = list(_limited(fields(file, *_place(_only(parts, _GRAPH)))))
        if any(field.number == _SPARSE for field in graph):
            raise ValueError("it has sparse weights, which an export has not")
        tensors = [_tensor(file, field) for field in graph if field.number == _INITIALIZER]
        constants = dict(tensors)
        if len(constants) < len(tensors):
            raise ValueError("two of its weights have the same name")
        inputs, results = (
            [_text(file, list(_inside(file, field)), _NAME) for field in graph if field.number == number]
            for number in (_INPUT, _OUTPUT)
        )
        pictures = [name for name in inputs if name not in constants]
        if len(pictures) != 1:
            raise ValueError("it takes more than pictures")
        nodes = [_node(file, field) for field in graph if field.number == _NODE]
        declared = [
            _declared(file, field) for field in graph if field.number in (_INPUT, _OUTPUT, _VALUE_INFO)
        ]
    sizes = {name: sizes for name, sizes in declared if sizes is not None}
    if any(sizes.get(name) != again for name, again in declared):
        raise ValueError("it says two things of the shape of one value")
    return Graph(pictures[0], results, constants, nodes, ONNX_OPERATORS, path.stat().st_size, sizes)


def _model(file: IO[bytes], path: Path) -> Iterator[Field]:
    if not (end := path.stat().st_size):
        raise EOFError("the file is empty")
    return fields(file, 0, end)


def _limited(parts: Iterable[Field]) -> Iterator[Field]:
    """Yield fields, of which each becomes an object, unless they are more than an export has."""
    for count, field in enumerate(parts):
        if count > 3 * MOST_NODES:
            raise ValueError(f"it has more than {3 * MOST_NODES} parts, which an export has not")
        yield field


def _place(field: Field) -> tuple[int, int]:
    return field.start, field.end


def _inside(file: IO[bytes], field: Field) -> Iterator[Field]:
    return _limited(fields(file, *_place(field)))


def _only(parts: list[Field], number: int) -> Field:
    """Return the one field with a number: of several, readers would make different things."""
    alike = [field for field in parts if field.number == number]
    if len(alike) != 1:
        raise ValueError(f"it has a part {len(alike)} times that an export has once")
    return alike[0]


def _text(file: IO[bytes], parts: list[Field], number: int) -> str:
    """Return the text in a field, or none."""
    if not any(field.number == number for field in parts):
        return ""
    return content(file, _only(parts, number)).decode()


def _declared(file: IO[bytes], value: Field) -> tuple[str, Declared | None]:
    """Return the name of a value and its sizes, as far as the file has them beside the operators."""
    parts = list(_inside(file, value))
    name = _text(file, parts, _NAME)
    for number in (_V_TYPE, _TENSOR_TYPE, _SHAPE):
        if not any(field.number == number for field in parts):
            return name, None
        parts = list(_inside(file, _only(parts, number)))
    return name, [_size(list(_inside(file, field))) for field in parts if field.number == _DIM]


def _size(dimension: list[Field]) -> int | None:
    known = any(field.number == _DIM_VALUE for field in dimension)
    return _only(dimension, _DIM_VALUE).value if known else None


def _check_opset(file: IO[bytes], opset: Field) -> None:
    parts = list(_inside(file, opset))
    version = _only(parts, _VERSION).value
    if _text(file, parts, _DOMAIN) in ("", "ai.onnx") and version < LOWEST_OPSET:
        raise ValueError(f"it is of opset {version}, older than {LOWEST_OPSET}")


def _node(file: IO[bytes], node: Field) -> Node:
    parts = list(_inside(file, node))
    operator, domain = _text(file, parts, _OPERATOR), _text(file, parts, _NODE_DOMAIN)
    inputs, outputs = (
        [content(file, field).decode() for field in parts if field.number == number]
        for number in (_INPUTS, _OUTPUTS)
    )
    attributes = [_attribute(file, field) for field in parts if field.number == _ATTRIBUTE]
    settings = dict(attributes)
    if len(settings) < len(attributes):
        raise ValueError(f"operator '{operator}' has two attributes of the same name")
    return Node(f"{domain}.{operator}" if domain else operator, inputs, outputs, settings)


def _attribute(file: IO[bytes], attribute: Field) -> tuple[str, Attribute]:
    parts = list(_inside(file, attribute))
    kinds = {field.number for field in parts}
    if kinds & _SUBGRAPHS:
        raise ValueError("it has a graph inside its graph, which an export has not")
    name = _text(file, parts, _A_NAME)
    if len(kinds & _VALUES) > 1:
        raise ValueError(f"attribute '{name}' has several values, which it has not in an export")
    if _A_TENSOR in kinds:
        return name, _tensor(file, _only(parts, _A_TENSOR))[1]
    if _A_TEXT in kinds:
        return name, _text(file, parts, _A_TEXT)
    if _A_INT in kinds:
        return name, integers(file, [_only(parts, _A_INT)])[0]
    if _INTS in kinds:
        return name, integers(file, [field for field in parts if field.number == _INTS])
    numbers = [field for field in parts if field.number == _FLOATS]
    if _A_FLOAT in kinds:
        numbers.append(_only(parts, _A_FLOAT))
    if any(field.kind not in (BYTES, FIXED32) for field in numbers):
        raise ValueError("an attribute is stored otherwise than by an export")
    data = b"".join(content(file, field) for field in numbers)
    require_finite(data, "float32", "an attribute")
    floats = tuple(np.frombuffer(data, "<f4").tolist())
    return name, floats[0] if _A_FLOAT in kinds else floats


def _tensor(file: IO[bytes], tensor: Field) -> tuple[str, Value]:
    parts = list(_inside(file, tensor))
    if any(field.number in _ELSEWHERE and (field.kind == BYTES or field.value) for field in parts):
        raise ValueError("a weight lies in another file, which is not read")
    name, kind = _text(file, parts, _T_NAME), _only(parts, _TYPE).value
    if kind not in _TYPES:
        raise ValueError(f"weight '{name}' has the type {kind}, which an export has not")
    shape = integers(file, [field for field in parts if field.number == _DIMS])
    numbers = _numbers(file, parts, kind, name)
    if min(shape, default=0) < 0 or numbers.size != prod(shape):
        raise ValueError(f"weight '{name}' of the shape {shape} has {numbers.size} numbers")
    known = numbers.size <= FEW and kind in _KNOWN
    return name, Value(shape, tuple(numbers.tolist()) if known else None)


def _numbers(file: IO[bytes], parts: list[Field], kind: int, name: str) -> NDArray[Any]:
    """Return the numbers of a weight, of which those that are not whole are finite."""
    raw, typed = ([field for field in parts if field.number == number] for number in (_RAW, _DATA.get(kind)))
    if len(raw) + len(typed) < sum(field.number in _ALL_DATA for field in parts) or (raw and typed):
        raise ValueError(f"weight '{name}' is stored otherwise than by an export")
    if typed and kind not in _FLOATING:
        return np.array(integers(file, typed), _TYPES[kind])
    data = b"".join(content(file, field) for field in (*raw, *typed))
    if kind in _FLOATING:
        require_finite(data, _FLOATING[kind], f"weight '{name}'")
    return np.frombuffer(data, _TYPES[kind])
