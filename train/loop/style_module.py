"""The LightningModule: one style's network, its moving average and its objective."""

from typing import Any

from torch import Tensor

from allaprima.images.tensors import to_unit_range
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.objective.perceptual_loss import PerceptualLoss
from allaprima.train.objective.temporal_consistency import TemporalConsistency, objective_terms
from allaprima.train.settings.config import OptimizerSettings

from .ema_module import AveragedModule
from .hardware import not_compiled
from .tensorboard_metrics import log_training_terms, log_validation_terms


class StyleTransferModule(AveragedModule):
    """Train a network against a perceptual loss, keeping an exponential moving average of it.

    Args:
        network: The network that learns.
        loss: The objective; none of it gets into checkpoints but the resolved weights.
        settings: Optimiser, schedule and average.
        temporal: What else counts, steadiness from frame to frame.
    """

    def __init__(
        self,
        network: TransformerNetwork,
        loss: PerceptualLoss,
        settings: OptimizerSettings,
        temporal: TemporalConsistency | None = None,
    ) -> None:
        super().__init__(network, settings)
        self.loss = loss
        self.temporal = temporal

    @property
    def objectives(self) -> list[PerceptualLoss]:
        """The one objective."""
        return [self.loss]

    def forward(self, content_image: Tensor) -> Tensor:
        """Return the averaged network's stylised picture, `(B, 3, H, W)`, RGB in [0, 1]."""
        stylized_image: Tensor = self.averaged(content_image)
        return stylized_image

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the objective of one batch, `(B, 3, H, W)`, uint8."""
        content_image = to_unit_range(batch)
        terms = objective_terms(
            self.loss, self.temporal, self.form, content_image, self.global_step, self.content_features
        )
        log_training_terms(self, terms)
        total: Tensor = terms["total"]
        return total

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Log the averaged network's terms on held-out photographs."""
        content_image = to_unit_range(batch)
        with not_compiled():
            terms = objective_terms(self.loss, self.temporal, self.averaged, content_image, batch_idx)
        log_validation_terms(self, terms, len(batch))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the resolved loss weights too, so that a resumed run has the same objective."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["loss_weights"] = self.loss.weights.to_dict()
