"""Content features of photographs that come again within a few steps are not computed again."""

import hashlib
from collections import OrderedDict

import torch
from torch import Tensor

from .perceptual_loss import PerceptualLoss


class ContentFeatures:
    """The loss network's features of photographs, kept by their pixels: right whatever comes.

    Args:
        kept: How many photographs' features are kept; those that were needed longest ago go first.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._features: OrderedDict[bytes, dict[str, Tensor]] = OrderedDict()

    def __call__(self, loss: PerceptualLoss, content_image: Tensor) -> dict[str, Tensor]:
        """Return `loss.content_targets(content_image)` for `(B, 3, H, W)`, RGB in [0, 1]."""
        keys = [_digest(image) for image in content_image]
        for key, image in zip(keys, content_image, strict=True):
            if key not in self._features:
                # One at a time: the last bits depend on how many there are, and resumed runs have the same.
                self._features[key] = loss.content_targets(image[None])
            self._features.move_to_end(key)
        batch = [self._features[key] for key in keys]
        while len(self._features) > self._kept:
            self._features.popitem(last=False)
        return {layer: torch.cat([features[layer] for features in batch]) for layer in batch[0]}


def _digest(image: Tensor) -> bytes:
    return hashlib.blake2b(image.contiguous().numpy().data, digest_size=16).digest()
