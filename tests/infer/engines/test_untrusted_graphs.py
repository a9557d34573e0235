"""Graphs of others ask for no more memory than a network as their header describes."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from allaprima.infer.engines import load_engine
from allaprima.infer.engines.memory import PictureTooLargeError
from tests.conftest import Run

HUGE = 40_000
"""A square of that side is 6 GB of float32."""
ADVICE = "export it anew from the style file"
Craft = Callable[["OnnxCraft"], str]


class OnnxCraft:
    """Adds operators to an exported model, behind what it paints.

    Attributes:
        painted: Name of what it painted, `(B, 3, H, W)`.
    """

    def __init__(self, path: Path) -> None:
        self.onnx = pytest.importorskip("onnx")
        self.model = self.onnx.load(path)
        (self._last,) = (node for node in self.model.graph.node if "stylized_image" in node.output)
        self._last.output[0] = self.painted = "painted"

    def constant(self, *numbers: Any, dtype: Any = np.int64) -> str:
        return self.array(np.array(numbers, dtype))

    def array(self, numbers: Any) -> str:
        name = f"constant_{len(self.model.graph.initializer)}"
        self.model.graph.initializer.append(self.onnx.numpy_helper.from_array(np.asarray(numbers), name))
        return name

    def declare(self, name: str, *shape: int) -> None:
        """Say of what shape a value is, whatever it is."""
        self.model.graph.value_info.append(self.onnx.helper.make_tensor_value_info(name, 1, shape))

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"made_{len(self.model.graph.node)}"
        self.model.graph.node.append(self.onnx.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def smallest(self, huge: str) -> str:
        """Return the picture that a huge result has become part of, by one number."""
        axes = self.constant(*range(-4, 0))
        return self.add("Add", self.painted, self.add("ReduceMin", self.reshaped(huge), axes))

    def reshaped(self, value: str) -> str:
        return self.add("Reshape", value, self.constant(1, 1, 1, -1))

    def write(self, result: str, path: Path) -> Path:
        self.model.graph.node.append(self.onnx.helper.make_node("Identity", [result], ["stylized_image"]))
        path.write_bytes(self.model.SerializeToString())
        return path


def constant_of_shape(model: OnnxCraft) -> str:
    return model.smallest(model.add("ConstantOfShape", model.constant(HUGE, HUGE)))


def tile(model: OnnxCraft) -> str:
    return model.smallest(model.add("Tile", model.painted, model.constant(1, 1, HUGE, HUGE)))


def counted_up(model: OnnxCraft) -> str:
    numbers = [model.array(np.int64(number)) for number in (0, HUGE**2, 1)]
    return model.smallest(model.add("Cast", model.add("Range", *numbers), to=1))


def of_another_domain(model: OnnxCraft) -> str:
    name = model.add("Gelu", model.painted, domain="com.microsoft")
    model.model.opset_import.add(domain="com.microsoft", version=1)
    return name


def expanded_constant(model: OnnxCraft) -> str:
    return model.smallest(
        model.add("Expand", model.constant(1, dtype=np.float32), model.constant(HUGE, HUGE))
    )


def expanded_picture(model: OnnxCraft) -> str:
    mean = model.add("ReduceMean", model.painted, model.constant(1, 2, 3))
    return model.smallest(model.add("Expand", mean, model.constant(1, 1, HUGE, HUGE)))


def padded(model: OnnxCraft) -> str:
    pads = model.constant(0, 0, 0, 0, 0, 0, HUGE, HUGE)
    return model.smallest(model.add("Pad", model.painted, pads, mode="constant"))


def enlarged(model: OnnxCraft) -> str:
    scales = model.constant(1, 1, 1024, 1024, dtype=np.float32)
    return model.smallest(model.add("Resize", model.painted, "", scales, mode="nearest"))


def enlarged_to(model: OnnxCraft) -> str:
    sizes = model.constant(1, 3, HUGE, HUGE)
    return model.smallest(model.add("Resize", model.painted, "", "", sizes, mode="nearest"))


def outer_product(model: OnnxCraft) -> str:
    row = model.add("Reshape", model.painted, model.constant(1, -1))
    column = model.add("Reshape", model.painted, model.constant(-1, 1))
    return model.smallest(model.add("Mul", row, column))


def computed_size(model: OnnxCraft) -> str:
    size = model.add("Shape", model.painted)
    product = model.add("Mul", size, model.add("Mul", size, size))
    return model.smallest(model.add("Expand", model.constant(1, dtype=np.float32), product))


def size_from_pixels(model: OnnxCraft) -> str:
    brightest = model.add("ReduceMax", model.painted, model.constant(0, 1, 2, 3), keepdims=0)
    size = model.add("Reshape", model.add("Cast", brightest, to=7), model.constant(1))
    return model.smallest(model.add("Expand", model.constant(1, dtype=np.float32), size))


def many_channels(model: OnnxCraft) -> str:
    weights = model.array(np.zeros((20_000, 3, 1, 1), np.int8))
    scale, zero = model.array(np.float32(1)), model.array(np.int8(0))
    return model.smallest(
        model.add("Conv", model.painted, model.add("DequantizeLinear", weights, scale, zero))
    )


def large_kernel(model: OnnxCraft) -> str:
    return model.add("Conv", model.painted, model.array(np.zeros((3, 3, 17, 17), np.float32)))


def much_overlap(model: OnnxCraft) -> str:
    weights = model.array(np.zeros((3, 3, 12, 12), np.float32))
    return model.add("ConvTranspose", model.painted, weights, strides=[2, 2], pads=[5, 5, 5, 5])


def all_at_once(model: OnnxCraft) -> str:
    """Each is as small as what an export makes, but all have to be kept to the end."""
    maps = [model.add("Tanh", model.painted) for _ in range(50)]
    means = [model.add("ReduceMean", name, model.constant(1, 2, 3)) for name in maps]
    wait = means[0]
    for mean in means[1:]:
        wait = model.add("Add", wait, mean)
    result = model.painted
    for name in maps:
        result = model.add("Add", result, model.add("Mul", name, wait))
    return result


def many_constants(model: OnnxCraft) -> str:
    size = len(model.model.SerializeToString())
    ones = model.constant(1, dtype=np.float32)
    result = model.painted
    for _ in range(10):
        result = model.add("Add", result, model.smallest(model.add("Expand", ones, model.constant(size))))
    return result


def constant_of_numbers(model: OnnxCraft) -> str:
    """It has no tensor, whose shape would be known."""
    numbers = model.onnx.helper.make_node("Constant", [], ["row"], value_floats=[1.0] * 10_000)
    model.model.graph.node.append(numbers)
    row = model.add("Mul", model.add("ReduceMean", model.painted, model.constant(1, 2, 3)), "row")
    return model.smallest(model.add("Mul", row, model.add("Transpose", row, perm=[0, 1, 3, 2])))


def all_axes(model: OnnxCraft) -> str:
    """ONNX Runtime takes none for all, and makes a row of what otherwise stays a column."""
    column = model.add("Expand", model.constant(1, dtype=np.float32), model.constant(10_000, 1))
    return model.smallest(model.add("Mul", column, model.add("Squeeze", column, model.constant())))


def between_sides(model: OnnxCraft) -> str:
    """Between two of 10,000 numbers there is one of both sides, where antialiasing goes by one at a time."""
    mean = model.add("ReduceMean", model.painted, model.constant(1, 2, 3))
    column = model.add("Expand", mean, model.constant(1, 1, 10_000, 1))
    row = model.constant(1, 1, 1, 10_000)
    return model.smallest(model.add("Resize", column, "", "", row, mode="linear", antialias=1))


def declared_shape(model: OnnxCraft) -> str:
    """ONNX Runtime takes sizes from what is declared, and computes what follows from them as it loads."""
    size = model.add("Slice", model.add("Shape", model.painted), model.constant(3), model.constant(4))
    part = model.add("Slice", model.painted, model.constant(0), size, model.constant(3))
    model.declare(part, 1, 3, HUGE, HUGE)
    ones = model.constant(1, dtype=np.float32)
    return model.smallest(model.add("Expand", ones, model.add("Shape", part)))


def declared_picture(model: OnnxCraft) -> str:
    for axis, size in ((0, 1), (2, HUGE), (3, HUGE)):
        model.model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = size
    return model.painted


def cut_off(model: OnnxCraft) -> str:
    mean = model.add("ReduceMean", model.painted, model.constant(1, 2, 3))
    field = model.add("Expand", mean, model.constant(1, 1, 100, 100))
    weights = model.array(np.zeros((1, 3, 16, 16), np.float32))
    return model.add("ConvTranspose", field, weights, strides=[8, 8], pads=[372] * 4)


def large_kernel_in_eight_bits(model: OnnxCraft) -> str:
    scale, zeros = model.array(np.float32(0.01)), {kind: model.array(kind(0)) for kind in (np.uint8, np.int8)}
    weights = model.array(np.zeros((3, 3, 5, 5), np.int8))
    kernel = model.add("DequantizeLinear", weights, scale, zeros[np.int8])
    levels = model.add("QuantizeLinear", model.painted, scale, zeros[np.uint8])
    floats = model.add("Relu", model.add("DequantizeLinear", levels, scale, zeros[np.uint8]))
    return model.add("Conv", floats, kernel, pads=[2] * 4)


def texts(model: OnnxCraft) -> str:
    return model.add("Cast", model.add("Cast", model.painted, to=8), to=1)


@pytest.mark.parametrize(
    ("craft", "reason"),
    [
        (constant_of_shape, "it has the operator 'ConstantOfShape', which an export has not"),
        (tile, "it has the operator 'Tile'"),
        (counted_up, "it has the operator 'Range'"),
        (of_another_domain, r"it has the operator 'com\.microsoft\.Gelu'"),
        (expanded_constant, r"its operator 'Expand' prepares too much: 16000"),
        (expanded_picture, r"its operator 'Expand' makes too much: 25600000000 numbers"),
        (padded, "its operator 'Pad' makes too much"),
        (enlarged, "its operator 'Resize' makes too much"),
        (enlarged_to, "its operator 'Resize' makes too much"),
        (outer_product, "its operator 'Mul' makes too much"),
        (computed_size, r"its operator 'Expand' prepares too much"),
        (
            size_from_pixels,
            r"'Expand' is used otherwise than in an export \(a size is not known beforehand\)",
        ),
        (many_channels, "its operator 'Conv' makes too much"),
        (large_kernel, r"'Conv' is used otherwise than in an export \(a kernel of \(17, 17\)"),
        (much_overlap, r"'ConvTranspose' is used otherwise than in an export \(a kernel of \(12, 12\)"),
        (all_at_once, "its operator '(Tanh|Mul)' keeps too much"),
        (many_constants, "its operator 'Expand' prepares too much"),
        (constant_of_numbers, r"'Constant' is used otherwise than in an export \(it has another value"),
        (all_axes, r"'Squeeze' is used otherwise than in an export \(it has no axes"),
        (between_sides, r"'Resize' is used otherwise than in an export \(its mode takes memory"),
        (declared_shape, r"is of the shape \(1, 3, 64, 64\), and the file says \(1, 3, 40000, 40000\)"),
        (declared_picture, r"takes pictures of the sides \[40000, 40000\], and its header says of any"),
        (cut_off, r"'ConvTranspose' is used otherwise than in an export \(.*are cut off"),
        (large_kernel_in_eight_bits, r"'Conv' is used otherwise .*\(a kernel of \(5, 5\) in eight bits"),
        (texts, r"'Cast' is used otherwise than in an export \(it makes the type 8"),
    ],
)
def test_onnx_graphs_that_ask_for_much_are_refused(
    craft: Craft, reason: str, onnx_file: Path, tmp_path: Path
) -> None:
    model = OnnxCraft(onnx_file)
    path = model.write(craft(model), tmp_path / "evil.onnx")
    with pytest.raises(ValueError, match=rf"evil\.onnx' is damaged, or not as .*{reason}.*{ADVICE}$"):
        load_engine(path)


def test_files_of_earlier_versions_paint(onnx_file: Path, tmp_path: Path) -> None:
    """They compare the largest with the smallest value, and fill pictures of one colour with another."""
    model = OnnxCraft(onnx_file)
    sides = model.constant(2, 3)
    largest, smallest = (model.add(kind, "content_image", sides) for kind in ("ReduceMax", "ReduceMin"))
    flat = model.add("Equal", model.add("Sub", largest, smallest), model.constant(0, dtype=np.float32))
    colour = model.array(np.full((1, 3, 1, 1), 0.25, np.float32))
    engine = load_engine(
        model.write(model.add("Where", flat, colour, model.painted), tmp_path / "earlier.onnx")
    )
    assert (engine(np.zeros((2, 3, 20, 30), np.float32)) == 0.25).all()


def test_the_command_says_what_to_do(onnx_file: Path, photographs: Path, tmp_path: Path, run: Run) -> None:
    model = OnnxCraft(onnx_file)
    path = model.write(constant_of_shape(model), tmp_path / "evil.onnx")
    code, out, err = run("stylize", path, photographs, "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert err.endswith(f"it has the operator 'ConstantOfShape', which an export has not; {ADVICE}\n")


def test_every_size_of_picture_is_looked_at(onnx_file: Path, tmp_path: Path) -> None:
    """What is harmless for one size, such as that which a file is looked at with, may not be for another."""
    model = OnnxCraft(onnx_file)
    height = model.add("Shape", model.painted, start=2, end=3)
    hundreds = model.add("Div", height, model.constant(100))
    side = model.add("Add", model.add("Mul", hundreds, model.constant(HUGE)), model.constant(1))
    mean = model.add("ReduceMean", model.painted, model.constant(2, 3))
    expanded = model.add("Expand", mean, model.add("Concat", model.constant(1, 1), side, side, axis=0))
    engine = load_engine(model.write(model.smallest(expanded), tmp_path / "evil.onnx"))
    small = np.full((1, 3, 20, 20), 0.5, np.float32)
    assert engine(small).shape == small.shape
    with pytest.raises(ValueError, match=r"evil\.onnx.*'Expand' makes too much.*\(1, 3, 100, 20\)"):
        engine(np.zeros((1, 3, 100, 20), np.float32))


class OpenVinoCraft:
    """Adds operators to an exported model, behind what it paints, its attribute `painted`."""

    def __init__(self, path: Path) -> None:
        self.openvino = pytest.importorskip("openvino")
        self.add = self.openvino.opset13
        self.model = self.openvino.Core().read_model(path)
        self.header = self.model.get_rt_info("allaprima").value
        self.painted = self.model.get_results()[0].input_value(0)

    def constant(self, numbers: Any, dtype: Any = np.int64) -> Any:
        return self.add.constant(np.array(numbers, dtype))

    def smallest(self, huge: Any) -> Any:
        flat = self.add.reshape(huge, self.constant([1, 1, 1, -1]), special_zero=False)
        return self.add.add(
            self.painted, self.add.reduce_max(flat, self.constant([0, 1, 2, 3]), keep_dims=True)
        )

    def write(self, result: Any, path: Path) -> Path:
        model = self.openvino.Model([result], self.model.get_parameters())
        model.set_rt_info(self.header, "allaprima")
        self.openvino.save_model(model, path, compress_to_fp16=False)
        return path


def openvino_tile(model: OpenVinoCraft) -> Any:
    return model.smallest(model.add.tile(model.painted, model.constant([1, 1, HUGE, HUGE])))


def openvino_range(model: OpenVinoCraft) -> Any:
    ends = [model.constant(number) for number in (0, HUGE**2, 1)]
    return model.smallest(model.add.range(*ends, output_type="f32"))


def openvino_broadcast(model: OpenVinoCraft) -> Any:
    return model.smallest(model.add.broadcast(model.constant(1, np.float32), model.constant([HUGE, HUGE])))


def openvino_pad(model: OpenVinoCraft) -> Any:
    begin, end = model.constant([0, 0, 0, 0]), model.constant([0, 0, HUGE, HUGE])
    return model.smallest(model.add.pad(model.painted, begin, end, "edge"))


def openvino_interpolate(model: OpenVinoCraft) -> Any:
    scales = model.constant([1, 1, 1024, 1024], np.float32)
    return model.smallest(model.add.interpolate(model.painted, scales, "nearest", "scales"))


def openvino_outer_product(model: OpenVinoCraft) -> Any:
    row, column = (
        model.add.reshape(model.painted, model.constant(shape), special_zero=False)
        for shape in ([1, -1], [-1, 1])
    )
    return model.smallest(model.add.multiply(row, column))


def openvino_channels(model: OpenVinoCraft) -> Any:
    weights = model.add.convert(model.constant(np.zeros((20_000, 3, 1, 1)), np.int8), "f32")
    return model.smallest(model.add.convolution(model.painted, weights, [1, 1], [0, 0], [0, 0], [1, 1]))


def openvino_between_sides(model: OpenVinoCraft) -> Any:
    mean = model.add.reduce_mean(model.painted, model.constant([1, 2, 3]), keep_dims=True)
    column = model.add.broadcast(mean, model.constant([1, 1, 10_000, 1]))
    row = model.constant([1, 1, 1, 10_000])
    return model.smallest(model.add.interpolate(column, row, "bilinear_pillow", "sizes"))


def openvino_cut_off(model: OpenVinoCraft) -> Any:
    weights = model.add.convert(model.constant(np.zeros((3, 3, 4, 4)), np.int8), "f32")
    return model.add.convolution_backprop_data(
        model.painted, weights, [2, 2], pads_begin=[8, 8], pads_end=[8, 8], dilations=[1, 1]
    )


def openvino_large_kernel_in_eight_bits(model: OpenVinoCraft) -> Any:
    ends = [model.constant(np.full((1, 1, 1, 1), end), np.float32) for end in (0, 1, 0, 1)]
    quantized = model.add.fake_quantize(model.painted, *ends, 256)
    weights = model.add.convert(model.constant(np.zeros((3, 3, 5, 5)), np.int8), "f32")
    return model.add.convolution(quantized, weights, [1, 1], [2, 2], [2, 2], [1, 1])


def openvino_doubles(model: OpenVinoCraft) -> Any:
    return model.add.convert(model.add.convert(model.painted, "f64"), "f32")


@pytest.mark.parametrize(
    ("craft", "reason"),
    [
        (openvino_tile, "it has the operator 'Tile', which an export has not"),
        (openvino_range, "it has the operator 'Range'"),
        (openvino_broadcast, r"its operator 'Broadcast' prepares too much: 16000"),
        (openvino_pad, "its operator 'Pad' makes too much"),
        (openvino_interpolate, "its operator 'Interpolate' makes too much"),
        (openvino_outer_product, "its operator 'Multiply' makes too much"),
        (openvino_channels, "its operator 'Convolution' makes too much"),
        (openvino_between_sides, r"'Interpolate' is used otherwise .*\(its mode takes memory"),
        (openvino_cut_off, r"'ConvolutionBackpropData' is used otherwise .*are cut off"),
        (openvino_large_kernel_in_eight_bits, r"'Convolution' is used .*a kernel of \(5, 5\) in eight bits"),
        (openvino_doubles, r"'Convert' is used otherwise .*destination_type is f64"),
    ],
)
def test_openvino_graphs_that_ask_for_much_are_refused(
    craft: Callable[[OpenVinoCraft], Any], reason: str, openvino_file: Path, tmp_path: Path
) -> None:
    model = OpenVinoCraft(openvino_file)
    path = model.write(craft(model), tmp_path / "evil.xml")
    with pytest.raises(ValueError, match=rf"evil\.xml' is damaged, or not as .*{reason}.*{ADVICE}$"):
        load_engine(path)


def test_headers_do_not_make_room(onnx_file: Path, openvino_file: Path, tmp_path: Path) -> None:
    """The wider a network the more it may compute, but its weights have to be there."""
    shutil.copy(openvino_file.with_suffix(".bin"), tmp_path)
    for source in (onnx_file, openvino_file):
        content = source.read_bytes()
        for quote in (b'"', b"&quot;"):
            name = quote + b"width" + quote
            content = content.replace(name + b": 4", name + b":99")
        path = tmp_path / source.name
        path.write_bytes(content)
        with pytest.raises(ValueError, match="a network of width 99, whose weights are more than"):
            load_engine(path)


def test_a_model_for_one_size_has_to_fit_into_memory(
    openvino_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO takes memory for it as it loads."""
    path = tmp_path / "static.xml"
    shutil.copy(openvino_file.with_suffix(".bin"), path.with_suffix(".bin"))
    text = openvino_file.read_text().replace("float32&quot;", "float32&quot;, &quot;static&quot;: [400, 500]")
    path.write_text(text.replace('shape="?,3,?,?"', 'shape="2,3,400,500"'))
    images = np.full((2, 3, 400, 500), 0.5, np.float32)
    assert load_engine(path)(images).shape == images.shape
    monkeypatch.setattr("allaprima.infer.engines.memory.free_memory", lambda: 1_000_000)
    with pytest.raises(PictureTooLargeError, match="2 pictures of 500x400 needs"):
        load_engine(path)
