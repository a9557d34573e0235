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
from allaprima.infer.export.header import read_export_header
from tests.conftest import Run

WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
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
    with pytest.raises(ValueError, match=r"evil\.pt2.*(is pickled|has constants|is not on the list)"):
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
        (CONSTANTS, b"{}", "has constants"),
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


def test_huge_networks_of_headers_take_no_memory(pt2_file: Path, tmp_path: Path) -> None:
    content = members(pt2_file)
    for part in ({"width": 10**9}, {"residual_blocks": 10**9}, {"width": 10**15}):
        header = json.loads(content["extra/allaprima.json"])
        header["network"].update(part)
        path = write(tmp_path / "huge.pt2", {**content, "extra/allaprima.json": json.dumps(header).encode()})
        with pytest.raises(ValueError, match="huge"):
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
    write(path, {"data/aotinductor/model/x_metadata.json": json.dumps(metadata).encode()})
    code, _, err = run("stylize", path, photographs, "-o", tmp_path / "out")
    assert code == 2
    assert "is machine code, which can do on this machine whatever you can: run it with --trust" in err
    with pytest.raises(ValueError, match="is machine code"):
        next(iter(measure(Plan(small_style, [path]))))
    with pytest.raises(ValueError, match="is damaged, or not a model that this machine can run"):
        load_engine(path, trust=True)
    assert run("info", path)[0] == 0
