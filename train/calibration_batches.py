"""The photographs that an objective is calibrated on."""

import math
from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from allaprima.images.tensors import to_unit_range

from .data.data_module import ContentDataModule

PICTURES = 32


def calibration_batches(
    data: ContentDataModule, batch_size: int, device: torch.device | str
) -> Iterator[Tensor]:
    """Set the photographs up, and return their first batches, `(B, 3, H, W)` in [0, 1], read when taken.

    Raises:
        ValueError: If nothing can be read.
    """
    data.prepare_data()
    data.setup()
    batches = islice(data.batches(), math.ceil(PICTURES / batch_size))
    return (to_unit_range(batch.to(device)) for batch in batches)
