"""How much the graph of an exported file may compute, as its header describes the network."""

from allaprima.models.network_settings import NetworkSettings

from .graph import ADVICE, Graph
from .parts import MOST_NODES, Declared, Shape

# Of each pixel at the same time: 2.3 maps of the network's width, half a map more with a skip connection, 4.3
# in files of the first versions, and 4 of three channels: the picture before, after and while it is measured.
_MAPS, _AROUND = 6, 128
_BORDER = 24
"""Added to the sides of a picture: convolutions pad the maps of a network by up to 18."""

_PREPARED_OF_A_BYTE = 4
"""Numbers made of each byte of weights: of int8 a float, without its zero point, and scaled."""

_WEIGHTS = 180
"""Of the square of the width: as many have the convolutions without which there is no network."""

_FIRST_SIDE, _REMEMBERED = 64, 1024


class GraphLimits:
    """What pictures of each size may take, looked at once for every size.

    Args:
        graph: Of an exported file.
        network: What its header says of the network.
        uint8: Whether it takes pictures `(B, H, W, 3)` instead of `(B, 3, H, W)`.
        static: Height and width of the only pictures that it takes, if there are such.

    Attributes:
        batch: How many pictures it takes at a time, or None for any number.

    Raises:
        ValueError: If there are more operators than an export has or others, if the weights of such a network
            would not fit into the file, if it is for other pictures than its header says, or if there is
            too much to prepare, or for small pictures, or those of the size that it is for.
    """

    def __init__(
        self, graph: Graph, network: NetworkSettings, *, uint8: bool, static: tuple[int, int] | None
    ) -> None:
        if len(graph.nodes) > MOST_NODES:
            raise ValueError(f"it has {len(graph.nodes)} operators; exports have at most {MOST_NODES}")
        if _WEIGHTS * network.width**2 > graph.stored:
            raise ValueError(
                f"its header tells of a network of width {network.width}, whose weights are more than the "
                f"{graph.stored} bytes that there are"
            )
        self._graph, self._uint8 = graph, uint8
        self._maps = _MAPS * network.width / network.end_stride**2 + _AROUND
        self._passed: set[Shape] = set()
        self.batch, *sides = self._declared()
        if static is None and sides != [None, None]:
            raise ValueError(f"it takes pictures of the sides {sides}, and its header says of any; {ADVICE}")
        self.require(self.batch or 1, *(static or (_FIRST_SIDE, _FIRST_SIDE)))

    def _declared(self) -> Declared:
        """Return count, height and width of the pictures that the graph itself is for."""
        sizes = self._graph.declared.get(self._graph.picture, (None,) * 4)
        if len(sizes) != 4:
            raise ValueError(f"it takes pictures of the shape {tuple(sizes)}")
        sides = sizes[1:3] if self._uint8 else sizes[2:4]
        return sizes[0], *sides

    def require(self, count: int, height: int, width: int) -> None:
        """Raise ValueError if more is computed of pictures than a network as described computes."""
        shape = (count, height, width, 3) if self._uint8 else (count, 3, height, width)
        if shape in self._passed:
            return
        painted = int(self._maps * count * (height + _BORDER) * (width + _BORDER))
        self._graph.require_at_most(painted, _PREPARED_OF_A_BYTE * self._graph.stored, shape)
        if len(self._passed) == _REMEMBERED:
            self._passed.clear()
        self._passed.add(shape)
