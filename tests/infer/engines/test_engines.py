"""The engines: the same picture on each, what each refuses, and none needs what it does not use."""

import os
import shutil
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch._dynamo.testing import CompileCounterWithBackend
from torch.torch_version import TorchVersion

from allaprima.checksum import sha256_of
from allaprima.infer import Stylizer
from allaprima.infer.engine_table import ENGINES, FORMATS, resolve
from allaprima.infer.engines import (
    Engine,
    PictureTooLargeError,
    conversion_cache,
    load_engine,
    memory,
    openvino_speedups,
)
from allaprima.infer.engines.eager import EagerEngine
from allaprima.infer.engines.onnx import OnnxEngine
from allaprima.infer.export.formats import Request
from allaprima.models.network_presets import NETWORKS, NetworkName
from allaprima.models.style_file import StyleHeader, load_style, save_style
from allaprima.models.transformer import TransformerNetwork
from tests.infer.conftest import header

FILES = ("onnx_file", "openvino_file", "pt2_file")


def pictures(count: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def floats(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


@lru_cache
def loaded(path: Path) -> Engine:
    return load_engine(path, device="cpu")


@pytest.fixture(scope="module")
def eager(small_style: Path) -> Engine:
    return load_engine(small_style, engine="eager", device="cpu")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("size", [(1, 16, 16), (2, 33, 50), (3, 19, 64)])
def test_exported_file_paints_as_eager(
    name: str, size: tuple[int, int, int], eager: Engine, request: pytest.FixtureRequest
) -> None:
    engine = loaded(request.getfixturevalue(name))
    images = pictures(*size)
    before = images.copy()
    result, expected = engine(images), eager(images)
    assert (result.shape, result.dtype) == (images.shape, images.dtype)
    assert abs(result.astype(int) - expected).max() <= 1
    assert (result != expected).mean() < 0.01
    result, expected = engine(floats(images)), eager(floats(images))
    assert result.shape == (size[0], 3, *size[1:])
    assert result.dtype == np.float32
    assert abs(result - expected).max() < 1e-4
    assert (images == before).all()


@pytest.mark.parametrize("name", ["small_style", *FILES])
def test_threads_may_share_an_engine(name: str, request: pytest.FixtureRequest) -> None:
    engine = load_engine(request.getfixturevalue(name), device="cpu")
    batches = [np.roll(pictures(1, 96, 96), 7 * number, axis=2) for number in range(12)]
    expected = [engine(batch) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        for alone, shared in zip(expected, pool.map(engine, batches), strict=True):
            np.testing.assert_array_equal(shared, alone)


def test_eager_paints_as_the_network(small_style: Path, eager: Engine) -> None:
    images = floats(pictures(2, 21, 34))
    with torch.inference_mode():
        expected = load_style(small_style).network(torch.from_numpy(images)).numpy()
    assert abs(eager(images) - expected).max() < 1e-5


@pytest.mark.slow
@pytest.mark.timeout(1200)  # minutes where a core is shared
def test_compiled_paints_as_eager(small_style: Path, eager: Engine) -> None:
    engine = load_engine(small_style, engine="compiled", device="cpu")
    for size in ((1, 16, 16), (2, 33, 50), (1, 40, 64)):
        images = pictures(*size)
        assert abs(engine(images).astype(int) - eager(images)).max() <= 1


def test_stream_is_in_order_and_of_any_size(small_style: Path, eager: Engine) -> None:
    assert isinstance(eager, EagerEngine)
    batches: list[NDArray[Any]] = [
        pictures(1, 16, 20),
        pictures(2, 33, 18),
        floats(pictures(1, 20, 16)),
        pictures(1, 40, 40),
    ]
    results = list(eager.stream(iter(batches)))
    assert [len(stylized) for stylized in results] == [1, 2, 1, 1]
    for stylized, content_images in zip(results, batches, strict=True):
        assert (stylized == eager(content_images)).all()
    stream = eager.stream([pictures(1, 16, 16), pictures(1, 8, 8)])
    assert next(stream).shape == (1, 16, 16, 3)
    with pytest.raises(ValueError, match="smallest that works"):
        next(stream)


def engine_compiled_by(backend: Any, style: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Return the engine `compiled` with something else in Inductor's place, and nothing compiled yet."""
    torch.compiler.reset()
    compile_with: Any = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda function, **options: compile_with(function, backend=backend, dynamic=True)
    )
    return load_engine(style, engine="compiled", device="cpu")


def test_one_compilation_serves_all_sizes(small_style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = CompileCounterWithBackend("eager")
    engine = engine_compiled_by(counter, small_style, monkeypatch)
    for size in ((1, 32, 32), (1, 32, 48), (2, 32, 48), (3, 33, 50), (1, 40, 63)):
        engine(pictures(*size))
    # torch 2.11 compiles for one picture and for more: its choice of a convolution asks how many there are.
    each = 1 if TorchVersion(torch.__version__) >= "2.14" else 2
    assert counter.frame_count == each
    for size in ((1, 32, 32), (2, 33, 50), (1, 40, 63)):
        engine(floats(pictures(*size)))
    assert counter.frame_count == 2 * each


def test_compiler_knows_that_sizes_stay(small_style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is painted has the symbols for its size that the picture has; torch 2.11 needs them on CUDA."""
    sizes: list[tuple[str, ...]] = []

    def look(graph: torch.fx.GraphModule, inputs: list[Any]) -> Any:
        (picture,) = graph.graph.find_nodes(op="placeholder", target="L_content_image_")
        outputs: Any = graph.graph.output_node().args
        ((painted,),) = outputs
        sizes.extend(tuple(map(str, node.meta["example_value"].shape)) for node in (picture, painted))
        return graph.forward

    engine = engine_compiled_by(look, small_style, monkeypatch)
    images = pictures(1, 33, 50)
    for content_images in (images, floats(images)):
        assert engine(content_images).shape == content_images.shape
        assert sizes[-2] == sizes[-1]
        assert not any(size.isdigit() for size in sizes[-1][-2:-1])
    assert len(sizes) == 4


def test_numbers_are_compiled_in(small_style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As inputs they are copied to CUDA with each picture, outside its graph."""
    numbers: list[Any] = []

    def look(graph: torch.fx.GraphModule, inputs: list[Any]) -> Any:
        assert any(isinstance(given, torch.SymInt) for given in inputs)
        numbers.extend(given for given in inputs if isinstance(given, torch.Tensor) and not given.ndim)
        return graph.forward

    engine = engine_compiled_by(look, small_style, monkeypatch)
    for content_images in (pictures(1, 33, 50), floats(pictures(1, 33, 50))):
        assert engine(content_images).shape == content_images.shape
    assert not numbers


def test_what_the_compiler_cannot_do_is_said_with_a_way_out(
    small_style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(graph: torch.fx.GraphModule, inputs: list[Any]) -> Any:
        raise AssertionError("no such kernel")

    engine = engine_compiled_by(fail, small_style, monkeypatch)
    with pytest.raises(
        ValueError, match=r"cannot compile the network for cpu .*no such kernel.*--engine eager"
    ):
        engine(pictures(1, 33, 50))


@pytest.mark.gpu
@pytest.mark.parametrize("engine", ["eager", "compiled"])
@pytest.mark.parametrize(("precision", "levels"), [("float32", 4), ("float16", 12)])
def test_cuda_paints_as_the_cpu_and_streams(
    engine: Literal["eager", "compiled"],
    precision: Literal["float32", "float16"],
    levels: int,
    small_style: Path,
    eager: Engine,
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    on_cuda = load_engine(small_style, engine=engine, device="cuda", precision=precision)
    batches = [pictures(1, 24 + 8 * index, 40) for index in range(5)]
    for stylized, content_images in zip(on_cuda.stream(batches), batches, strict=True):
        assert abs(stylized.astype(int) - on_cuda(content_images)).max() <= 1
        assert abs(stylized.astype(int) - eager(content_images)).max() <= levels
    stylized = on_cuda(floats(batches[0]))
    assert abs(stylized - eager(floats(batches[0]))).max() < levels / 255
    stream = on_cuda.stream([*batches[:2], pictures(1, 8, 8)])
    assert len([next(stream), next(stream)]) == 2
    with pytest.raises(ValueError, match="smallest that works"):
        next(stream)


def test_static_graph_of_bytes(static_bytes_onnx_file: Path) -> None:
    engine = load_engine(static_bytes_onnx_file)
    images = pictures(3, 24, 32)  # and the graph takes one at a time
    assert (engine(images) == images).all()
    assert abs(engine(floats(images)) - floats(images)).max() < 1e-6
    message = "takes pictures of 32x24 pixels only, and this one has 33x24; resize it, or export .*--static"
    with pytest.raises(ValueError, match=message):
        engine(pictures(1, 24, 33))


@pytest.mark.parametrize("name", ["small_style", *FILES])
def test_stylizer_runs_on_each(name: str, request: pytest.FixtureRequest) -> None:
    stylizer = Stylizer(loaded(request.getfixturevalue(name)), max_side=40)
    rgb = pictures(1, 30, 50)[0]
    assert stylizer(rgb).shape == rgb.shape
    tensor = torch.rand(2, 3, 20, 24, dtype=torch.float64)
    assert (stylizer(tensor).shape, stylizer(tensor).dtype) == (tensor.shape, tensor.dtype)


@pytest.mark.parametrize("name", ["small_style", *FILES])
def test_unusable_pictures_are_explained(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = loaded(request.getfixturevalue(name))
    with pytest.raises(ValueError, match="40x15 pixels; the smallest that works is 16x16"):
        engine(pictures(1, 15, 40))
    with pytest.raises(
        ValueError, match=r"float64 \(1, 3, 16, 16\); expected uint8 \(B, H, W, 3\) or float32"
    ):
        engine(np.zeros((1, 3, 16, 16)))
    monkeypatch.setattr(memory, "free_memory", lambda: 10_000_000)
    with pytest.raises(PictureTooLargeError, match=r"900x600 needs about .* would fit: --max-side"):
        engine(pictures(1, 600, 900))


@pytest.mark.parametrize("name", ["onnx_file", "openvino_file"])
def test_memory_that_a_runtime_keeps_is_for_its_next_picture(
    name: str, request: pytest.FixtureRequest
) -> None:
    engine = load_engine(request.getfixturevalue(name), device="cpu")
    engine(pictures(1, 100, 200))
    engine.limit_memory(lambda free: 0)
    assert engine(pictures(1, 100, 200)).shape == (1, 100, 200, 3)
    with pytest.raises(PictureTooLargeError, match="220x100 needs about"):
        engine(pictures(1, 100, 220))


@pytest.mark.parametrize("name", FILES)
def test_runtime_out_of_memory_is_explained(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: Any = loaded(request.getfixturevalue(name))

    def run(images: NDArray[Any]) -> NDArray[Any]:
        raise RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer")

    monkeypatch.setattr(engine, "_run", run)
    with pytest.raises(PictureTooLargeError, match="200x100 needs about"):
        engine(pictures(1, 100, 200))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["cut", "foreign", "empty"])
def test_broken_file_is_named(name: str, damage: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    source: Path = request.getfixturevalue(name)
    broken = tmp_path / source.name
    content = source.read_bytes()
    broken.write_bytes({"cut": content[: len(content) // 2], "foreign": b"a text" * 50, "empty": b""}[damage])
    if source.suffix == ".xml":
        shutil.copy(source.with_suffix(".bin"), broken.with_suffix(".bin"))
    with pytest.raises(ValueError, match=f"'{broken}' is (cut short, )?damaged"):
        load_engine(broken, device="cpu")


def test_openvino_without_its_weights(openvino_file: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copy(openvino_file, tmp_path))
    with pytest.raises(FileNotFoundError, match=r"needs its weights beside it: .*small.bin"):
        load_engine(alone)
    with pytest.raises(ValueError, match=r"only the weights of an OpenVINO model; give '.*small.xml'"):
        load_engine(openvino_file.with_suffix(".bin"))
    content = openvino_file.with_suffix(".bin").read_bytes()
    alone.with_suffix(".bin").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"small.xml' is cut short"):
        load_engine(alone)


def test_model_of_somebody_else(onnx_file: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(onnx_file)
    for metadata, message in (
        ("", "not one made by allaprima export"),
        ("{", "header that cannot be read"),
    ):
        del model.metadata_props[:]
        model.metadata_props.add(key="allaprima", value=metadata)
        onnx.save(model, tmp_path / "other.onnx")
        with pytest.raises(ValueError, match=message):
            load_engine(tmp_path / "other.onnx")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("small_style", {"engine": "onnx", "precision": "bfloat16"}, "no bfloat16 convolutions on CPUs"),
        ("onnx_file", {"engine": "compiled"}, "runs on engine onnx, not on 'compiled'"),
        ("onnx_file", {"device": "tpu"}, "device 'tpu' is not available to ONNX Runtime here; it has: cpu"),
        ("onnx_file", {"precision": "bfloat16"}, "exported in float32, not bfloat16"),
        ("openvino_file", {"device": "tpu"}, "device 'tpu' is not available to OpenVINO here; it has: cpu"),
        ("pt2_file", {"device": "tpu"}, "device 'tpu' is not available; this machine has: cpu"),
    ],
)
def test_what_does_not_fit_is_explained(
    name: str, options: dict[str, Any], message: str, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(ValueError, match=message):
        load_engine(request.getfixturevalue(name), **options)


def test_a_wrong_precision_is_refused_before_the_model_is_loaded(
    onnx_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnnxEngine, "_load", lambda *_: pytest.fail("loaded"))
    with pytest.raises(ValueError, match="exported in float32, not float16"):
        OnnxEngine(onnx_file, precision="float16")


@pytest.mark.parametrize(("name", "module"), [("onnx_file", "onnxruntime"), ("openvino_file", "openvino")])
def test_missing_extra_is_named(
    name: str, module: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = request.getfixturevalue(name)
    monkeypatch.setitem(sys.modules, module, None)
    extra = name.removesuffix("_file")
    with pytest.raises(
        ValueError, match=rf"needs {module}, which is not .*pip install 'allaprima\[{extra}\]'"
    ):
        load_engine(path)


def test_no_compiler_is_told(small_style: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="'compiled' needs a C"):
        load_engine(small_style, engine="compiled", device="cpu")


def test_auto_is_what_the_machine_is_fast_at(
    small_style: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("openvino")
    assert isinstance(load_engine(small_style, device="cpu"), EagerEngine)
    asked: list[Any] = []

    def convert(*arguments: Any) -> None:
        asked.extend(arguments)
        raise ValueError("not here")

    monkeypatch.setattr(openvino_speedups, "is_installed", lambda: True)
    monkeypatch.setattr("allaprima.infer.engines.openvino.computes_bfloat16", lambda: True)
    monkeypatch.setattr(conversion_cache, "converted", convert)
    assert isinstance(load_engine(small_style, device="cpu", precision="float32"), EagerEngine)
    assert asked == []
    assert isinstance(load_engine(small_style, device="cpu"), EagerEngine)
    assert asked == [small_style, ENGINES["openvino"], Request("openvino", "bfloat16", uint8=True)]
    assert "using engine 'eager', since 'openvino' is not to be had: not here" in caplog.text
    with pytest.raises(ValueError, match="not here"):
        load_engine(small_style, engine="openvino", device="cpu")


@pytest.mark.parametrize(
    ("network", "bfloat16", "precision", "expected"),
    [
        ("paper", True, "auto", "bfloat16"),
        ("paper", True, "float32", None),
        ("paper", False, "auto", None),
        ("fast", True, "auto", "bfloat16"),
        ("fast", False, "auto", "float32"),
        ("tiny", True, "auto", "float32"),
        ("tiny", True, "float32", "float32"),
        ("tiny", False, "bfloat16", None),
        ("tiny", True, "float16", None),
    ],
)
def test_auto_chooses_by_network_and_arithmetic(
    network: NetworkName,
    bfloat16: bool,
    precision: Any,
    expected: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = NETWORKS[network].model_copy(update={"residual_blocks": 1})
    style = tmp_path / "a.safetensors"
    painter = TransformerNetwork(**parts.model_dump())
    save_style(style, painter, StyleHeader(style_name="a", style_sha256=""))
    assert openvino_speedups.openvino_precision(style, precision) is None  # it is not installed
    monkeypatch.setattr(openvino_speedups, "is_installed", lambda: True)
    monkeypatch.setattr("allaprima.infer.engines.openvino.computes_bfloat16", lambda: bfloat16)
    assert openvino_speedups.openvino_precision(style, precision) == expected


@pytest.mark.parametrize(("able", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_openvino_by_name_computes_in_bfloat16_where_it_can(
    able: bool, precision: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr("allaprima.infer.engines.openvino.computes_bfloat16", lambda: able)
    assert ENGINES["openvino"].conversion is not None
    conversion = resolve(ENGINES["openvino"].conversion)
    assert conversion("cpu", "auto") == Request("openvino", precision, uint8=True)
    assert conversion("cpu", "float32") == Request("openvino", "float32", uint8=True)


def test_openvino_keeps_no_more_than_it_needs(openvino_file: Path) -> None:
    """Memory levels out over many sizes; the files' own growth is measured, in a process of its own."""
    program = f"""
import numpy as np, psutil
from pathlib import Path
from allaprima.infer.engines import load_engine
engine = load_engine(Path({str(openvino_file)!r}))
grown = []
for number in range(600):
    height, width = 32 + number % 24, 32 + number // 24
    engine(np.full((1, height, width, 3), number % 255, np.uint8))
    if number in (199, 399, 599):
        grown.append(psutil.Process().memory_info().rss)
print(grown[1] - grown[0], grown[2] - grown[1])
"""
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": root}, capture_output=True, text=True, check=True
    )
    assert max(map(int, done.stdout.split())) < 8_000_000


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small style of the kind that is made for speed, and a cache with its conversions."""
    for module in ("onnxscript", "onnxruntime", "openvino"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("converted")
    style, cache = folder / "fast.safetensors", folder / "cache"
    parts = NETWORKS["fast"].model_copy(update={"width": 4, "residual_blocks": 0})
    torch.manual_seed(0)
    network = TransformerNetwork(**parts.model_dump())
    save_style(style, network, StyleHeader(style_name="fast", style_sha256=""))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("ALLAPRIMA_CACHE", str(cache))
        load_engine(style, engine="onnx", device="cpu")
        load_engine(style, engine="openvino", device="cpu")
    return style, cache


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_style_files_are_converted_once(
    runtime: Any,
    converted: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    style, cache = converted
    shutil.copytree(cache, tmp_path / "cache")
    monkeypatch.setenv("ALLAPRIMA_CACHE", str(tmp_path / "cache"))
    eager = load_engine(style, engine="eager", device="cpu")
    engine = load_engine(style, engine=runtime, device="cpu")
    assert type(engine).__module__ == f"allaprima.infer.engines.{runtime}"
    assert "converting" not in caplog.text
    for size in ((1, 16, 16), (2, 33, 50), (3, 19, 64)):
        images = pictures(*size)
        assert abs(engine(images).astype(int) - eager(images)).max() <= 1
        assert abs(engine(floats(images)) - eager(floats(images))).max() < 1 / 255  # it works on bytes
    (file,) = (tmp_path / "cache" / "engines").glob("*/*.onnx" if runtime == "onnx" else "*/*.xml")
    whole, files = file.read_bytes(), FORMATS[runtime].files(file)
    file.write_bytes(whole[:100])
    assert not conversion_cache._is_whole(files)
    file.write_bytes(whole)
    assert conversion_cache._is_whole(files)
    weights = files[-1]
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 0x40  # an exponent or so: the header and all sizes are as they were
    weights.write_bytes(data)
    assert abs(load_engine(style, engine=runtime)(images).astype(int) - eager(images)).max() <= 1
    assert caplog.text.count("converting") == 1  # a damaged file is made again


@pytest.mark.parametrize("name", ["a.xml", "a.bin", "sha256"])
def test_a_pipe_in_place_of_a_conversion_is_not_waited_for(
    name: str, openvino_file: Path, tmp_path: Path
) -> None:
    files = [tmp_path / "a.xml", tmp_path / "a.bin"]
    for file in files:
        shutil.copy(openvino_file.with_suffix(file.suffix), file)
    (tmp_path / "sha256").write_text(sha256_of(*files))
    assert conversion_cache._is_whole(files)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    assert not conversion_cache._is_whole(files)


@pytest.mark.parametrize("name", ["a.bin", "sha256"])
def test_a_conversion_with_holes_fills_no_memory(name: str, openvino_file: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.xml", tmp_path / "a.bin"]
    for file in files:
        shutil.copy(openvino_file.with_suffix(file.suffix), file)
    (tmp_path / "sha256").write_text(sha256_of(*files))
    os.truncate(tmp_path / name, 1 << 28)
    tracemalloc.start()
    try:
        assert not conversion_cache._is_whole(files)
        assert tracemalloc.get_traced_memory()[1] < 1 << 25
    finally:
        tracemalloc.stop()


def test_conversions_used_long_ago_are_forgotten(
    converted: tuple[Path, Path], small_style: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    style, cache = converted
    shutil.copytree(cache, tmp_path / "cache")
    monkeypatch.setenv("ALLAPRIMA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(conversion_cache, "KEPT", 2)
    folder = tmp_path / "cache" / "engines"
    assert sorted(path.suffix for path in folder.glob("fast-*/fast-*.*")) == [".bin", ".onnx", ".xml"]
    for name in ("mine.onnx", "mine.xml", "mine.pt2"):
        (folder / name).write_text("somebody's own")
    for age, path in enumerate(folder.iterdir()):
        os.utime(path, (age, age))
    load_engine(style, engine="onnx", device="cpu")  # was used last now
    load_engine(small_style, engine="onnx", device="cpu")
    assert sorted(path.suffix for path in folder.glob("*/*.*")) == [".onnx", ".onnx"]
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 2
    assert len([path for path in folder.iterdir() if path.is_file()]) == 3


@pytest.mark.parametrize(("engine", "module"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_absent_device_is_told_before_a_conversion(
    engine: Any, module: str, small_style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(module)
    monkeypatch.setattr(conversion_cache, "converted", lambda *arguments: pytest.fail("converted"))
    with pytest.raises(ValueError, match="device 'tpu' is not available to"):
        load_engine(small_style, engine=engine, device="tpu")


def test_signals_are_survived_after_openvino(openvino_file: Path) -> None:
    """Engines that come and go leave no freed stack for signals behind."""
    program = f"""
import os, signal
from pathlib import Path
from allaprima.infer.engines import load_engine
first = load_engine(Path({str(openvino_file)!r}))
second = load_engine(Path({str(openvino_file)!r}))
del first
del second
signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background ignores it
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("survived")
"""
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": root}, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("survived\n", "", 0)


@pytest.fixture(scope="module")
def machine_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that halves its pictures; a network takes minutes to compile."""
    if not shutil.which("g++"):
        pytest.skip("needs a C++ compiler")

    class Halve(torch.nn.Module):
        def forward(self, content_image: torch.Tensor) -> torch.Tensor:
            return content_image * 0.5

    anything = torch.export.Dim.DYNAMIC
    sizes = ({0: anything, 2: anything, 3: anything},)
    halve = torch.export.export(Halve(), (torch.rand(2, 3, 24, 32),), dynamic_shapes=sizes)
    path = tmp_path_factory.mktemp("aoti") / "small.aoti.pt2"
    metadata = {"aot_inductor.metadata": {"allaprima": header()}}
    torch._inductor.aoti_compile_and_package(halve, package_path=str(path), inductor_configs=metadata)
    return path


@pytest.mark.slow
def test_machine_code_runs(machine_code: Path) -> None:
    images = floats(pictures(3, 17, 40))
    with pytest.raises(ValueError, match=r"is machine code, .* --trust \(trust=True\)"):
        load_engine(machine_code)
    assert np.allclose(load_engine(machine_code, trust=True)(images), images / 2)
    engine = load_engine(machine_code, engine="aoti", device="cpu", trust=True)
    assert np.allclose(engine(images[:1]), images[:1] / 2)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # minutes where a core is shared
def test_style_file_as_machine_code(
    small_style: Path, eager: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLAPRIMA_CACHE", str(tmp_path))
    engine = load_engine(small_style, engine="aoti", device="cpu")
    for size in ((1, 16, 16), (2, 33, 50)):
        images = pictures(*size)
        assert abs(engine(images).astype(int) - eager(images)).max() <= 1


def test_machine_code_in_the_cache_of_another_user_does_not_run(
    small_style: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLAPRIMA_CACHE", str(tmp_path))
    request = Request("aoti", "float32", uint8=True)
    name = f"{small_style.stem}-{conversion_cache._key(small_style, ENGINES['aoti'], request)}"
    path = tmp_path / "engines" / name / f"{name}.aoti.pt2"
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(ValueError, match="is another user's, and machine code: set ALLAPRIMA_CACHE"):
        load_engine(small_style, engine="aoti", device="cpu")


@pytest.mark.slow
def test_broken_machine_code_is_named(machine_code: Path, tmp_path: Path) -> None:
    broken = tmp_path / machine_code.name
    content = machine_code.read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is cut short"):
        load_engine(broken)


@pytest.mark.parametrize("converted_before", [False, True])
def test_onnx_needs_no_torch(
    converted_before: bool,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """In a process where importing torch, or what comes with it, fails."""
    if converted_before:
        file, cache = request.getfixturevalue("converted")
    else:
        file, cache = request.getfixturevalue("onnx_file"), tmp_path
    program = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "lightning", "safetensors", "onnx", "datasets"):
            raise ModuleNotFoundError(f"No module named {{name!r}}")

sys.meta_path.insert(0, Absent())
import numpy as np
from allaprima.infer import Stylizer
painted = Stylizer.load({str(file)!r}, engine="onnx")(np.zeros((20, 33, 3), np.uint8))
assert painted.shape == (20, 33, 3)
options = ["--engine", "onnx", "-o", "out.jpg", "--max-side", "40"]
sys.argv = ["allaprima", "stylize", {str(file)!r}, "photo.png", *options]
from allaprima.__main__ import main
main()
"""
    from PIL import Image

    Image.fromarray(pictures(1, 40, 60)[0]).save(tmp_path / "photo.png")
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": root, "ALLAPRIMA_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("1 picture stylised\n", "", 0)
    with Image.open(tmp_path / "out.jpg") as painting:
        assert painting.size == (60, 40)
