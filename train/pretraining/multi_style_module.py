"""The LightningModule: one network for many styles, which differ in their normalisation alone."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from allaprima.images.tensors import to_unit_range
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.loop.ema_module import AveragedModule
from allaprima.train.loop.hardware import not_compiled
from allaprima.train.loop.tensorboard_metrics import log_training_terms, log_validation_terms
from allaprima.train.objective.perceptual_loss import PerceptualLoss
from allaprima.train.objective.temporal_consistency import TemporalConsistency, objective_terms
from allaprima.train.settings.config import OptimizerSettings


class BaseModule(AveragedModule):
    """Train one network on many styles in turn, a style a step.

    Every style has its own scale and shift in every instance normalisation and shares all else
    (Dumoulin, Shlens and Kudlur 2017).

    Args:
        network: The network that learns.
        losses: The objective of each style.
        names: What each style is called in logs.
        settings: Optimiser, schedule and average.
        temporal: What else counts, steadiness from frame to frame.
    """

    def __init__(
        self,
        network: TransformerNetwork,
        losses: Sequence[PerceptualLoss],
        names: Sequence[str],
        settings: OptimizerSettings,
        temporal: TemporalConsistency | None = None,
    ) -> None:
        super().__init__(network, settings)
        self.temporal = temporal
        self.losses = nn.ModuleList(losses)
        self.names = tuple(names)
        self.style_names = normalization_names(network)
        parameters = dict(network.named_parameters())
        self.styles = nn.ModuleList(
            nn.ParameterList(nn.Parameter(parameters[name].detach().clone()) for name in self.style_names)
            for _ in losses
        )
        self.averaged_styles = deepcopy(self.styles).requires_grad_(False)

    @property
    def objectives(self) -> list[PerceptualLoss]:
        """The objective of each style."""
        return [loss for loss in self.losses if isinstance(loss, PerceptualLoss)]

    def forward(self, content_image: Tensor) -> Tensor:
        """Return pictures of the averaged network, `(B, 3, H, W)`, picture k in style k."""
        styles = [self.averaged_styles[index % len(self.losses)] for index in range(len(content_image))]
        painted = [
            _painted(self.averaged, self._values(style), image[None])
            for style, image in zip(styles, content_image, strict=True)
        ]
        return torch.cat(painted)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the objective of one style for a batch, `(B, 3, H, W)`, uint8."""
        index = self.global_step % len(self.losses)
        content_image = to_unit_range(batch)
        paint = partial(_painted, self.form, self._values(self.styles[index]))
        terms = objective_terms(
            self.objectives[index],
            self.temporal,
            paint,
            content_image,
            self.global_step,
            self.content_features,
        )
        log_training_terms(self, terms)
        total: Tensor = terms["total"]
        return total

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Log the terms on held-out photographs, as the mean over all styles and of each."""
        content_image = to_unit_range(batch)
        by_style = []
        for loss, style in zip(self.objectives, self.averaged_styles, strict=True):
            paint = partial(_painted, self.averaged, self._values(style))
            with not_compiled():
                by_style.append(objective_terms(loss, self.temporal, paint, content_image, batch_idx))
        means = {name: torch.stack([terms[name] for terms in by_style]).mean() for name in by_style[0]}
        each = {
            f"{style}/{name}": value
            for style, terms in zip(self.names, by_style, strict=True)
            for name, value in terms.items()
        }
        log_validation_terms(self, means | each, len(batch))

    def more_parameters(self) -> list[nn.Parameter]:
        """Return the styles' own parameters."""
        return list(self.styles.parameters())

    def averages_of_more(self) -> list[Tensor]:
        """Return the averages of the styles' own parameters."""
        return list(self.averaged_styles.parameters())

    def common_network(self) -> TransformerNetwork:
        """Return the averaged network with the mean of all styles' normalisation, float32, on the CPU."""
        every_style = [list(style.parameters()) for style in self.averaged_styles]
        return self._network_with([torch.stack(values).mean(0) for values in zip(*every_style, strict=True)])

    def style_networks(self) -> list[TransformerNetwork]:
        """Return the averaged network in each of the styles, float32, on the CPU."""
        return [self._network_with(list(style.parameters())) for style in self.averaged_styles]

    def _network_with(self, normalization: Sequence[Tensor]) -> TransformerNetwork:
        network = deepcopy(self.averaged).float().cpu().eval()
        parameters = dict(network.named_parameters())
        with torch.no_grad():
            for name, values in zip(self.style_names, normalization, strict=True):
                parameters[name].copy_(values)
        return network

    def _values(self, style: nn.Module) -> dict[str, Tensor]:
        return dict(zip(self.style_names, style.parameters(), strict=True))


def normalization_names(network: nn.Module) -> list[str]:
    """Return the names of the parameters of all instance normalisations."""
    return [
        f"{name}.{kind}"
        for name, module in network.named_modules()
        if isinstance(module, nn.InstanceNorm2d)
        for kind in ("weight", "bias")
    ]


def _painted(network: nn.Module, normalization: Mapping[str, Tensor], content_image: Tensor) -> Tensor:
    painted: Tensor = torch.func.functional_call(network, dict(normalization), (content_image,))
    return painted
