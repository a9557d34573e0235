"""The operators of ONNX, opset 15 and later, that an export has, and the sizes of what they make."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from . import shapes
from .inputs import Inputs, arithmetic, elementwise, optional, present, same
from .parts import Node, Numbers, Rule, Shape, Value

_TYPES: dict[int, type[int] | type[float] | None] = {
    **{1: float, 6: int, 7: int},
    **dict.fromkeys((2, 3, 9, 10, 16)),
}
"""What becomes of numbers in each type that exports have; None in those that no sizes are computed in."""

_MODES = ("nearest", "linear")

T = TypeVar("T")


def _attribute(node: Node, name: str, usual: T) -> T:
    """Return an attribute, or what it usually is; of another type it is an error."""
    value: Any = node.attributes.get(name, usual)
    if not isinstance(value, type(usual)):
        raise ValueError(f"its {name} is {value}")
    return value


def _axes(node: Node, inputs: Inputs) -> Shape | None:
    """Return the axes, which are an input or, of older opsets, an attribute."""
    axes = optional(inputs, 1)
    named: Any = node.attributes.get("axes")
    return axes if axes is not None or named is None else tuple(map(int, named))


def _identity(node: Node, inputs: Inputs) -> list[Value]:
    return [present(inputs, 0)]


def _cast(node: Node, inputs: Inputs) -> list[Value]:
    if (to := _attribute(node, "to", 0)) not in _TYPES:  # texts take eight times the memory
        raise ValueError(f"it makes the type {to}")
    return [shapes.converted(present(inputs, 0), to=_TYPES[to])]


def _constant(node: Node, inputs: Inputs) -> list[Value]:
    if node.attributes.keys() != {"value"}:
        raise ValueError("it has another value than a tensor")
    return [_attribute(node, "value", Value(()))]


def _shape(node: Node, inputs: Inputs) -> list[Value]:
    sizes = present(inputs, 0).shape
    chosen = sizes[_attribute(node, "start", 0) : _attribute(node, "end", len(sizes))]
    return [Value((len(chosen),), chosen)]


def _squeeze(node: Node, inputs: Inputs) -> list[Value]:
    return [shapes.squeezed(present(inputs, 0), _axes(node, inputs))]


def _unsqueeze(node: Node, inputs: Inputs) -> list[Value]:
    return [shapes.unsqueezed(present(inputs, 0), _axes(node, inputs) or ())]


def _reshape(node: Node, inputs: Inputs) -> list[Value]:
    copies = not _attribute(node, "allowzero", 0)
    return [shapes.reshaped(present(inputs, 0), shapes.whole(inputs[1]), zero_copies=copies)]


def _expand(node: Node, inputs: Inputs) -> list[Value]:
    value = present(inputs, 0)
    shape = shapes.broadcast(value.shape, shapes.whole(inputs[1]))
    return [shapes.sized(shape)]


def _concat(node: Node, inputs: Inputs) -> list[Value]:
    values = [present(inputs, index) for index in range(len(inputs))]
    return [shapes.concatenated(values, _attribute(node, "axis", 0))]


def _gather(node: Node, inputs: Inputs) -> list[Value]:
    return [shapes.gathered(present(inputs, 0), present(inputs, 1), _attribute(node, "axis", 0))]


def _slice(node: Node, inputs: Inputs) -> list[Value]:
    starts, ends = shapes.whole(inputs[1]), shapes.whole(inputs[2])
    steps = optional(inputs, 4) or (1,) * len(starts)
    return [shapes.sliced(present(inputs, 0), starts, ends, optional(inputs, 3), steps)]


def _pad(node: Node, inputs: Inputs) -> list[Value]:
    value, pads = present(inputs, 0), shapes.whole(inputs[1])
    if optional(inputs, 3) is not None:
        raise ValueError("only some sides have a border")
    half = len(pads) // 2
    return [shapes.padded(value, pads[:half], pads[half:])]


def _reduce(node: Node, inputs: Inputs) -> list[Value]:
    axes = _axes(node, inputs)
    if not axes:
        raise ValueError("it has no axes")
    return [shapes.reduced(present(inputs, 0), axes, keep=bool(_attribute(node, "keepdims", 1)))]


def _transpose(node: Node, inputs: Inputs) -> list[Value]:
    value = present(inputs, 0)
    reverse: Numbers = tuple(range(len(value.shape)))[::-1]
    return [shapes.transposed(value, tuple(map(int, _attribute(node, "perm", reverse))))]


def _depth_to_space(node: Node, inputs: Inputs) -> list[Value]:
    return [shapes.in_blocks(present(inputs, 0), _attribute(node, "blocksize", 0))]


def _resize(node: Node, inputs: Inputs) -> list[Value]:
    if "axes" in node.attributes or _attribute(node, "keep_aspect_ratio_policy", "stretch") != "stretch":
        raise ValueError("only some sides are enlarged")
    if _attribute(node, "mode", "nearest") not in _MODES or _attribute(node, "antialias", 0):
        raise ValueError("its mode takes memory for one side after the other")
    value = present(inputs, 0)
    if (sizes := optional(inputs, 3)) is None:
        return [shapes.enlarged(value, shapes.known(inputs[2]))]
    return [shapes.resized(value, sizes)]


def _convolution(of: Callable[..., Value], out_axis: int) -> Rule:
    """Return the rule of a convolution.

    Args:
        of: What it makes.
        out_axis: Where its weights have the channels of the result; a group's, of transposed ones.
    """

    def rule(node: Node, inputs: Inputs) -> list[Value]:
        if _attribute(node, "auto_pad", "NOTSET") != "NOTSET" or "output_shape" in node.attributes:
            raise ValueError("its border is left to the runtime")
        if set(_attribute(node, "dilations", (1, 1))) != {1}:
            raise ValueError("its kernel has holes")
        weight = present(inputs, 1).shape
        channels = weight[out_axis] * (_attribute(node, "group", 1) if out_axis else 1)
        sizes: Mapping[str, Any] = {
            "kernel": weight[2:],
            "strides": _attribute(node, "strides", (1, 1)),
            "pads": _attribute(node, "pads", (0, 0, 0, 0)),
        }
        more = {"more": node.attributes["output_padding"]} if "output_padding" in node.attributes else {}
        return [of(present(inputs, 0), channels, **sizes, **more)]

    return rule


ONNX_OPERATORS: dict[str, Rule] = {
    **dict.fromkeys(("Relu", "Tanh", "Sqrt", "Clip", "InstanceNormalization"), same),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "Round"), same),
    **dict.fromkeys(("Equal", "Pow", "Where"), elementwise),
    **dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin"), _reduce),
    "Add": arithmetic("add"),
    "Cast": _cast,
    "Concat": _concat,
    "Constant": _constant,
    "Conv": _convolution(shapes.convolved, 0),
    "ConvTranspose": _convolution(shapes.convolved_transposed, 1),
    "DepthToSpace": _depth_to_space,
    "Div": arithmetic("divide"),
    "Expand": _expand,
    "Gather": _gather,
    "Identity": _identity,
    "Mul": arithmetic("multiply"),
    "Pad": _pad,
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": _shape,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Sub": arithmetic("subtract"),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""What is known of each operator that an export has, or had: `Equal`, `Where`, `Round` and `ReduceMin`."""
