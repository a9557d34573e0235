"""The settings of a small run, and the loss network once more, in NumPy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


@pytest.fixture(scope="session")
def numpy_features(small_weights: dict[str, Tensor]) -> Callable[[Array], dict[str, Array]]:
    """Return relu1_1 and relu2_1 by a direct float64 convolution of one picture `(3, H, W)`."""

    def conv(x: Array, index: int) -> Array:
        kernel = small_weights[f"features.{index}.weight"].double().numpy()
        bias = small_weights[f"features.{index}.bias"].double().numpy()
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        convolved: Array = np.einsum("chwij,ocij->ohw", windows, kernel) + bias[:, None, None]
        return np.maximum(convolved, 0)

    def features(image: Array) -> dict[str, Array]:
        mean = np.array([0.485, 0.456, 0.406])[:, None, None]
        std = np.array([0.229, 0.224, 0.225])[:, None, None]
        first = conv((image - mean) / std, 0)
        second = conv(first, 2)
        pooled = second.reshape(second.shape[0], second.shape[1] // 2, 2, second.shape[2] // 2, 2).max(
            axis=(2, 4)
        )
        return {"relu1_1": first, "relu2_1": conv(pooled, 5)}

    return features


@pytest.fixture
def settings(
    photographs: Path, style_picture: Path, small_weights_file: Path, tmp_path: Path
) -> dict[str, Any]:
    """Settings of a run that takes a second."""
    return {
        "style": str(style_picture),
        "content": str(photographs),
        "loss_weights": str(small_weights_file),
        "content_layers": "relu2_1",
        "style_layers": "relu1_1,relu2_1",
        "width": 4,
        "residual_blocks": 1,
        "crop_size": 32,
        "batch_size": 2,
        "val_pictures": 2,
        "max_steps": 6,
        "checkpoint_every": 2,
        "validate_every": 3,
        "log_every": 1,
        "accelerator": "cpu",
        "precision": "32-true",
        "cache_dir": str(tmp_path / "cache"),
    }
