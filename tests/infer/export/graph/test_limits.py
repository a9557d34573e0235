"""Every size of picture is followed once, and sizes do not pile up."""

from itertools import pairwise
from pathlib import Path

import pytest

from allaprima.infer.export.graph.graph import Graph
from allaprima.infer.export.graph.limits import GraphLimits
from allaprima.infer.export.graph.onnx_operators import ONNX_OPERATORS
from allaprima.infer.export.graph.parts import Node, Shape
from allaprima.infer.export.onnx_contents import read_onnx_graph
from allaprima.models.network_settings import NetworkSettings


def test_a_size_is_followed_once(onnx_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[Shape] = []
    require = Graph.require_at_most

    def counted(graph: Graph, painted: int, prepared: int, shape: Shape) -> None:
        followed.append(shape)
        require(graph, painted, prepared, shape)

    monkeypatch.setattr(Graph, "require_at_most", counted)
    settings = NetworkSettings(width=4, residual_blocks=0)
    limits = GraphLimits(read_onnx_graph(onnx_file), settings, uint8=False, static=None)
    for _ in range(3):
        limits.require(2, 30, 40)
        limits.require(2, 40, 30)
    assert followed == [(1, 3, 64, 64), (2, 3, 30, 40), (2, 3, 40, 30)]


def test_graphs_that_take_long_to_follow_are_refused() -> None:
    names = [f"map {index}" for index in range(5002)]
    nodes = [Node("Relu", (taken,), (made,), {}) for taken, made in pairwise(names)]
    graph = Graph(names[0], names[-1:], {}, nodes, ONNX_OPERATORS, 10_000, {})
    with pytest.raises(ValueError, match="it has 5001 operators; exports have at most 5000"):
        GraphLimits(graph, NetworkSettings(width=4), uint8=False, static=None)
