"""The setting for products of float32 matrices is changed for trainings on a GPU alone, and given back."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from allaprima.train.loop.tensor_cores import TensorCores


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(
    ("device", "precision", "within"),
    [
        ("cuda", "bf16-mixed", "high"),
        ("cuda", "16-mixed", "high"),
        ("cuda", "32-true", "highest"),
        ("cpu", "bf16-mixed", "highest"),
    ],
)
@pytest.mark.parametrize("fails", [False, True])
def test_only_where_it_loses_nothing(device: str, precision: str, within: str, *, fails: bool) -> None:
    trainer: Any = SimpleNamespace(
        strategy=SimpleNamespace(root_device=torch.device(device)), precision=precision
    )
    module: Any = None
    callback = TensorCores()
    callback.setup(trainer, module, "fit")
    assert torch.get_float32_matmul_precision() == within
    if fails:
        callback.on_exception(trainer, module, RuntimeError())
    else:
        callback.teardown(trainer, module, "fit")
    assert torch.get_float32_matmul_precision() == "highest"
