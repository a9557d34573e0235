"""What TensorBoard shows of a run."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from allaprima.train.loop.tensorboard_metrics import ImageRate


def test_the_rate_of_a_resumed_run_counts_its_own_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 102.0, 107.0])
    monkeypatch.setattr(
        "allaprima.train.loop.tensorboard_metrics.time", SimpleNamespace(monotonic=lambda: next(clock))
    )
    logged: list[float] = []
    trainer: Any = SimpleNamespace(global_step=19, world_size=2)
    module: Any = SimpleNamespace(log=lambda _name, value: logged.append(value))
    rate = ImageRate(every=10)
    rate.on_train_start(trainer, module)
    for step in range(20, 31):
        trainer.global_step = step
        rate.on_train_batch_end(trainer, module, None, torch.zeros(4, 3, 8, 8), step)
    assert logged == [1 * 4 * 2 / 2.0, 10 * 4 * 2 / 5.0]
