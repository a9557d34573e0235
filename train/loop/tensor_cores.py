"""Products of float32 matrices on a GPU's tensor cores."""

import torch
from lightning import Callback, LightningModule, Trainer


class TensorCores(Callback):
    """Let products of float32 matrices have 11 bits (TF32) while a network trains in 8 or 11 on a GPU anyway.

    Gram matrices lose nothing by it: the feature maps have no more, and sums stay float32. Muon's products
    are approximate by design.
    """

    def __init__(self) -> None:
        self._before = torch.get_float32_matmul_precision()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Allow it."""
        self._before = torch.get_float32_matmul_precision()
        if trainer.strategy.root_device.type == "cuda" and trainer.precision != "32-true":
            torch.set_float32_matmul_precision("high")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leave the setting as it was."""
        torch.set_float32_matmul_precision(self._before)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the setting as it was after an error too."""
        torch.set_float32_matmul_precision(self._before)
