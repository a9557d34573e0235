"""Bytes to floats and back, in NumPy and in PyTorch."""

import numpy as np
import torch

from allaprima.images.pixels import as_bytes, as_floats, to_levels
from allaprima.images.tensors import to_bytes, to_floats

LEVELS = np.arange(256, dtype=np.uint8).repeat(3).reshape(2, 8, 16, 3)


def test_every_level_comes_back() -> None:
    floats = as_floats(LEVELS)
    assert floats.shape == (2, 3, 8, 16)
    assert floats.dtype == np.float32
    assert (floats == LEVELS.transpose(0, 3, 1, 2) / np.float32(255)).all()
    assert (as_bytes(floats) == LEVELS).all()


def test_both_libraries_agree() -> None:
    tensors = to_floats(torch.from_numpy(LEVELS))
    assert (tensors.numpy() == as_floats(LEVELS)).all()
    values = np.random.default_rng(0).uniform(-0.2, 1.2, (2, 3, 8, 16)).astype(np.float32)
    before = values.copy()
    assert (to_bytes(torch.from_numpy(values)).numpy() == as_bytes(values)).all()
    assert (values == before).all()


def test_what_lies_outside_is_clipped() -> None:
    assert to_levels(np.array([-1, 0, 0.5, 1, 2])).tolist() == [0, 0, 128, 255, 255]
