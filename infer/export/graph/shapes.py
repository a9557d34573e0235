"""The sizes of what operators make: the same rules in ONNX as in OpenVINO."""

import operator
from collections.abc import Callable, Sequence
from math import prod

from .parts import FEW, Numbers, Shape, Value

LARGEST_SIZE = 1 << 31
LARGEST_KERNEL = 16
"""Of each side; networks here have 10. Runtimes lay as many copies of a map side by side as a kernel has."""
LARGEST_QUANTIZED_KERNEL = 3
"""In eight bits ONNX Runtime has all those copies of a map at the same time, others only some."""

_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.floordiv,
    "maximum": max,
}


def known(value: Value | None) -> Numbers:
    """Return the numbers of a value, or raise ValueError if sizes would follow from what is painted."""
    if value is None or value.numbers is None:
        raise ValueError("a size is not known beforehand")
    return value.numbers


def whole(value: Value | None) -> Shape:
    """Return the same where they are integers."""
    return tuple(_integer(number) for number in known(value))


def _integer(number: int | float) -> int:
    if number != int(number):
        raise ValueError(f"{number} is no whole number")
    return int(number)


def sized(shape: Sequence[int], numbers: Numbers | None = None) -> Value:
    """Return a value of some shape, or raise ValueError if there can be none."""
    if any(not 0 <= size < LARGEST_SIZE for size in shape) or len(shape) > 8:
        raise ValueError(f"the shape {tuple(shape)}")
    return Value(tuple(shape), numbers if prod(shape) <= FEW else None)


def axes_of(axes: Sequence[int], rank: int) -> set[int]:
    """Return axes counted from the front, or raise ValueError if there are no such."""
    if any(not -rank <= axis < rank for axis in axes):
        raise ValueError(f"axes {tuple(axes)} of {rank}")
    return {axis % rank for axis in axes}


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape of what is computed element by element."""
    rank = max(map(len, shapes))
    result = []
    for column in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True):
        sizes = set(column) - {1}
        if len(sizes) > 1:
            raise ValueError(f"{' and '.join(map(str, shapes))} do not fit together")
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def arithmetic(kind: str, first: Value, second: Value) -> Value:
    """Return the sum, difference, product or quotient of two values."""
    shape = broadcast(first.shape, second.shape)
    count, numbers = prod(shape), None
    if first.numbers is not None and second.numbers is not None and count <= FEW:
        pairs = [values * count if len(values) == 1 else values for values in (first.numbers, second.numbers)]
        if all(len(values) == count and all(isinstance(n, int) for n in values) for values in pairs):
            numbers = tuple(_computed(kind, int(a), int(b)) for a, b in zip(*pairs, strict=True))
    return sized(shape, numbers)


def _computed(kind: str, first: int, second: int) -> int:
    if kind == "divide" and (first < 0 or second <= 0):
        raise ValueError(f"{first} is divided by {second}")  # where runtimes round differently
    result = _ARITHMETIC[kind](first, second)
    if abs(result) >= LARGEST_SIZE:
        raise ValueError(f"the size {result}")
    return result


def converted(value: Value, *, to: type[int] | type[float] | None) -> Value:
    """Return a value in another type.

    What would be rounded is not known any more, and nothing of what becomes a type other than integers of 32
    or 64 bits, `int`, and floats of 32, `float`.
    """
    if to is None or value.numbers is None or any(n != int(n) or abs(n) >= 1 << 24 for n in value.numbers):
        return Value(value.shape)
    return Value(value.shape, tuple(map(to, value.numbers)))


def reshaped(value: Value, sizes: Shape, *, zero_copies: bool) -> Value:
    """Return a value in another shape, with at most one -1 for what is left."""
    shape = [value.shape[axis] if size == 0 and zero_copies else size for axis, size in enumerate(sizes)]
    count = prod(value.shape)
    if shape.count(-1) == 1:
        shape[shape.index(-1)] = count // -prod(shape) if prod(shape) else 0
    if prod(shape) != count:
        raise ValueError(f"{value.shape} becomes {tuple(sizes)}")
    return sized(shape, value.numbers)


def squeezed(value: Value, axes: Sequence[int] | None) -> Value:
    """Return a value without some sides that are 1, or without all."""
    if axes is not None and not axes:
        raise ValueError("it has no axes")  # for runtimes those are all
    rank = len(value.shape)
    ones = {axis for axis, size in enumerate(value.shape) if size == 1}
    gone = ones if axes is None else axes_of(axes, rank)
    if gone - ones:
        raise ValueError(f"sides {sorted(gone)} of {value.shape} go")
    return Value(tuple(size for axis, size in enumerate(value.shape) if axis not in gone), value.numbers)


def unsqueezed(value: Value, axes: Sequence[int]) -> Value:
    """Return a value with further sides of 1."""
    rank = len(value.shape) + len(axes)
    added, sizes = axes_of(axes, rank), iter(value.shape)
    return sized([1 if axis in added else next(sizes) for axis in range(rank)], value.numbers)


def concatenated(values: Sequence[Value], axis: int) -> Value:
    """Return values one after another."""
    first = list(values[0].shape)
    (axis,) = axes_of([axis], len(first))
    for value in values:
        if value.shape[:axis] != tuple(first[:axis]) or value.shape[axis + 1 :] != tuple(first[axis + 1 :]):
            raise ValueError(f"{value.shape} comes after {values[0].shape}")
    first[axis] = sum(value.shape[axis] for value in values)
    numbers = None
    if len(first) == 1 and all(value.numbers is not None for value in values):
        numbers = tuple(number for value in values for number in value.numbers or ())
    return sized(first, numbers)


def gathered(value: Value, indices: Value, axis: int) -> Value:
    """Return the parts of a value with some indices."""
    (axis,) = axes_of([axis], len(value.shape))
    numbers = None
    if len(value.shape) == 1 and value.numbers is not None and indices.numbers is not None:
        numbers = tuple(value.numbers[index] for index in whole(indices))
    return sized([*value.shape[:axis], *indices.shape, *value.shape[axis + 1 :]], numbers)


def split(value: Value, axis: int, count: int) -> list[Value]:
    """Return a value cut in parts of one size."""
    (axis,) = axes_of([axis], len(value.shape))
    size, rest = divmod(value.shape[axis], count)
    if rest or count > FEW:
        raise ValueError(f"{value.shape} in {count} parts")
    return [sliced(value, (start,), (start + size,), (axis,), (1,)) for start in range(0, count * size, size)]


def sliced(value: Value, starts: Shape, ends: Shape, axes: Shape | None, steps: Shape) -> Value:
    """Return a part of a value; without axes of the first sides."""
    axes = tuple(range(len(starts))) if axes is None else axes
    shape, numbers = list(value.shape), value.numbers if len(value.shape) == 1 else None
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        (axis,) = axes_of([axis], len(shape))
        shape[axis] = len(range(shape[axis])[start:end:step])
        numbers = numbers and numbers[start:end:step]
    return sized(shape, numbers)


def padded(value: Value, before: Sequence[int], after: Sequence[int]) -> Value:
    """Return a value with a border on every side."""
    sizes = zip(value.shape, before, after, strict=True)
    return sized([size + first + last for size, first, last in sizes])


def reduced(value: Value, axes: Sequence[int], *, keep: bool) -> Value:
    """Return what is left of a value when some of its sides become one number."""
    gone = axes_of(axes, len(value.shape))
    sizes = [1 if axis in gone else size for axis, size in enumerate(value.shape)]
    return sized([size for axis, size in enumerate(sizes) if keep or axis not in gone])


def transposed(value: Value, order: Sequence[int]) -> Value:
    """Return a value with its sides in another order."""
    if sorted(order) != list(range(len(value.shape))):
        raise ValueError(f"sides of {value.shape} in the order {tuple(order)}")
    return sized([value.shape[axis] for axis in order])


def enlarged(value: Value, factors: Sequence[float]) -> Value:
    """Return a map enlarged by whole factors, of which every side has one."""
    return sized([size * _integer(factor) for size, factor in zip(value.shape, factors, strict=True)])


def resized(value: Value, sizes: Shape) -> Value:
    """Return a map of another size."""
    if len(sizes) != len(value.shape):
        raise ValueError(f"{value.shape} becomes {sizes}")
    return sized(sizes)


def in_blocks(value: Value, side: int) -> Value:
    """Return a map whose channels become blocks of pixels."""
    count, channels, height, width = value.shape
    if side < 1 or channels % side**2:
        raise ValueError(f"{channels} channels become blocks of side {side}")
    return sized([count, channels // side**2, height * side, width * side])


def convolved(value: Value, out_channels: int, kernel: Shape, strides: Shape, pads: Shape) -> Value:
    """Return what a convolution makes of a map.

    Args:
        value: The map, `(B, C, H, W)`.
        out_channels: Of the result.
        kernel: Its sides.
        strides: Its steps.
        pads: What is added before each side, then after each.
    """
    _check_kernel(value, kernel, strides)
    lengths = zip(value.shape[2:], kernel, strides, pads[:2], pads[2:], strict=True)
    sides = [(size + before + after - side) // step + 1 for size, side, step, before, after in lengths]
    return sized([value.shape[0], out_channels, *sides])


def convolved_transposed(
    value: Value, out_channels: int, kernel: Shape, strides: Shape, pads: Shape, more: Shape = (0, 0)
) -> Value:
    """Return what a transposed convolution makes of a map; `more` is added after each side."""
    _check_kernel(value, kernel, strides)
    # What overlaps is memory, too, and so is what is made and cut off again.
    if any(side > 2 * step for side, step in zip(kernel, strides, strict=True)) or any(
        pad >= side for pad, side in zip(pads, (*kernel, *kernel), strict=True)
    ):
        raise ValueError(f"a kernel of {kernel} with steps of {strides}, of which {pads} are cut off")
    lengths = zip(value.shape[2:], kernel, strides, pads[:2], pads[2:], more, strict=True)
    return sized(
        [
            value.shape[0],
            out_channels,
            *(
                (size - 1) * step + side - before - after + end
                for size, side, step, before, after, end in lengths
            ),
        ]
    )


def check_quantized_kernel(weight: Value) -> None:
    """Raise ValueError if the kernel of a convolution is larger than one in eight bits may be."""
    if max(weight.shape[-2:]) > LARGEST_QUANTIZED_KERNEL:
        raise ValueError(f"a kernel of {weight.shape[-2:]} in eight bits")


def _check_kernel(value: Value, kernel: Shape, strides: Shape) -> None:
    if len(value.shape) != 4 or min(strides) < 1 or max(kernel) > LARGEST_KERNEL:
        raise ValueError(f"a kernel of {kernel} with steps of {strides} on {value.shape}")
