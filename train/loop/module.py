"""The LightningModule: one style's network, its moving average and its objective."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from allaprima.images.tensors import to_unit_range
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.objective.perceptual import PerceptualLoss
from allaprima.train.settings.config import OptimizerSettings

from . import hardware
from .optimizer import network_optimizer
from .schedule import averaging_decay
from .scheduled_module import ScheduledModule
from .training_form import training_form


class StyleTransferModule(ScheduledModule):
    """Train a network against a perceptual loss, keeping an exponential moving average of it.

    Args:
        network: The network that learns.
        loss: The objective; none of it gets into checkpoints but the resolved weights.
        settings: Optimiser, schedule and average.
    """

    def __init__(
        self, network: TransformerNetwork, loss: PerceptualLoss, settings: OptimizerSettings
    ) -> None:
        super().__init__(settings)
        self.optimizer_settings = settings
        self.network = network
        self._form = (network,)
        self.averaged = deepcopy(network).requires_grad_(False)
        self.loss = loss

    def forward(self, content_image: Tensor) -> Tensor:
        """Return the averaged network's stylised picture, `(B, 3, H, W)`, RGB in [0, 1]."""
        stylized_image: Tensor = self.averaged(content_image)
        return stylized_image

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the objective of one batch, `(B, 3, H, W)`, uint8."""
        content_image = to_unit_range(batch)
        terms = self.loss(self._form[0](content_image), content_image)
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})
        total: Tensor = terms["total"]
        return total

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Log the averaged network's terms on held-out photographs."""
        content_image = to_unit_range(batch)
        terms = self.loss(self.averaged(content_image), content_image)
        self.log_dict(
            {f"val/{name}": value for name, value in terms.items()}, batch_size=len(batch), sync_dist=True
        )

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimiser of the network; the average follows by itself."""
        return network_optimizer(self.network, self.optimizer_settings)

    def configure_model(self) -> None:
        """Take the form of the network that trains fastest on the device; it is no part of the module."""
        if self.device.type == "cpu":
            self._form = (training_form(self.network),)

    def on_train_start(self) -> None:
        """Keep the average in evaluation mode; done here, since Lightning warns of it any earlier."""
        self.averaged.eval()

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Update the network, then move the average towards it, before any callback can save them."""
        super().optimizer_step(*args, **kwargs)
        share = 1 - averaging_decay(self.global_step, self.optimizer_settings.ema_decay)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.network.parameters()), share)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the resolved loss weights, so that a resumed run has the same objective."""
        checkpoint["loss_weights"] = self.loss.weights.to_dict()


def build_module(
    network: TransformerNetwork, loss: PerceptualLoss, settings: OptimizerSettings, device_type: str
) -> StyleTransferModule:
    """Return a module laid out in memory and compiled as the settings, or else the device, ask for."""
    module = StyleTransferModule(network, loss, settings)
    if hardware.channels_last(settings, device_type):
        module.to(memory_format=torch.channels_last)
    if hardware.compiles(settings, device_type):
        module.network.compile()
        module.loss.compile()
    return module
