"""Every size of picture is followed once, and sizes do not pile up."""

from pathlib import Path

import pytest

from allaprima.infer.export.graph.graph import Graph
from allaprima.infer.export.graph.limits import GraphLimits
from allaprima.infer.export.graph.parts import Shape
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
