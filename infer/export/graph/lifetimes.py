"""Which results of a graph are never there at the same time, in whatever order it is carried out."""

from collections.abc import Collection, Sequence

from .parts import Node

_SIZES_ONLY = ("Shape", "ShapeOf")
"""Operators that take no numbers of a picture, only how many there are."""


def names_of_painted(picture: str, nodes: Sequence[Node]) -> frozenset[str]:
    """Return the names of what is made of a picture's numbers, its own among them."""
    painted = {picture}
    for node in nodes:
        if node.operator not in _SIZES_ONLY and not painted.isdisjoint(node.inputs):
            painted.update(node.outputs)
    return frozenset(painted)


def lanes_of(
    names: Collection[str], picture: str, nodes: Sequence[Node], results: Sequence[str]
) -> Sequence[Sequence[str]]:
    """Return results in groups, of each of which no two are there at the same time.

    One is gone before another is made if what makes the other waits, by way of results, for all that makes
    and takes the one. So a network that is a chain has two groups, however long it is, and the sum of the
    largest of every group is a bound on memory that holds in every order.

    Args:
        names: Of what is looked at.
        picture: Name of what the graph takes.
        nodes: In an order in which they can be carried out.
        results: Names of what it returns, which stay.
    """
    before: list[int] = []  # of each node those that it waits for, a bit each
    made_by: dict[str, int] = {}
    uses = dict.fromkeys(results, 1 << len(nodes))
    for index, node in enumerate(nodes):
        waits = 0
        for name in node.inputs:
            uses[name] = uses.get(name, 0) | 1 << index
            if name in made_by:
                waits |= before[made_by[name]] | 1 << made_by[name]
        before.append(waits)
        for name in node.outputs:
            made_by[name] = index
            uses[name] = uses.get(name, 0) | 1 << index
    lanes = [[picture]]
    for name, index in made_by.items():
        if name in names:
            free = (lane for lane in lanes if not uses.get(lane[-1], 0) & ~before[index])
            if lane := next(free, None):
                lane.append(name)
            else:
                lanes.append([name])
    return lanes
