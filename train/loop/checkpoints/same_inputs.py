"""Whether a run goes on with the pictures and the loss network that it began with."""

import logging
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_only

from allaprima.train.data.data_module import ContentDataModule
from allaprima.train.loop.ema_module import AveragedModule

_log = logging.getLogger(__name__)


class SameInputs(Callback):
    """Say so if a run goes on with other pictures or another loss network than it began with.

    Args:
        style_sha256: The style picture's checksum.
    """

    def __init__(self, style_sha256: str) -> None:
        self._inputs = {"style picture": style_sha256}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Look at the photographs, which are chosen by now, and the loss network.

        Raises:
            ValueError: If the processes of a run have different loss networks.
        """
        if isinstance(data := getattr(trainer, "datamodule", None), ContentDataModule):
            self._inputs["photographs"] = data.identity
        assert isinstance(pl_module, AveragedModule)
        fingerprint = self._inputs["loss network"] = pl_module.loss_network.fingerprint
        agreed = trainer.strategy.broadcast(fingerprint) == fingerprint
        if not trainer.strategy.reduce_boolean_decision(agreed, all=True):
            raise ValueError(
                "the processes of this run have different loss networks, since VGG-19's weights can be had "
                "on some machines alone: give --loss-network compact, or the same --loss-weights everywhere"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the checksums."""
        return dict(self._inputs)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Compare the checksums with those of the checkpoint."""
        for name, checksum in self._inputs.items():
            if state_dict.get(name, checksum) != checksum:
                _warn_changed(name)


@rank_zero_only
def _warn_changed(name: str) -> None:
    _log.warning("the %s changed since this run began: what follows is not an exact continuation", name)
