import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from allaprima.models.loss_description import LossDescription
from allaprima.models.network_presets import NetworkName
from allaprima.models.style_file import StyleHeader, load_style, read_header, save_style
from allaprima.models.transformer import TransformerNetwork
from tests.conftest import largest_file, small_network

HEADER = StyleHeader(
    style_name="wave.jpg", style_sha256="00", steps=7, validation={"total": 1.5}, licence="CC0-1.0"
)


@pytest.fixture
def network() -> TransformerNetwork:
    torch.manual_seed(0)
    return TransformerNetwork(width=4, residual_blocks=2)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 2e-3), ("float32", 0.0)])
def test_round_trip(tmp_path: Path, network: TransformerNetwork, dtype: str, tolerance: float) -> None:
    path = tmp_path / "wave.safetensors"
    save_style(path, network, HEADER.model_copy(update={"dtype": dtype}))
    style = load_style(path)
    assert style.header.network.width == 4
    assert style.header.network.residual_blocks == 2
    assert style.header.steps == 7
    assert style.header.licence == "CC0-1.0"
    assert not style.network.training
    assert not any(p.requires_grad for p in style.network.parameters())
    assert {t.dtype for t in load_file(path).values()} == {getattr(torch, dtype)}
    image = torch.rand(1, 3, 20, 24)
    torch.testing.assert_close(style.network(image), network.eval()(image), atol=tolerance, rtol=0)


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    save_style(tmp_path / "paper.safetensors", TransformerNetwork(), HEADER)
    assert (tmp_path / "paper.safetensors").stat().st_size < 3_400_000


def test_failed_write_leaves_the_earlier_file(tmp_path: Path, network: TransformerNetwork) -> None:
    path = tmp_path / "wave.safetensors"
    save_style(path, network, HEADER)
    before = path.read_bytes()

    with largest_file(len(before) - 1), pytest.raises(OSError, match="too large"):
        save_style(path, network, HEADER)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_truncated_file_is_refused(tmp_path: Path, network: TransformerNetwork) -> None:
    path = tmp_path / "wave.safetensors"
    save_style(path, network, HEADER)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="not a style file, or it is damaged"):
        load_style(path)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not a style file made by allaprima train"):
        read_header(tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ValueError, match="not a style file"):
        read_header(tmp_path / "text.safetensors")
    with pytest.raises(FileNotFoundError, match=r"style file .* does not exist"):
        read_header(tmp_path / "missing.safetensors")


def test_newer_format_asks_for_an_update(tmp_path: Path) -> None:
    header = {**HEADER.model_dump(), "format_version": 99}
    save_file({"x": torch.zeros(1)}, tmp_path / "new.safetensors", metadata={"allaprima": json.dumps(header)})
    with pytest.raises(ValueError, match=r"has format 99.*update allaprima"):
        load_style(tmp_path / "new.safetensors")


NESTED = '{"style_name": "a", "style_sha256": "", "loss": {"a": %s}}'
ODD = (NESTED % ("[" * 500 + "]" * 500), NESTED % ("[" * 50_000), NESTED % ("9" * 5000), NESTED % "NaN")
MORE = (
    NESTED % "1e999",
    NESTED % f'"{"a" * (1 << 20)}"',
    '{"style_name": "", "style_sha256": "", "steps": 1.5}',
    '{"style_name": "", "style_sha256": "", "format_version": "99"}',
    '{"style_name": "", "style_sha256": "", "format_version": true}',
    '{"style_name": "", "style_sha256": "", "steps": "%s"}' % ("9" * 4000),
)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"style_name": 3}', *ODD, *MORE], ids=len)
def test_unreadable_header_is_refused(tmp_path: Path, text: str) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "odd.safetensors", metadata={"allaprima": text})
    with pytest.raises(ValueError, match="header that cannot be read"):
        read_header(tmp_path / "odd.safetensors")


def test_a_picture_given_as_a_style_is_called_one(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "webp"):
        Image.new("RGB", (20, 20)).save(tmp_path / f"a.{suffix}")
        with pytest.raises(ValueError, match="it is a picture, and a style file is what training makes"):
            read_header(tmp_path / f"a.{suffix}")
    with pytest.raises(FileNotFoundError, match="style file '/dev/null' is no file, but a pipe or a device"):
        read_header("/dev/null")


def test_huge_headers_are_not_read(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "a.safetensors", metadata={"b": "c" * (1 << 22)})
    with pytest.raises(ValueError, match=r"its header has 4194\d+ bytes, more than 4194304"):
        read_header(tmp_path / "a.safetensors")


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.uint8])
def test_weights_that_are_no_fractions_are_refused(
    tmp_path: Path, network: TransformerNetwork, dtype: torch.dtype
) -> None:
    path = tmp_path / "wave.safetensors"
    save_style(path, network, HEADER)
    tensors = {**load_file(path), "decoder.2.bias": torch.zeros(3, dtype=dtype)}
    save_file(tensors, path, metadata={"allaprima": read_header(path).model_dump_json()})
    with pytest.raises(ValueError, match=rf"decoder\.2\.bias is {dtype}"):
        load_style(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_that_are_not_finite_are_refused(
    tmp_path: Path, network: TransformerNetwork, value: float
) -> None:
    path = tmp_path / "wave.safetensors"
    save_style(path, network, HEADER)
    tensors = {**load_file(path), "decoder.2.bias": torch.tensor([0, value, 0], dtype=torch.float64)}
    save_file(tensors, path, metadata={"allaprima": read_header(path).model_dump_json()})
    with pytest.raises(ValueError, match=r"decoder\.2\.bias is not finite"):
        load_style(path)


def test_weights_that_overflow_are_refused(tmp_path: Path, network: TransformerNetwork) -> None:
    """Sums of them have no value, and a picture of those was black."""
    path = tmp_path / "wave.safetensors"
    header = HEADER.model_copy(update={"dtype": "float32"})
    for value in (65504.0, -65504.0, 3e38):
        for parameter in network.parameters():
            torch.nn.init.constant_(parameter, value)
        save_style(path, network, header)
        if value < 1e6:
            assert load_style(path).network(torch.rand(1, 3, 20, 24)).isfinite().all()
    with pytest.raises(ValueError, match=r"decoder\.0\.conv\.0\.bias has numbers beyond 65504"):
        load_style(path)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("kind", "size"), [("C64", 24), ("I64", 24), ("BOOL", 3), ("F8_E8M0", 3), ("F7", 3)])
def test_other_weights_than_floats_are_refused_without_a_warning(
    kind: str, size: int, tmp_path: Path, network: TransformerNetwork
) -> None:
    """Written by hand: older versions of safetensors know fewer types."""
    path = tmp_path / "wave.safetensors"
    save_style(path, network, HEADER)
    data = b""
    table: dict[str, Any] = {"__metadata__": {"allaprima": read_header(path).model_dump_json()}}
    for name, tensor in load_file(path).items():
        odd = name == "decoder.2.bias"
        content = bytes(size) if odd else tensor.float().numpy().tobytes()
        offsets = [len(data), len(data) + len(content)]
        table[name] = {"dtype": kind if odd else "F32", "shape": [*tensor.shape], "data_offsets": offsets}
        data += content
    header = json.dumps(table).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    said = r"decoder\.2\.bias is torch\.|weights of the type 'F8_E8M0'|not a style file, or it is damaged"
    with pytest.raises(ValueError, match=said):
        load_style(path)


def test_headers_are_utf_8(tmp_path: Path, network: TransformerNetwork) -> None:
    path = tmp_path / "wave.safetensors"
    save_style(path, network, HEADER)
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    table = content[8 : 8 + size].decode().encode("utf-16")
    path.write_bytes(len(table).to_bytes(8, "little") + table + content[8 + size :])
    with pytest.raises(ValueError, match="not a style file, or it is damaged"):
        read_header(path)


def test_every_header_can_be_stored(tmp_path: Path, network: TransformerNetwork) -> None:
    """Names of pictures need not be text, and a figure need not have a value."""
    name = os.fsdecode(b"caf\xe9.jpg")
    header = StyleHeader(
        style_name=name,
        style_sha256="",
        command=f"allaprima train --style {name}",
        loss=LossDescription.model_validate({name: [name]}),
        quality={"a": float("nan"), "b": 1.0},
    )
    save_style(tmp_path / "a.safetensors", network, header)
    stored = read_header(tmp_path / "a.safetensors")
    assert stored.style_name == r"caf\udce9.jpg"
    assert stored.quality == {"b": 1.0}


def test_mismatch_is_explained(tmp_path: Path, network: TransformerNetwork) -> None:
    path = tmp_path / "wave.safetensors"
    save_style(path, network, HEADER)
    tensors = load_file(path)
    removed = tensors.pop("decoder.2.bias")
    tensors["stray"] = removed
    tensors["decoder.2.weight"] = torch.zeros(1)
    save_file(tensors, path, metadata={"allaprima": read_header(path).model_dump_json()})
    with pytest.raises(
        ValueError, match=r"decoder.2.bias is missing; stray is unexpected; decoder.2.weight is \(1,\)"
    ):
        load_style(path)


@pytest.mark.parametrize("shape", [[1 << 33], [1]])
def test_holes_of_any_size_are_not_read(
    shape: list[int], tmp_path: Path, network: TransformerNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a few KB on disk that says it has 8 GB: a hole in the place of one more tensor."""
    path = tmp_path / "wave.safetensors"
    save_style(path, network, HEADER)
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    table = json.loads(content[8 : 8 + size])
    end = len(content) - 8 - size
    table["x"] = {"dtype": "U8", "shape": shape, "data_offsets": [end, end + (1 << 33)]}
    header = json.dumps(table).encode()
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header + content[8 + size :])
        file.truncate(8 + len(header) + end + (1 << 33))
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("read whole"))
    with pytest.raises(ValueError, match="x is unexpected" if shape != [1] else "x has 8589934592 bytes"):
        load_style(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"width": 100_000},
        {"width": 10**12},
        {"width": 10**30},
        {"residual_blocks": 10**9},
        {"width": 5},
        {"residual_blocks": 0},
    ],
)
def test_header_of_another_network_is_explained_before_it_is_built(
    tmp_path: Path, network: TransformerNetwork, settings: dict[str, int]
) -> None:
    path = tmp_path / "wave.safetensors"
    save_style(path, network, HEADER)
    header = read_header(path).model_dump()
    header["network"] |= settings
    save_file(load_file(path), path, metadata={"allaprima": json.dumps(header)})
    with pytest.raises(ValueError, match=r"does not fit its own header|cannot be read"):
        load_style(path)


@pytest.mark.parametrize(("name", "version"), [("paper", 3), ("fast", 3), ("tiny", 3)])
def test_older_programs_are_told_what_they_cannot_read(
    name: NetworkName, version: int, tmp_path: Path
) -> None:
    network = small_network(name)
    save_style(tmp_path / "a.safetensors", network, HEADER.model_copy(update={"dtype": "float32"}))
    style = load_style(tmp_path / "a.safetensors")
    assert (style.header.format_version, style.header.network) == (version, network.settings)
    picture = torch.rand(1, 3, 24, 40)
    with torch.no_grad():
        assert torch.equal(style.network(picture), network(picture))
