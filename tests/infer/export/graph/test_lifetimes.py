"""The bound on what is there at the same time holds in every order in which a graph can be carried out."""

import random
from itertools import pairwise

import pytest

from allaprima.infer.export.graph.lifetimes import lanes_of, names_of_painted
from allaprima.infer.export.graph.parts import Node


def node(takes: list[str], makes: str, operator: str = "Add") -> Node:
    return Node(operator, takes, [makes], {})


def highest_peak(nodes: list[Node], sizes: dict[str, int], results: list[str]) -> int:
    """Return the most that is held at once, in the worst of all orders."""
    users = {name: {n for n, taker in enumerate(nodes) if name in taker.inputs} for name in sizes}

    def peak(done: frozenset[int], seen: dict[frozenset[int], int]) -> int:
        if done not in seen:
            made = {"picture", *(nodes[index].outputs[0] for index in done)}
            seen[done] = 0
            for index, ready in enumerate(nodes):
                if index not in done and made.issuperset(ready.inputs):
                    held = {n for n in made if not users[n] <= done or n in results} | {ready.outputs[0]}
                    now = sum(sizes[name] for name in held)
                    seen[done] = max(seen[done], now, peak(done | {index}, seen))
        return seen[done]

    return peak(frozenset(), {})


@pytest.mark.parametrize("seed", range(40))
def test_the_bound_holds_in_every_order(seed: int) -> None:
    rng = random.Random(seed)
    names, nodes = ["picture"], []
    for index in range(8):
        takes = rng.sample(names[-4:], min(len(names), rng.choice((1, 1, 2)), 4))
        nodes.append(node(takes, f"r{index}"))
        names.append(f"r{index}")
    sizes = {name: rng.choice((1, 10, 100)) for name in names}
    results = [names[-1]]
    lanes = lanes_of(set(names), "picture", nodes, results)
    assert sorted(name for lane in lanes for name in lane) == sorted(names)
    bound = sum(max(sizes[name] for name in lane) for lane in lanes)
    assert highest_peak(nodes, sizes, results) <= bound <= sum(sizes.values())


def test_a_chain_has_two_lanes_and_a_fan_as_many_as_it_has_ends() -> None:
    names = ["picture", *(f"r{index}" for index in range(100))]
    chain = [node([before], after) for before, after in pairwise(names)]
    assert len(lanes_of(set(names), "picture", chain, ["r99"])) == 2
    fan = [node(["picture"], name) for name in names[1:]]
    fan.append(Node("Concat", names[1:], ["all"], {}))
    assert len(lanes_of({*names, "all"}, "picture", fan, ["all"])) == len(
        names
    )  # where "all" takes the place of the picture


def test_what_comes_of_sizes_alone_is_not_painted() -> None:
    nodes = [node(["picture"], "sizes", "Shape"), node(["sizes"], "more"), node(["picture", "more"], "map")]
    assert names_of_painted("picture", nodes) == {"picture", "map"}
