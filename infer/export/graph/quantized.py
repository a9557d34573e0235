"""Which convolutions of a graph runtimes may compute in eight bits."""

from collections.abc import Sequence

from .parts import Node

CONVOLUTIONS = ("Conv", "Convolution", "GroupConvolution")
_QUANTIZE = ("DequantizeLinear", "FakeQuantize")
_FLOAT = (*CONVOLUTIONS, "ConvTranspose", "ConvolutionBackpropData", "InstanceNormalization", "MVN")
"""Operators whose results are floats, whatever they take."""


def names_of_quantized(nodes: Sequence[Node]) -> frozenset[str]:
    """Return the names of results in eight bits, and of what is made of them up to a convolution's or a
    normalisation's: runtimes move a change of type past what lies between.

    Args:
        nodes: In an order in which they can be carried out.
    """
    quantized: set[str] = set()
    for node in nodes:
        if node.operator in _QUANTIZE or (
            node.operator not in _FLOAT and not quantized.isdisjoint(node.inputs)
        ):
            quantized.update(node.outputs)
    return frozenset(quantized)
