"""Convolutions in one range paint the same."""

import numpy as np
import pytest
import torch
from torch import nn

from allaprima.infer.export.calibration_pictures import natural_picture
from allaprima.infer.export.equalize import equalize
from allaprima.models.network_presets import NetworkName
from tests.conftest import small_network


@pytest.mark.parametrize("name", ["paper", "fast"])
def test_channels_get_one_range_and_the_picture_stays(name: NetworkName) -> None:
    network = small_network(name)
    for parameter in network.parameters():  # as unequal as trained ones
        if parameter.ndim == 4:
            parameter.data *= torch.logspace(0.5, 1.5, len(parameter))[:, None, None, None]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    photographs = [natural_picture(40, 52, seed=seed)[None] for seed in range(3)]
    equal = equalize(network, photographs)

    outputs: list[torch.Tensor] = []

    def keep(conv: nn.Module, pictures: object, features: torch.Tensor) -> None:
        outputs.append(features)

    first = equal.encoder.get_submodule("1.0")
    first.register_forward_hook(keep)
    with torch.no_grad():
        for photograph in photographs:
            picture = torch.from_numpy(np.asarray(photograph))
            assert (equal(picture) - network(picture)).abs().max() < 1e-3
    channels = torch.cat(outputs).transpose(0, 1).flatten(1)
    assert torch.allclose(channels.mean(1), torch.zeros(8), atol=1e-4)
    assert torch.allclose(channels.std(1, correction=0), torch.ones(8), atol=1e-3)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
