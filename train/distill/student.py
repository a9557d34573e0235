"""The compact network as something that learns."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from allaprima.models.loss.architectures import layer_names
from allaprima.models.loss.loss_network import LossNetwork, buffer_name

LAYERS = tuple(layer_names("compact"))


class Student(nn.Module):
    """The compact loss network with parameters in place of its frozen weights.

    Args:
        weights: Where to start from, by the names of `weight_shapes("compact")`.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._keys = tuple(weights)
        self.network = LossNetwork("compact", LAYERS, weights)
        self.learned = nn.ParameterDict(
            {
                buffer_name(key): nn.Parameter(tensor.detach().float().clone())
                for key, tensor in weights.items()
            }
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return what `LossNetwork` returns, with gradients for the weights."""
        features: dict[str, Tensor] = torch.func.functional_call(self.network, dict(self.learned), (image,))
        return features

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of the weights by their names in a file."""
        return {key: self.learned[buffer_name(key)].detach().clone() for key in self._keys}
