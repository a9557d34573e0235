"""Muon and the choice of optimiser; the form of the network that is trained."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from allaprima.models.network_presets import NETWORKS
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.loop.muon import Muon, orthogonalized
from allaprima.train.loop.optimizer import network_optimizer, peak_learning_rate
from allaprima.train.loop.style_module import StyleTransferModule
from allaprima.train.loop.training_forms.compilable_layers import with_compilable_layers
from allaprima.train.loop.training_forms.fast_cpu_layers import with_fast_cpu_layers
from allaprima.train.settings.config import OptimizerSettings


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (16, 16)])
def test_singular_values_come_near_one_and_vectors_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    result = orthogonalized(1e-4 * matrix)
    values = torch.linalg.svdvals(result)
    assert float(values.min()) > 0.6
    assert float(values.max()) < 1.25
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    nearest = left @ right
    assert float((result * nearest).sum()) / float(values.sum()) > 0.98
    assert torch.equal(orthogonalized(torch.zeros(shape)), torch.zeros(shape))


def test_the_small_product_gives_what_five_steps_on_the_matrix_give() -> None:
    matrix = torch.randn(6, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    x = matrix / matrix.norm()
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    torch.testing.assert_close(orthogonalized(matrix), x, rtol=1e-3, atol=1e-3)


def test_what_is_no_kernel_is_changed_as_by_adam() -> None:
    start = torch.randn(7, generator=torch.Generator().manual_seed(2))
    muon_weight, adam_weight = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    muon = Muon([{"params": [muon_weight], "lr": 0.01, "orthogonal": False}], weight_decay=0.1)
    adam = torch.optim.AdamW([adam_weight], lr=0.01, weight_decay=0.1)
    for step in range(5):
        for parameter, optimizer in ((muon_weight, muon), (adam_weight, adam)):
            parameter.grad = (parameter.detach() + step).sin()
            optimizer.step()
    torch.testing.assert_close(muon_weight, adam_weight)


def test_muon_takes_the_kernels_between_feature_maps() -> None:
    network = TransformerNetwork(width=4, residual_blocks=1)
    optimizer = network_optimizer(network, OptimizerSettings())
    kernels, others = (group["params"] for group in optimizer.param_groups)
    assert len(kernels) == 2 + 2 + 2
    assert len(kernels) + len(others) == len(list(network.parameters()))
    ends = {id(network.encoder[0][0].weight), id(network.decoder[-1].weight)}  # type: ignore[index]
    assert ends <= {id(parameter) for parameter in others}
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates == [1e-2, 1e-3]
    slower = network_optimizer(network, OptimizerSettings(lr=1e-3))
    assert [group["lr"] for group in slower.param_groups] == [1e-3, 2e-4]


def test_trained_kernels_are_changed_at_half_of_the_rate() -> None:
    settings = OptimizerSettings()
    assert peak_learning_rate(settings, from_trained=False) == 1e-2
    assert peak_learning_rate(settings, from_trained=True) == 5e-3
    assert peak_learning_rate(OptimizerSettings(lr=1e-3), from_trained=True) == 1e-3
    adam = OptimizerSettings(optimizer="adam")
    assert {peak_learning_rate(adam, from_trained=trained) for trained in (False, True)} == {2e-3}


def test_muon_lets_its_kernels_decay_alone() -> None:
    network = TransformerNetwork(width=4, residual_blocks=1)
    optimizer = network_optimizer(network, OptimizerSettings(weight_decay=0.5))
    before = [
        [parameter.detach().clone() for parameter in group["params"]] for group in optimizer.param_groups
    ]
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    kernels, others = (group["params"] for group in optimizer.param_groups)
    torch.testing.assert_close(kernels, [(1 - 0.5 * 1e-2) * kernel for kernel in before[0]])
    torch.testing.assert_close(others, before[1])


def test_kernels_of_one_shape_change_as_each_would_alone() -> None:
    generator = torch.Generator().manual_seed(3)
    start = [torch.randn(4, 3, 3, 3, generator=generator) for _ in range(2)]
    together = [nn.Parameter(weight.clone()) for weight in start]
    alone = [nn.Parameter(weight.clone()) for weight in start]
    optimizers = [
        Muon([{"params": together, "lr": 0.01, "orthogonal": True}]),
        *(Muon([{"params": [weight], "lr": 0.01, "orthogonal": True}]) for weight in alone),
    ]
    for step in range(3):
        for parameter in (*together, *alone):
            parameter.grad = (parameter.detach() * (step + 1)).cos()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(together, alone)


def test_adam_is_still_there() -> None:
    settings = OptimizerSettings(optimizer="adam", lr=5e-4)
    optimizer = network_optimizer(TransformerNetwork(width=4, residual_blocks=1), settings)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert optimizer.param_groups[0]["lr"] == 5e-4


@pytest.mark.parametrize("form", [with_fast_cpu_layers, with_compilable_layers])
@pytest.mark.parametrize("upsampling", ["nearest", "bilinear"])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_form_for_training_has_the_network_s_values_and_gradients(
    name: str, upsampling: str, form: Callable[[TransformerNetwork], TransformerNetwork]
) -> None:
    parts = {**NETWORKS[name].model_dump(), "width": 4, "residual_blocks": 1, "upsampling": upsampling}  # type: ignore[index]
    network = TransformerNetwork(**parts).double()
    image = torch.rand(2, 3, 29, 38, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected, result = network(image), form(network)(image)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)
    direction = torch.rand_like(expected)
    parameters = list(network.parameters())
    for resumed, reference in zip(
        torch.autograd.grad(result, parameters, direction),
        torch.autograd.grad(expected, parameters, direction),
        strict=True,
    ):
        torch.testing.assert_close(resumed, reference, rtol=1e-9, atol=1e-10)


def test_the_form_for_training_follows_the_network() -> None:
    network = TransformerNetwork(width=4, residual_blocks=1)
    form = with_fast_cpu_layers(network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    image = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(form(image), network(image), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("compiled", "device_type"), [(False, "cpu"), (True, "cpu"), (False, "cuda"), (True, "cuda")]
)
def test_a_module_learns_in_the_form_of_its_device(compiled: bool, device_type: str) -> None:
    network = TransformerNetwork(width=4, residual_blocks=1, upsampling="bilinear")
    loss = nn.Identity()
    module = StyleTransferModule(network, loss, OptimizerSettings(compile=compiled))  # type: ignore[arg-type]
    module.suit(device_type)
    assert (module.form is network) == (device_type != "cpu" and not compiled)
    own = dict(network.named_parameters())
    assert {name: id(shared) for name, shared in module.form.named_parameters()} == {
        name: id(parameter) for name, parameter in own.items()
    }  # by name too, since the styles of a base are put in by their names
    assert all(name.startswith(("network.", "averaged.")) for name in module.state_dict())
