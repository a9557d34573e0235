"""What lies in an ONNX file, looked at without its runtime: the header, and whether weights are sound."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from allaprima.json_text import LARGEST

from .finite_weights import require_finite
from .header import METADATA_KEY
from .protobuf import BYTES, FIXED32, VARINT, Field, content, fields

# Field numbers of onnx.proto.
_GRAPH, _METADATA_PROPS, _FUNCTIONS = 7, 14, 25  # of ModelProto
_KEY, _VALUE = 1, 2  # of StringStringEntryProto
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15  # of GraphProto
_ATTRIBUTE = 5  # of NodeProto
_A_FLOAT, _A_TENSOR, _FLOATS, _TENSORS = 2, 5, 7, 10  # of AttributeProto
_SUBGRAPHS = (6, 11, 22, 23)  # of AttributeProto: graphs and sparse tensors, one or many
_TYPE, _FLOAT_DATA, _INT32_DATA, _NAME, _RAW, _DOUBLE_DATA = 2, 4, 5, 8, 9, 10  # of TensorProto
_ELSEWHERE = (13, 14)  # of TensorProto: external_data, data_location

_FLOATING = {1: "float32", 10: "float16", 11: "float64", 16: "bfloat16"}
_WHOLE = {2, 3, 4, 5, 6, 7, 9, 12, 13}
"""Types of numbers that are always finite; others, such as text, no export has."""


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


def check_onnx(path: Path) -> None:
    """Look at all weights of an ONNX file before a runtime does.

    Raises:
        ValueError: If one is not finite or lies in another file, or it holds what no export has: graphs in
            graphs, which may go on for ever, functions, or numbers of unknown types.
        EOFError: If it is cut short.
    """
    with path.open("rb") as file:
        for field in _model(file, path):
            if field.number == _FUNCTIONS:
                raise ValueError("it has functions, which an export has not")
            if field.number == _GRAPH:
                _check_graph(file, field)


def _model(file: IO[bytes], path: Path) -> Iterator[Field]:
    if not (end := path.stat().st_size):
        raise EOFError("the file is empty")
    return fields(file, 0, end)


def _check_graph(file: IO[bytes], graph: Field) -> None:
    for field in fields(file, graph.start, graph.end):
        if field.number == _SPARSE:
            raise ValueError("it has sparse weights, which an export has not")
        if field.number == _INITIALIZER:
            _check_tensor(file, field)
        elif field.number == _NODE:
            for part in fields(file, field.start, field.end):
                if part.number == _ATTRIBUTE:
                    _check_attribute(file, part)


def _check_attribute(file: IO[bytes], attribute: Field) -> None:
    for field in fields(file, attribute.start, attribute.end):
        if field.number in _SUBGRAPHS:
            raise ValueError("it has a graph inside its graph, which an export has not")
        if field.number in (_A_TENSOR, _TENSORS):
            _check_tensor(file, field)
        elif field.number == _FLOATS or (field.number == _A_FLOAT and field.kind == FIXED32):
            require_finite(content(file, field), "float32", "an attribute")


def _check_tensor(file: IO[bytes], tensor: Field) -> None:
    kind, name, numbers = 0, "", []
    for field in fields(file, tensor.start, tensor.end):
        if field.number in _ELSEWHERE and (field.kind == BYTES or field.value):
            raise ValueError("a weight lies in another file, which is not read")
        if field.number == _TYPE and field.kind == VARINT:
            kind = field.value
        elif field.number == _NAME:
            name = content(file, field).decode(errors="replace")
        elif field.number in (_FLOAT_DATA, _INT32_DATA, _RAW, _DOUBLE_DATA):
            numbers.append(field)
    if kind not in _FLOATING:
        if kind not in _WHOLE:
            raise ValueError(f"weight '{name}' has the type {kind}, which an export has not")
        return
    types = {_FLOAT_DATA: "float32", _DOUBLE_DATA: "float64", _RAW: _FLOATING[kind]}
    for field in numbers:
        if field.number not in types:
            raise ValueError(f"weight '{name}' is stored otherwise than by an export")
        require_finite(content(file, field), types[field.number], f"weight '{name}'")
