"""ONNX files for older runtimes: another version of the operators, and the oldest version of the file."""

from typing import Any

import onnx

LOWEST_EXPORTED = 18
"""The oldest opset that PyTorch's exporter makes."""


_REDUCTIONS = ("ReduceMax", "ReduceMean", "ReduceMin")

_USUAL = {"antialias": 0, "keep_aspect_ratio_policy": b"stretch", "reduction": b"none"}
"""Attributes that came with opsets 16 and 18, and what was done before."""


def to_opset(model: Any, opset: int) -> None:
    """Make a model one of an older opset, down to 15, in place.

    Of the operators that networks here consist of, some are written otherwise before 18: reductions have
    their axes as an attribute instead of an input, others lack attributes that say the usual.

    Args:
        model: Of the opset, or of `LOWEST_EXPORTED` where that is newer.
        opset: The version that is wanted.

    Raises:
        ValueError: If the exporter did not come as far as a new one.
    """
    (operators,) = model.opset_import
    if operators.version != max(opset, LOWEST_EXPORTED):
        raise ValueError(f"--opset {opset} cannot be made here; {operators.version} can")
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if opset < LOWEST_EXPORTED and node.op_type in _REDUCTIONS:
            data, axes = node.input
            attributes = [item for item in node.attribute if item.name == "keepdims"]
            numbers = onnx.numpy_helper.to_array(constants[axes]).tolist()
            del node.input[:], node.attribute[:]
            node.input.append(data)
            node.attribute.extend([*attributes, onnx.helper.make_attribute("axes", numbers)])
        if opset < LOWEST_EXPORTED and node.op_type in ("Resize", "ScatterND"):
            older = [item for item in node.attribute if item.name not in _USUAL or not _is_usual(item)]
            del node.attribute[:]
            node.attribute.extend(older)
        del node.metadata_props[:]  # which came with a later version of the file
    operators.version = opset
    model.ir_version = onnx.helper.find_min_ir_version_for(list(model.opset_import))


def _is_usual(attribute: Any) -> bool:
    return bool(onnx.helper.get_attribute_value(attribute) == _USUAL[attribute.name])
