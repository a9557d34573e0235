"""The fields of protobuf messages, such as ONNX files, read without a library that knows their kind."""

from collections.abc import Iterable, Iterator
from typing import IO, NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Kinds of fields."""

MOST_INTEGERS = 1 << 16
"""That are read one by one; the weights of an export lie as raw bytes."""

_LENGTHS = {FIXED64: 8, FIXED32: 4}


class Field(NamedTuple):
    """One field: its number, its kind, and where in the file its content lies.

    Of a number that is written in as many bytes as it needs `value` is that number.
    """

    number: int
    kind: int
    start: int
    end: int
    value: int = 0


def fields(file: IO[bytes], start: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message in a part of a file; what reads their content may move in the file.

    Raises:
        EOFError: If it is no such message, or cut short.
    """
    position = start
    while position < end:
        file.seek(position)
        tag = _varint(file)
        number, kind, value = tag >> 3, tag & 7, 0
        if kind == VARINT:
            value, length = _varint(file), 0
        elif kind == BYTES:
            length = _varint(file)
        elif kind in _LENGTHS:
            length = _LENGTHS[kind]
        else:
            raise EOFError(f"unknown wire type {kind}")
        begins = file.tell()
        position = begins + length
        if number == 0 or position > end:
            raise EOFError(f"a field ends {position - end} bytes after the file")
        yield Field(number, kind, begins, position, value)


def content(file: IO[bytes], field: Field) -> bytes:
    """Return the bytes of a field."""
    file.seek(field.start)
    return file.read(field.end - field.start)


def integers(file: IO[bytes], numbers: Iterable[Field]) -> tuple[int, ...]:
    """Return the numbers of 64 bits, with sign, that fields hold: one each, or many in the bytes of one.

    Raises:
        EOFError: If one is cut short, or they are more than shapes and settings have.
    """
    read: list[int] = []
    for field in numbers:
        if field.kind == VARINT:
            read.append(field.value)
        elif field.kind == BYTES:
            file.seek(field.start)
            while file.tell() < field.end and len(read) < MOST_INTEGERS:
                read.append(_varint(file))
        else:
            raise EOFError(f"integers of wire type {field.kind}")
        if len(read) >= MOST_INTEGERS:
            raise EOFError(f"{MOST_INTEGERS} integers or more, one by one")
    return tuple((number + (1 << 63)) % (1 << 64) - (1 << 63) for number in read)


def _varint(file: IO[bytes]) -> int:
    value = 0
    for shift in range(0, 64, 7):
        byte = file.read(1)
        if not byte:
            raise EOFError("it ends inside a number")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise EOFError("a number is too long")
