"""What checkpoints of earlier versions hold is still found in them."""

from datetime import timedelta
from pathlib import Path

from lightning.pytorch.callbacks import ModelCheckpoint

from allaprima.train.loop.checkpoints.same_inputs import SameInputs
from allaprima.train.loop.limits import DivergenceGuard, RunLimits
from allaprima.train.loop.time_estimate import Outlook
from allaprima.train.run_folder import RunFolder
from allaprima.train.settings.config import TrainConfig
from allaprima.train.trainer import build_trainer


def test_callbacks_keep_the_names_of_their_states() -> None:
    """Lightning files a callback's state under its class, and would silently start anew under another."""
    callbacks = {
        "RunLimits": RunLimits(6, timedelta(hours=1)),
        "DivergenceGuard": DivergenceGuard(10),
        "SameInputs": SameInputs("0" * 64),
        "Outlook": Outlook(RunLimits(6, None), 250),
    }
    assert {name: callback.state_key for name, callback in callbacks.items()} == {
        name: name for name in callbacks
    }
    assert all(callback.state_dict() for callback in callbacks.values())


def test_nothing_else_keeps_a_state(tmp_path: Path) -> None:
    """Another callback with a state needs its name above."""
    trainer = build_trainer(TrainConfig(accelerator="cpu"), RunFolder(tmp_path), [SameInputs("0" * 64)])
    own = [callback for callback in trainer.callbacks if not isinstance(callback, ModelCheckpoint)]  # type: ignore[attr-defined]
    named = {type(callback).__name__ for callback in own if callback.state_dict()}
    assert named == {"RunLimits", "DivergenceGuard", "SameInputs", "Outlook"}
