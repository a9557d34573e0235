import numpy as np
import pytest
import torch

from allaprima.train.objective import gram_matrix as module
from allaprima.train.objective.gram_matrix import gram_matrix


def test_gram_of_ones_is_one_over_channels() -> None:
    gram = gram_matrix(torch.ones(2, 4, 5, 7))
    assert gram.shape == (2, 4, 4)
    torch.testing.assert_close(gram, torch.full((2, 4, 4), 1 / 4))


def test_gram_equals_numpy_in_float64() -> None:
    features = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    expected = np.einsum("bihw,bjhw->bij", features, features) / (3 * 4 * 5)
    np.testing.assert_allclose(gram_matrix(torch.from_numpy(features)).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gram_has_the_right_gradient(layout: torch.memory_format) -> None:
    features = torch.rand(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=layout)
    # Weights make the gradient unsymmetric, as no loss does so far.
    weights = torch.arange(9, dtype=torch.float64).view(3, 3)
    assert torch.autograd.gradcheck(lambda x: gram_matrix(x) * weights, features.requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gram_sums_half_precision_features_in_float32(dtype: torch.dtype) -> None:
    features = torch.full((1, 1, 300, 300), 2.0, dtype=dtype)  # the sum, 360,000, overflows float16
    gram = gram_matrix(features)
    assert gram.dtype == torch.float32
    assert gram.item() == pytest.approx(4.0)


def test_gram_stays_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert gram_matrix(torch.rand(1, 3, 8, 8)).dtype == torch.float32


def test_gram_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    features = torch.rand(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    weights = torch.arange(9, dtype=torch.float64).view(3, 3)
    whole = gram_matrix(features)
    (gradient,) = torch.autograd.grad((whole * weights).sum(), features)
    monkeypatch.setattr(module, "_parts", lambda _: 4)
    parts = gram_matrix(features)
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(torch.autograd.grad((parts * weights).sum(), features)[0], gradient)


def test_gram_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 4, 4\)"):
        gram_matrix(torch.ones(3, 4, 4))
