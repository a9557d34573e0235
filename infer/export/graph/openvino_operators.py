"""The operators of OpenVINO that an export has, and the sizes of what they make."""

import re
from typing import Any

from . import shapes
from .inputs import Inputs, arithmetic, elementwise, optional, present, same
from .parts import Node, Rule, Shape, Value

_TYPES: dict[str, type[int] | type[float] | None] = {
    **{"f32": float, "i32": int, "i64": int},
    **dict.fromkeys(("boolean", "i8", "u8", "f16", "bf16")),
}
"""What becomes of numbers in each type that exports have; None in those that no sizes are computed in."""

_MODES = ("nearest", "linear_onnx")


def _text(node: Node, name: str, usual: str = "") -> str:
    return str(node.attributes.get(name, usual))


def _number(node: Node, name: str) -> int:
    (number,) = _numbers(node, name, "")
    return number


def _numbers(node: Node, name: str, usual: str) -> Shape:
    text = _text(node, name, usual)
    if not re.fullmatch(r"-?[0-9]{1,18}(, ?-?[0-9]{1,18})*", text):
        raise ValueError(f"{name} is '{text}'")
    return tuple(map(int, text.split(",")))


def _is(node: Node, name: str, usual: str) -> bool:
    """Return whether an attribute is true, which it has to say in so many letters, or not."""
    return {"true": True, "false": False}[_text(node, name, usual)]


def _numpy_only(rule: Rule) -> Rule:
    """Return a rule for what is computed element by element, of shapes that fit as NumPy's do."""

    def checked(node: Node, inputs: Inputs) -> Any:
        if _text(node, "auto_broadcast", "numpy") != "numpy":
            raise ValueError(f"auto_broadcast is {_text(node, 'auto_broadcast')}")
        return rule(node, inputs)

    return checked


def _convert(node: Node, inputs: Inputs) -> list[Value]:
    if (to := _text(node, "destination_type")) not in _TYPES:
        raise ValueError(f"destination_type is {to}")
    return [shapes.converted(present(inputs, 0), to=_TYPES[to])]


def _shape_of(node: Node, inputs: Inputs) -> list[Value]:
    sizes = present(inputs, 0).shape
    return [Value((len(sizes),), sizes)]


def _squeeze(node: Node, inputs: Inputs) -> list[Value]:
    return [shapes.squeezed(present(inputs, 0), optional(inputs, 1))]


def _unsqueeze(node: Node, inputs: Inputs) -> list[Value]:
    return [shapes.unsqueezed(present(inputs, 0), shapes.whole(inputs[1]))]


def _reshape(node: Node, inputs: Inputs) -> list[Value]:
    copies = _is(node, "special_zero", "false")
    return [shapes.reshaped(present(inputs, 0), shapes.whole(inputs[1]), zero_copies=copies)]


def _broadcast(node: Node, inputs: Inputs) -> list[Value]:
    if _text(node, "mode") not in ("numpy", "bidirectional"):
        raise ValueError(f"mode is {_text(node, 'mode')}")
    return [shapes.sized(shapes.broadcast(present(inputs, 0).shape, shapes.whole(inputs[1])))]


def _concat(node: Node, inputs: Inputs) -> list[Value]:
    values = [present(inputs, index) for index in range(len(inputs))]
    return [shapes.concatenated(values, _number(node, "axis"))]


def _split(node: Node, inputs: Inputs) -> list[Value]:
    value, (axis,) = present(inputs, 0), shapes.whole(inputs[1])
    return shapes.split(value, axis, _number(node, "num_splits"))


def _gather(node: Node, inputs: Inputs) -> list[Value]:
    if _text(node, "batch_dims", "0") != "0":
        raise ValueError(f"batch_dims is {_text(node, 'batch_dims')}")
    (axis,) = shapes.whole(inputs[2])
    return [shapes.gathered(present(inputs, 0), present(inputs, 1), axis)]


def _slice(node: Node, inputs: Inputs) -> list[Value]:
    starts, ends, steps = (shapes.whole(inputs[index]) for index in (1, 2, 3))
    return [shapes.sliced(present(inputs, 0), starts, ends, optional(inputs, 4), steps)]


def _pad(node: Node, inputs: Inputs) -> list[Value]:
    return [shapes.padded(present(inputs, 0), shapes.whole(inputs[1]), shapes.whole(inputs[2]))]


def _reduce(node: Node, inputs: Inputs) -> list[Value]:
    keep = _is(node, "keep_dims", "false")
    return [shapes.reduced(present(inputs, 0), shapes.whole(inputs[1]), keep=keep)]


def _transpose(node: Node, inputs: Inputs) -> list[Value]:
    return [shapes.transposed(present(inputs, 0), shapes.whole(inputs[1]))]


def _depth_to_space(node: Node, inputs: Inputs) -> list[Value]:
    return [shapes.in_blocks(present(inputs, 0), _number(node, "block_size"))]


def _interpolate(node: Node, inputs: Inputs) -> list[Value]:
    if len(inputs) > 2 or any(_numbers(node, name, "0") != (0,) * 4 for name in ("pads_begin", "pads_end")):
        raise ValueError("only some sides are enlarged, or with a border")
    if _text(node, "mode") not in _MODES or _is(node, "antialias", "false"):
        raise ValueError("its mode takes memory for one side after the other")
    value, mode = present(inputs, 0), _text(node, "shape_calculation_mode")
    if mode == "sizes":
        return [shapes.resized(value, shapes.whole(inputs[1]))]
    if mode != "scales":
        raise ValueError(f"shape_calculation_mode is {mode}")
    return [shapes.enlarged(value, shapes.known(inputs[1]))]


def _borders(node: Node) -> Shape:
    """Return the border of a convolution, whose kernel has no holes; or raise ValueError."""
    if _text(node, "auto_pad", "explicit") != "explicit" or set(_numbers(node, "dilations", "1")) != {1}:
        raise ValueError("its border is left to the runtime, or its kernel has holes")
    return _numbers(node, "pads_begin", "0, 0") + _numbers(node, "pads_end", "0, 0")


def _convolution(node: Node, inputs: Inputs) -> list[Value]:
    grouped = node.operator == "GroupConvolution"
    weight, pads = present(inputs, 1).shape, _borders(node)
    channels, kernel = (weight[0] * weight[1], weight[3:]) if grouped else (weight[0], weight[2:])
    strides = _numbers(node, "strides", "1, 1")
    return [shapes.convolved(present(inputs, 0), channels, kernel, strides, pads)]


def _convolution_back(node: Node, inputs: Inputs) -> list[Value]:
    if len(inputs) > 2:
        raise ValueError("it has sizes of its own")
    weight, pads, strides = present(inputs, 1).shape, _borders(node), _numbers(node, "strides", "1, 1")
    more = _numbers(node, "output_padding", "0, 0")
    return [shapes.convolved_transposed(present(inputs, 0), weight[1], weight[2:], strides, pads, more)]


OPENVINO_OPERATORS: dict[str, Rule] = {
    **dict.fromkeys(("ReLU", "Tanh", "Sqrt", "Clamp", "MVN", "Round"), same),
    **dict.fromkeys(("Power", "FakeQuantize", "Equal", "Select"), _numpy_only(elementwise)),
    **dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin"), _reduce),
    **dict.fromkeys(("Convolution", "GroupConvolution"), _convolution),
    "Add": _numpy_only(arithmetic("add")),
    "Broadcast": _broadcast,
    "Concat": _concat,
    "Convert": _convert,
    "ConvolutionBackpropData": _convolution_back,
    "DepthToSpace": _depth_to_space,
    "Divide": _numpy_only(arithmetic("divide")),
    "Gather": _gather,
    "Interpolate": _interpolate,
    "Maximum": _numpy_only(arithmetic("maximum")),
    "Multiply": _numpy_only(arithmetic("multiply")),
    "Pad": _pad,
    "Reshape": _reshape,
    "ShapeOf": _shape_of,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Subtract": _numpy_only(arithmetic("subtract")),
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""What is known of each operator that an export has, or had; layers without one are no operators here."""
