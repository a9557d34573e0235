"""The graph of an exported file: what it computes, and how much, known without computing it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from . import shapes
from .inputs import present
from .lifetimes import lanes_of, names_of_painted
from .parts import Declared, Node, Rule, Shape, Value
from .quantized import CONVOLUTIONS, names_of_quantized


@dataclass(frozen=True)
class Graph:
    """What an exported file computes.

    Attributes:
        picture: Name of what it takes.
        results: Names of what it returns.
        constants: What it holds, by name.
        nodes: In an order in which they can be carried out.
        rules: What is known of each operator; there are no others.
        stored: Bytes of the file that holds its weights.
        declared: Sizes that the file has beside what follows from operators, by name: runtimes believe them.
    """

    picture: str
    results: Sequence[str]
    constants: Mapping[str, Value]
    nodes: Sequence[Node]
    rules: Mapping[str, Rule]
    stored: int
    declared: Mapping[str, Declared]

    def require_at_most(self, painted: int, prepared: int, shape: Shape) -> None:
        """Follow the sizes of all that is computed of a picture, which come from its own and from constants.

        Args:
            painted: How many numbers made of a picture's may be there at the same time, in whatever order
                a runtime carries operators out, channels counted in blocks.
            prepared: How many constants there may be, with what is made of them and of sizes alone, which
                runtimes compute beforehand and keep.
            shape: Of the pictures.

        Raises:
            ValueError: If they are more, or an operator is not one of those that an export has, or used
                otherwise than there, or the file declares other sizes. The message names it.
        """
        values: dict[str, Value] = {**self.constants, self.picture: Value(shape)}
        self._require_declared(self.picture, shape)
        kept = sum(prod(value.shape) for value in self.constants.values())
        _require(kept, prepared, "prepares", "Constant", shape)
        for node in self.nodes:
            for name, value in zip(node.outputs, self.results_of(node, values), strict=True):
                if name in values:
                    raise ValueError(f"two of its results have the name '{name}'; {ADVICE}")
                values[name] = value
                self._require_declared(name, value.shape)
                if name not in self._painted:
                    kept += prod(value.shape)
                    _require(kept, prepared, "prepares", node.operator, shape)
                else:
                    _require(_in_blocks(value.shape), painted, "makes", node.operator, shape)
        kept_by: Counter[str] = Counter()
        for lane in self._lanes:
            largest = max(lane, key=lambda name: _in_blocks(values[name].shape))
            kept_by[self._made_by[largest]] += _in_blocks(values[largest].shape)
        ((operator, _),) = kept_by.most_common(1)
        _require(kept_by.total(), painted, "keeps", operator, shape)

    def results_of(self, node: Node, values: Mapping[str, Value]) -> Sequence[Value]:
        """Return what an operator makes of known values, or raise ValueError that names it."""
        if (rule := self.rules.get(node.operator)) is None:
            raise ValueError(f"it has the operator '{node.operator}', which an export has not; {ADVICE}")
        try:
            inputs = [values[name] if name else None for name in node.inputs]
            results = rule(node, inputs)
            if node.operator in CONVOLUTIONS and node.inputs[0] in self._quantized:
                shapes.check_quantized_kernel(present(inputs, 1))
            if len(results) != len(node.outputs):
                raise ValueError(f"it makes {len(node.outputs)} results")
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(
                f"its operator '{node.operator}' is used otherwise than in an export ({error}); {ADVICE}"
            ) from error
        return results

    def _require_declared(self, name: str, shape: Shape) -> None:
        sizes = self.declared.get(name, shape)
        if len(sizes) != len(shape) or any(
            size not in (None, known) for size, known in zip(sizes, shape, strict=True)
        ):
            raise ValueError(f"'{name}' is of the shape {shape}, and the file says {tuple(sizes)}; {ADVICE}")

    @cached_property
    def _quantized(self) -> frozenset[str]:
        return names_of_quantized(self.nodes)

    @cached_property
    def _made_by(self) -> Mapping[str, str]:
        made = {name: node.operator for node in self.nodes for name in node.outputs}
        return {self.picture: "the picture", **made}

    @cached_property
    def _painted(self) -> frozenset[str]:
        return names_of_painted(self.picture, self.nodes)

    @cached_property
    def _lanes(self) -> Sequence[Sequence[str]]:
        return lanes_of(self._painted, self.picture, self.nodes, self.results)


_BLOCK = 16
ADVICE = "export it anew from the style file"


def _in_blocks(shape: Shape) -> int:
    """Return how many numbers a result takes where processors compute 16 channels at a time."""
    if len(shape) != 4:
        return prod(shape)
    count, channels, height, width = shape
    return count * -(-channels // _BLOCK) * _BLOCK * height * width


def _require(count: int, most: int, does: str, operator: str, shape: Shape) -> None:
    if count > most:
        raise ValueError(
            f"its operator '{operator}' {does} too much: {count} numbers for pictures of the shape {shape}, "
            f"where a network as its header describes has at most {most}; {ADVICE}"
        )
