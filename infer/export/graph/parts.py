"""What graphs of exported files consist of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Numbers = tuple[int | float, ...]
Shape = tuple[int, ...]

Declared = Sequence[int | None]
"""Sizes as a file has them beside its operators; None is one that it leaves open."""

MOST_NODES = 5000
"""The paper's network in int8 has 180; each further residual block 26."""

FEW = 64
"""Sizes, pads and scales are as few numbers; what they are is followed, of others only how many there are."""


class Value(NamedTuple):
    """What is between two operators.

    Attributes:
        shape: Its sizes.
        numbers: What it holds, row by row, where that is known; integers of floating types are floats.
    """

    shape: Shape
    numbers: Numbers | None = None


Attribute = int | float | str | Numbers | Value
Rule = Callable[["Node", Sequence[Value | None]], Sequence[Value]]
"""Returns what an operator makes of its inputs (None is one left out), or raises an error."""


@dataclass(frozen=True)
class Node:
    """An operator in a graph.

    Attributes:
        operator: Its kind.
        inputs: Names of what it takes; an empty one is left out.
        outputs: Names of what it makes.
        attributes: Its settings.
    """

    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Attribute]
