"""What operators take, and the rules that ONNX and OpenVINO share."""

from collections.abc import Sequence

from . import shapes
from .parts import Node, Rule, Shape, Value

Inputs = Sequence[Value | None]


def present(inputs: Inputs, index: int) -> Value:
    """Return an input, or raise ValueError if it is left out."""
    value = inputs[index]
    if value is None:
        raise ValueError(f"input {index} is left out")
    return value


def optional(inputs: Inputs, index: int) -> Shape | None:
    """Return the integers of an input, or None if it is left out."""
    value = inputs[index] if index < len(inputs) else None
    return None if value is None else shapes.whole(value)


def same(node: Node, inputs: Inputs) -> list[Value]:
    """Return what has the shape of the first input, whatever the others are."""
    return [Value(present(inputs, 0).shape)]


def elementwise(node: Node, inputs: Inputs) -> list[Value]:
    """Return what is computed element by element of all inputs."""
    return [shapes.sized(shapes.broadcast(*(present(inputs, index).shape for index in range(len(inputs)))))]


def arithmetic(kind: str) -> Rule:
    """Return the rule of an operation of two inputs; `shapes.arithmetic` says which there are."""
    return lambda node, inputs: [shapes.arithmetic(kind, present(inputs, 0), present(inputs, 1))]
