"""A trained network paints the same picture in half precision."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from allaprima.images.picture_files import read_picture
from allaprima.models.style_file import load_style

DEMO = Path(__file__).parents[2] / "docs" / "demo"


@pytest.fixture(scope="module")
def photograph() -> Tensor:
    pixels = read_picture(DEMO / "photographs" / "astronaut.jpg").rgb[40:136, 120:216]
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None] / 255


@pytest.fixture(scope="module")
def reference(photograph: Tensor) -> Tensor:
    with torch.inference_mode():
        stylized: Tensor = load_style("great-wave").network(photograph)
    return stylized


@pytest.mark.parametrize(
    ("dtype", "mean", "largest"), [(torch.float16, 0.1 / 255, 2 / 255), (torch.bfloat16, 1 / 255, 20 / 255)]
)
def test_half_precision_stays_close_to_float32(
    photograph: Tensor, reference: Tensor, dtype: torch.dtype, mean: float, largest: float
) -> None:
    network = load_style("great-wave").network.to(dtype)
    network.to(memory_format=torch.channels_last)  # contiguous half precision is 12 times slower on some CPUs
    with torch.inference_mode():
        output = network(photograph.to(dtype)).float()
    difference = (output - reference).abs()
    assert output.isfinite().all()
    assert difference.mean() < mean
    assert difference.max() < largest
    assert reference.std() > 0.1  # a picture, not a flat colour
