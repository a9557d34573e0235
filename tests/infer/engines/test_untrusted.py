"""Exported files that others made run nothing of what they hold."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from allaprima.infer.bench.benchmark import Plan, measure
from allaprima.infer.engines import load_engine
from allaprima.infer.export.finite_weights import require_finite
from allaprima.infer.export.header import read_export_header
from tests.conftest import Run

WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
ANY_SIZE = 'shape="?,3,?,?"'
Members = dict[str, bytes]


class _Command:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def write(path: Path, content: Members) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"archive/{name}", data)
    return path


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def edited(content: bytes, edit: Callable[[Any], object]) -> bytes:
    value = json.loads(content)
    edit(value)
    return json.dumps(value).encode()


def pickled_weights(content: Members, evil: object) -> None:
    content[WEIGHTS] = edited(
        content[WEIGHTS], lambda file: next(iter(file["config"].values())).update(use_pickle=True)
    )
    content["data/weights/weight_0"] = saved(evil)


def opaque_object(content: Members, evil: object) -> None:
    payload = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    content[CONSTANTS] = edited(content[CONSTANTS], lambda file: file["config"].update(x=payload))
    content["data/constants/opaque_obj_0"] = pickle.dumps(evil)


def sample_inputs(content: Members, evil: object) -> None:
    content["data/sample_inputs/model.pt"] = saved(evil)


def legacy_weights(content: Members, evil: object) -> None:
    content["data/weights/model.pt"] = saved(evil)


def legacy_constants(content: Members, evil: object) -> None:
    content["data/constants/model.pt"] = saved(evil)


@pytest.mark.parametrize(
    "craft", [pickled_weights, opaque_object, sample_inputs, legacy_weights, legacy_constants]
)
def test_what_is_pickled_is_refused(
    craft: Callable[[Members, object], None], pt2_file: Path, tmp_path: Path, photographs: Path, run: Run
) -> None:
    content = members(pt2_file)
    craft(content, _Command(f"touch {tmp_path / 'ran'}"))
    path = write(tmp_path / "evil.pt2", content)
    with pytest.raises(ValueError, match=r"evil\.pt2.*(is pickled|is not on the list)"):
        load_engine(path)
    code, out, err = run("stylize", path, photographs, "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "not a program as allaprima export writes it" in err
    assert not (tmp_path / "ran").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_text_that_torch_would_evaluate_is_not(pt2_file: Path, tmp_path: Path) -> None:
    """Conditions of a program are Python, which torch.export.load carries out."""
    ran = tmp_path / "ran"
    content = members(pt2_file)
    guard = f"__import__('pathlib').Path({str(ran)!r}).touch() or True"
    content["models/model.json"] = edited(
        content["models/model.json"], lambda file: file.update(guards_code=[guard])
    )
    path = write(tmp_path / "evil.pt2", content)
    images = np.full((1, 3, 20, 30), 0.5, np.float32)
    assert np.array_equal(load_engine(path)(images), load_engine(pt2_file)(images))
    assert not ran.exists()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("data/aotinductor/model/x.so", b"", "is not on the list"),
        ("extra/other.json", b"{}", "is not on the list"),
        ("weight_0", b"", "is not on the list"),
        ("data/weights/weight_0", b"1234", "damaged"),
        (WEIGHTS, b'{"config": {}}', "damaged"),
        (WEIGHTS, b"[" * 100_000, "nested more than"),
        (CONSTANTS, b"{}", "described otherwise"),
        ("byteorder", b"big", "not little-endian"),
        ("data/weights/weight_999", b"", "other weights than it describes"),
        ("data/weights/weight_\u0663", b"", "is not on the list"),
    ],
)
def test_other_members_are_refused(
    name: str, data: bytes, reason: str, pt2_file: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "foreign.pt2", {**members(pt2_file), name: data})
    with pytest.raises(ValueError, match=rf"foreign\.pt2.*{reason}"):
        load_engine(path)


def test_weights_that_are_not_finite_are_refused(pt2_file: Path, tmp_path: Path) -> None:
    content = members(pt2_file)
    content["data/weights/weight_0"] = b"\xff" * len(content["data/weights/weight_0"])
    with pytest.raises(ValueError, match="numbers that are not finite"):
        load_engine(write(tmp_path / "nan.pt2", content))


def test_weights_of_another_type_are_refused(pt2_file: Path, tmp_path: Path) -> None:
    """They would end every picture, one by one."""
    content = members(pt2_file)
    description = json.loads(content[WEIGHTS])
    weight = next(iter(description["config"].values()))
    weight["tensor_meta"]["dtype"] = 6
    place = f"data/weights/{weight['path_name']}"
    content[place] = np.frombuffer(content[place], np.float32).astype(np.float16).tobytes()
    content[WEIGHTS] = json.dumps(description).encode()
    with pytest.raises(ValueError, match=r"half\.pt2.* is float16"):
        load_engine(write(tmp_path / "half.pt2", content))


@pytest.mark.parametrize(
    "edit",
    [
        lambda weight: weight.update(use_pickle="no"),
        lambda weight: weight["tensor_meta"]["sizes"][0].update(as_int=-1),
        lambda weight: weight["tensor_meta"]["sizes"][0].update(as_int=True),
    ],
)
def test_descriptions_are_taken_as_they_are_written(
    edit: Callable[[Any], object], pt2_file: Path, tmp_path: Path
) -> None:
    content = members(pt2_file)
    content[WEIGHTS] = edited(content[WEIGHTS], lambda file: edit(next(iter(file["config"].values()))))
    with pytest.raises(ValueError, match=r"odd\.pt2.*described otherwise"):
        load_engine(write(tmp_path / "odd.pt2", content))


def test_encrypted_weights_are_refused(pt2_file: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "secret.pt2", members(pt2_file))
    archive = bytearray(path.read_bytes())
    name = archive.rindex(b"archive/data/weights/weight_3")
    archive[name - 46 + 8] |= 1  # of the flags in the directory
    path.write_bytes(archive)
    with pytest.raises(ValueError, match=r"secret\.pt2.*encrypted"):
        load_engine(path)


def test_huge_networks_of_headers_take_no_memory(pt2_file: Path, tmp_path: Path) -> None:
    content = members(pt2_file)
    for part in ({"width": 10**9}, {"residual_blocks": 10**9}, {"width": 10**15}):
        header = json.loads(content["extra/allaprima.json"])
        header["network"].update(part)
        path = write(tmp_path / "huge.pt2", {**content, "extra/allaprima.json": json.dumps(header).encode()})
        with pytest.raises(ValueError, match="huge"):
            load_engine(path)


@pytest.mark.parametrize("said", ["its own size", "the size of the hole"])
def test_holes_in_weights_are_not_read(
    said: str, pt2_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with 256 MB of zeros, of a few KB on disk, in the place of a weight."""
    content = members(pt2_file)
    hole = 1 << 28
    if said == "the size of the hole":
        config = json.loads(content["data/weights/model_weights_config.json"])
        (meta,) = [
            payload["tensor_meta"]
            for payload in config["config"].values()
            if payload["path_name"] == "weight_0"
        ]
        meta.update(dtype=7, sizes=[{"as_int": hole // 4}], strides=[{"as_int": 1}])
        content["data/weights/model_weights_config.json"] = json.dumps(config).encode()
    path = write(tmp_path / "hole.pt2", {**content, "data/weights/weight_0": bytes(hole)})
    read = zipfile.ZipFile.read

    def bounded(archive: zipfile.ZipFile, member: Any, *options: Any) -> bytes:
        content = read(archive, member, *options)
        assert len(content) < hole
        return content

    monkeypatch.setattr(zipfile.ZipFile, "read", bounded)
    with pytest.raises(ValueError, match=r"hole.pt2.*(which its shape|instead of)"):
        load_engine(path)


@pytest.mark.parametrize("name", ["extra/allaprima.json", "data/aotinductor/model/x_metadata.json"])
def test_headers_do_not_unpack_to_gigabytes(name: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "bomb.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(f"a/{name}", "w") as file:
        for _ in range(64):
            file.write(b" " * (1 << 20))
    assert path.stat().st_size < 100_000
    with pytest.raises(ValueError, match="has more than 1048576 bytes"):
        read_export_header(path)
    assert run("info", path)[0] == 2


def test_machine_code_needs_trust(small_style: Path, tmp_path: Path, photographs: Path, run: Run) -> None:
    path = tmp_path / "code.aoti.pt2"
    header = json.dumps({"style_name": "x", "network": {}, "export": {"format": "aoti"}})
    metadata = {"AOTI_DEVICE_KEY": "cpu", "allaprima": header}
    members: Members = {"data/aotinductor/model/x_metadata.json": json.dumps(metadata).encode()}
    write(path, members)
    code, _, err = run("stylize", path, photographs, "-o", tmp_path / "out")
    assert code == 2
    assert "is machine code, which can do on this machine whatever you can: run it with --trust" in err
    with pytest.raises(ValueError, match="is machine code"):
        next(iter(measure(Plan(small_style, [path]))))
    with pytest.raises(ValueError, match="is damaged, or not a model that this machine can run"):
        load_engine(path, trust=True)
    write(path, {**members, "data/aotinductor/model/x.wrapper.so": b"no library"})
    with pytest.raises(ValueError, match="is damaged, or not a model that this machine can run"):
        load_engine(path, trust=True)
    assert run("info", path)[0] == 0


def edited_onnx(onnx_file: Path, path: Path, edit: Callable[[Any, Any], None]) -> Path:
    """Write a model after a change to it; the other argument of the change is the module `onnx`."""
    onnx = pytest.importorskip("onnx")
    model = onnx.load(onnx_file)
    edit(onnx, model)
    path.write_bytes(model.SerializeToString())
    return path


def nan_weight(onnx: Any, model: Any) -> None:
    model.graph.initializer[0].raw_data = b"\xff" * len(model.graph.initializer[0].raw_data)


def nan_weight_as_numbers(onnx: Any, model: Any) -> None:
    weight = model.graph.initializer[0]
    numbers = [float("inf")] * (len(weight.raw_data) // 4)
    weight.CopyFrom(onnx.helper.make_tensor(weight.name, 1, weight.dims, numbers))


def nan_constant(onnx: Any, model: Any) -> None:
    tensor = onnx.numpy_helper.from_array(np.array([1, np.nan], np.float16))
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["more"], value=tensor))


def nan_attribute(onnx: Any, model: Any) -> None:
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["more"], value_floats=[float("nan")]))


def weight_in_another_file(onnx: Any, model: Any) -> None:
    weight = model.graph.initializer[0]
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="beside.bin")
    weight.ClearField("raw_data")


def endless_loop(onnx: Any, model: Any) -> None:
    helper = onnx.helper
    flags = [helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, []) for name in ("go", "on")]
    count = helper.make_tensor_value_info("count", onnx.TensorProto.INT64, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"])], "b", [count, flags[0]], [flags[1]]
    )
    model.graph.node.append(helper.make_node("Loop", ["", ""], [], body=body))


def two_values(onnx: Any, model: Any) -> None:
    """Of which readers take different ones."""
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    node.attribute[0].s = b"1"


def two_settings(onnx: Any, model: Any) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Conv")
    node.attribute.append(node.attribute[0])


def two_weights(onnx: Any, model: Any) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


def two_results(onnx: Any, model: Any) -> None:
    model.graph.node.append(model.graph.node[0])


def another_shape(onnx: Any, model: Any) -> None:
    model.graph.initializer[0].dims[0] = 1 << 30


def old_operators(onnx: Any, model: Any) -> None:
    model.opset_import[0].version = 9


def old_operators_by_another_name(onnx: Any, model: Any) -> None:
    model.opset_import[0].version, model.opset_import[0].domain = 9, "ai.onnx"


def two_shapes(onnx: Any, model: Any) -> None:
    for size in (20, 40):
        shape = onnx.helper.make_tensor_value_info("painted", onnx.TensorProto.FLOAT, [1, 3, 20, size])
        model.graph.value_info.append(shape)


def unknown_numbers(onnx: Any, model: Any) -> None:
    model.graph.initializer[0].data_type = onnx.TensorProto.FLOAT8E4M3FN


def with_functions(onnx: Any, model: Any) -> None:
    model.functions.add(name="f", domain="d")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (nan_weight, "not finite"),
        (nan_weight_as_numbers, "not finite"),
        (nan_constant, "not finite"),
        (nan_attribute, "not finite"),
        (weight_in_another_file, "in another file"),
        (endless_loop, "a graph inside its graph"),
        (unknown_numbers, "has the type 17"),
        (with_functions, "has functions"),
        (two_values, "has several values"),
        (two_settings, "two attributes of the same name"),
        (two_weights, "two of its weights have the same name"),
        (two_results, "two of its results have the name"),
        (another_shape, "of the shape"),
        (old_operators, "of opset 9, older than 15"),
        (old_operators_by_another_name, "of opset 9, older than 15"),
        (two_shapes, "two things of the shape of one value"),
    ],
)
def test_onnx_files_are_looked_at_before_they_run(
    edit: Callable[[Any, Any], None], reason: str, onnx_file: Path, tmp_path: Path
) -> None:
    path = edited_onnx(onnx_file, tmp_path / "foreign.onnx", edit)
    (tmp_path / "beside.bin").write_bytes(bytes(1 << 16))
    with pytest.raises(ValueError, match=rf"foreign\.onnx.*{reason}"):
        load_engine(path)


@pytest.mark.parametrize(
    ("operator", "options", "reason"),
    [
        ("Transpose", {"perm": [0, 1, 3, 2]}, r"float32 \(1, 3, 30, 20\) of float32 \(1, 3, 20, 30\)"),
        ("Sqrt", {}, "not finite"),  # of what is below 0
    ],
)
def test_what_is_no_picture_is_refused(
    operator: str, options: dict[str, Any], reason: str, onnx_file: Path, tmp_path: Path
) -> None:
    def edit(onnx: Any, model: Any) -> None:
        output = model.graph.output[0]
        output.type.tensor_type.ClearField("shape")
        (last,) = (node for node in model.graph.node if output.name in node.output)
        last.output[0] = "painted"
        one = onnx.numpy_helper.from_array(np.float32(1.5), "one_and_a_half")
        model.graph.initializer.append(one)
        model.graph.node.append(onnx.helper.make_node("Sub", ["painted", one.name], ["before"]))
        model.graph.node.append(onnx.helper.make_node(operator, ["before"], [output.name], **options))

    engine = load_engine(edited_onnx(onnx_file, tmp_path / "odd.onnx", edit))
    with pytest.raises(ValueError, match=rf"odd\.onnx' does not paint pictures: it makes .*{reason}"):
        engine(np.full((1, 3, 20, 30), 0.5, np.float32))


def _openvino(
    openvino_file: Path, path: Path, xml: Callable[[str], str], weights: bytes | None = None
) -> Path:
    path.write_text(xml(openvino_file.read_text()))
    path.with_suffix(".bin").write_bytes(weights or openvino_file.with_suffix(".bin").read_bytes())
    return path


def test_openvino_models_are_looked_at_before_they_run(openvino_file: Path, tmp_path: Path) -> None:
    inner = '<body><layers><layer id="0" name="a" type="Result" version="opset1"/></layers></body></net>'
    for change, reason in (
        (lambda xml: xml.replace("<net ", '<!DOCTYPE net SYSTEM "file:///dev/zero"><net '), "has a DOCTYPE"),
        (lambda xml: xml.replace("</net>", inner), "a graph inside its graph"),
        (lambda xml: xml.replace('element_type="f32"', 'element_type="string"'), "has the type string"),
        (lambda xml: xml.replace(' offset="', ' offset="-', 1), "offset of a weight is '-"),
        (lambda xml: xml.replace("</net>", "<a/>" * (1 << 20) + "</net>"), "more than 4194304"),
        (lambda xml: xml.replace(' shape="4, 3, 9, 9"', ' shape="4, 3, 9, 900"'), "has 3888 bytes"),
        (lambda xml: xml.replace('version="opset1"', 'version="extension"', 1), "of the version 'extension'"),
        (lambda xml: xml.replace("</edges>", "</edges><edges />"), "has a part 'edges' 2 times"),
        (lambda xml: xml.replace("<output>", "<output></output><output>", 1), "has a part 'output' 2 times"),
        (lambda xml: xml.replace('<layer id="1"', '<layer id="0"'), "two of its layers have the same id"),
        (
            lambda xml: xml.replace(ANY_SIZE, 'shape="1,3,?,40"'),
            r"sides \[None, 40\], and its header",
        ),
        (
            lambda xml: xml.replace(ANY_SIZE, 'shape="?,4,?,?"'),
            r"the file says \(None, 4, None, None\)",
        ),
        (lambda xml: xml.replace(ANY_SIZE, 'shape="..."'), r"a side of the picture is '\.\.\.'"),
        (lambda xml: xml.replace('strides="2, 2"', 'strides="0x2, 2"'), "strides is '0x2, 2'"),
    ):
        path = _openvino(openvino_file, tmp_path / "foreign.xml", change)
        with pytest.raises(ValueError, match=rf"foreign\.xml.*{reason}"):
            load_engine(path)
    size = openvino_file.with_suffix(".bin").stat().st_size
    path = _openvino(openvino_file, tmp_path / "nan.xml", str, b"\xff" * size)
    with pytest.raises(ValueError, match=r"nan\.xml.*numbers that are not finite"):
        load_engine(path)


def test_numbers_of_all_types_are_looked_at() -> None:
    for dtype, infinite in (("float16", 0x7C00), ("bfloat16", 0x7F80)):
        require_finite(np.array([1, infinite - 1, 0x8000], "<u2").tobytes(), dtype, "it")
        with pytest.raises(ValueError, match="it holds numbers that are not finite"):
            require_finite(np.array([1, infinite], "<u2").tobytes(), dtype, "it")
