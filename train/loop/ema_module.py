"""What trains a transformer network, whatever for: the form it learns in, and its moving average."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.data.batches import between_echoes
from allaprima.train.objective.perceptual_loss import PerceptualLoss
from allaprima.train.objective.recalled_features import ContentFeatures
from allaprima.train.settings.config import OptimizerSettings

from . import hardware
from .optimizer import network_optimizer
from .schedule import averaging_decay
from .scheduled_module import ScheduledModule
from .training_forms.compilable_layers import with_compilable_layers
from .training_forms.fast_cpu_layers import with_fast_cpu_layers


class AveragedModule(ScheduledModule):
    """Train a network in the form that suits the device, and keep an exponential moving average of it.

    Args:
        network: The network that learns.
        settings: Optimiser, schedule and average.
    """

    def __init__(self, network: TransformerNetwork, settings: OptimizerSettings) -> None:
        super().__init__(settings)
        self.optimizer_settings = settings
        self.network = network
        self.averaged = deepcopy(network).requires_grad_(False)
        self._form = (network,)
        self.content_features: ContentFeatures | None = None
        """Those of photographs that come again, where keeping them pays."""

    @property
    def form(self) -> TransformerNetwork:
        """The network in the form that it learns in, on the same parameters; no part of the module."""
        return self._form[0]

    def suit(self, device_type: str) -> None:
        """Lay out and compile in place as the settings, or else the device, ask for, or take a CPU's form.

        In an objective that is compiled, whole, the photographs' features are computed anew.
        """
        if hardware.channels_last(self.optimizer_settings, device_type):
            self.to(memory_format=torch.channels_last)
        if hardware.compiles(self.optimizer_settings, device_type):
            self._form = (with_compilable_layers(self.network),)
            self.form.compile()
            for objective in self.objectives:
                objective.compile()
        elif device_type == "cpu":
            self._form = (with_fast_cpu_layers(self.network),)
            echo = self.optimizer_settings.echo or 1
            self.content_features = ContentFeatures(between_echoes(echo)) if echo > 1 else None

    @property
    def objectives(self) -> Sequence[PerceptualLoss]:
        """What it learns from."""
        raise NotImplementedError

    @property
    def loss_network(self) -> LossNetwork:
        """The frozen network that all objectives share."""
        return self.objectives[0].loss_network

    def more_parameters(self) -> list[nn.Parameter]:
        """Return what learns besides the network."""
        return []

    def averages_of_more(self) -> list[Tensor]:
        """Return the averages of `more_parameters`, in their order."""
        return []

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Return the optimiser of all that learns; the averages follow by themselves."""
        return network_optimizer(self.network, self.optimizer_settings, self.more_parameters())

    def on_train_start(self) -> None:
        """Keep the average in evaluation mode; done here, since Lightning warns of it any earlier."""
        self.averaged.eval()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the learning rate, so that a resumed run whose settings leave it open has the same."""
        checkpoint["lr"] = self.optimizer_settings.lr

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Update the network, then move the averages towards it, before any callback can save them."""
        super().optimizer_step(*args, **kwargs)
        share = 1 - averaging_decay(self.global_step, self.optimizer_settings.ema_decay)
        averages = [*self.averaged.parameters(), *self.averages_of_more()]
        with torch.no_grad():
            torch._foreach_lerp_(averages, [*self.network.parameters(), *self.more_parameters()], share)
