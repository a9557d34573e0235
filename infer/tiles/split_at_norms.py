"""A network cut where instance normalisation waits for the statistics of the whole picture."""

import copy
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from .feature_maps import MapKind
from .norm_statistics import FixedNorm
from .receptive_field import margin_of

_PROBE_CELLS = 8


Run = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True)
class Part:
    """A stretch of the network, between maps that are at hand and maps that are wanted.

    Attributes:
        run: Computes it, a tensor for every one of `inputs`, to one for every one of `outputs`.
        inputs: What it takes.
        outputs: What it gives. The first is what `norm` normalises, or the end of the network.
        norm: Whose statistics its first output has, or None for the last part.
        margin: Cells around a tile that its outputs depend on.
    """

    run: Run
    inputs: tuple[MapKind, ...]
    outputs: tuple[MapKind, ...]
    norm: FixedNorm | None
    margin: int


class Cutter:
    """Cuts a network into parts.

    The network is traced, so it may consist of anything that torch.fx follows.

    Args:
        network: In evaluation mode, every normalisation a `FixedNorm`.
        function: Name of its method that maps `(B, 3, H, W)` to what it paints.
        stride: Pixels along a side of a cell; the lowest resolution has one position for each.
        prepare: Makes a part faster.
    """

    def __init__(self, network: nn.Module, function: str, stride: int, prepare: Callable[[Run], Run]) -> None:
        self._network, self._prepare = network, prepare
        tracer = _Tracer()
        tracer.traced_func_name = function
        self._graph = tracer.trace(network)
        probe = torch.zeros(1, 3, stride * _PROBE_CELLS, stride * _PROBE_CELLS)
        parameter = next(network.parameters())
        with torch.inference_mode():
            ShapeProp(fx.GraphModule(network, self._graph)).propagate(probe.to(parameter))
        nodes = list(self._graph.nodes)
        self._picture, self._end = nodes[0], nodes[-1].args[0]
        self.picture = self._kind(self._picture)
        self._norms = [node for node in nodes if isinstance(self._module(node), FixedNorm)]

    def parts(self, *, keep: bool) -> list[Part]:
        """Return one part for every normalisation, in order, and the last one.

        Args:
            keep: Begin each part where earlier ones ended, as far as maps of the lowest resolution go;
                otherwise all begin with the picture.
        """
        parts, at_hand, done = [], {self._picture}, set[fx.Node]()
        for norm in self._norms:
            wanted = norm.args[0]
            done |= _before([wanted])
            kept = self._to_keep(done) if keep else set[fx.Node]()
            made = [wanted, *(node for node in self._graph.nodes if node in kept - at_hand - {wanted})]
            parts.append(self._part(at_hand, made, norm))
            at_hand = {self._picture} | kept
        return [*parts, self._part(at_hand, [self._end], None)]

    def last(self) -> Part:
        """Return the whole network, from the picture to what it paints, as one part."""
        return self._part({self._picture}, [self._end], None)

    def _to_keep(self, done: Collection[fx.Node]) -> set[fx.Node]:
        """Return the maps of the lowest resolution that what is not done yet can begin with."""
        alive = {node for node in done if any(user not in done for user in node.users)}
        lowest = {node for node in done if node.meta["tensor_meta"].shape[2] == _PROBE_CELLS}
        return _before(alive, but=lowest) & lowest

    def _part(self, at_hand: Collection[fx.Node], wanted: Sequence[fx.Node], norm: fx.Node | None) -> Part:
        needed = _before(wanted, but=at_hand)
        taken = [node for node in self._graph.nodes if node in needed and node in at_hand]
        graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
        for node in taken:
            copies[node] = graph.placeholder(node.name)
        for node in self._graph.nodes:
            if node in needed and node not in copies:
                copies[node] = graph.node_copy(node, copies.__getitem__)
        graph.output(tuple(copies[node] for node in wanted))
        run = fx.GraphModule(self._network, graph)
        inputs, outputs = tuple(map(self._kind, taken)), tuple(map(self._kind, wanted))
        # In float32 on the CPU: kernels for fewer bits spread what is no number further.
        margin = margin_of(copy.deepcopy(run).cpu().float(), inputs, outputs)
        return Part(self._prepare(run), inputs, outputs, self._module(norm) if norm else None, margin)

    def _kind(self, node: fx.Node) -> MapKind:
        channels, height = node.meta["tensor_meta"].shape[1:3]
        return MapKind(node.name, channels, height // _PROBE_CELLS)

    def _module(self, node: fx.Node) -> Any:
        return self._network.get_submodule(str(node.target)) if node.op == "call_module" else None


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Look only into what holds a normalisation, where the network is cut, and into slices."""
        inside = any(isinstance(module, FixedNorm) for module in m.modules())
        return isinstance(m, FixedNorm) or not (inside or isinstance(m, nn.Sequential))

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        """Look into containers without asking for their name: a slice of a Sequential has none."""
        if isinstance(m, nn.Sequential):
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)


def _before(wanted: Iterable[fx.Node], but: Collection[fx.Node] = ()) -> set[fx.Node]:
    """Return nodes and all that they are computed from, not looking behind those in `but`."""
    nodes, waiting = set[fx.Node](), list(wanted)
    while waiting:
        node = waiting.pop()
        if node not in nodes:
            nodes.add(node)
            waiting.extend(() if node in but else node.all_input_nodes)
    return nodes
