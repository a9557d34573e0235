"""Crops have the promised size, scales and places."""

import numpy as np
import pytest
import torch

from allaprima.train.data.batches import random_generator
from allaprima.train.data.crops import centre_crop, middle_part, random_crop


def test_random_crops_cover_scales_places_and_mirrors() -> None:
    rows, columns = np.mgrid[:200, :250]
    rgb = np.stack([rows, columns, columns], axis=-1).astype(np.uint8)
    taken = [random_crop(rgb, 50, 0.5, random_generator(0, sample, 0)).int() for sample in range(300)]
    sides = torch.stack([crop[0].max() - crop[0].min() for crop in taken]) * 50 / 49
    mirrored = torch.stack([crop[1, 0, 0] > crop[1, 0, -1] for crop in taken])
    assert sides.min() >= 95
    assert sides.min() < 105
    assert sides.max() > 195
    assert sides.max() <= 205
    assert 100 < mirrored.sum() < 200
    assert min(int(crop[1].min()) for crop in taken) <= 2
    assert max(int(crop[1].max()) for crop in taken) >= 247


def test_only_pictures_smaller_than_the_crop_are_enlarged() -> None:
    rgb = np.arange(60, dtype=np.uint8)[:, None, None].repeat(70, 1).repeat(3, 2)
    for sample in range(50):
        crop = random_crop(rgb, 50, 0.1, random_generator(0, sample, 0)).int()
        assert crop.max() - crop.min() >= 48
    assert random_crop(rgb, 100, 0.5, random_generator(0, 0, 0)).shape == (3, 100, 100)


def test_one_pixel_is_a_picture() -> None:
    rgb = np.full((1, 1, 3), 7, dtype=np.uint8)
    assert random_crop(rgb, 16, 0.5, random_generator(0, 0, 0)).tolist() == [[[7] * 16] * 16] * 3
    assert centre_crop(rgb, 16).tolist() == [[[7] * 16] * 16] * 3


def test_centre_crop_is_the_middle_square() -> None:
    rgb = np.zeros((20, 60, 3), dtype=np.uint8)
    rgb[:, 20:40] = 255
    crop = centre_crop(rgb, 10)
    assert crop.shape == (3, 10, 10)
    assert crop.min() == 255


@pytest.mark.parametrize(
    ("size", "left"),
    [((1000, 72), (180, 72)), ((72, 1001), (72, 180)), ((100, 250), (100, 250)), ((9, 8), (9, 8))],
)
def test_the_middle_of_what_is_long(size: tuple[int, int], left: tuple[int, int]) -> None:
    rows = np.arange(size[0])[:, None, None].repeat(size[1], 1).repeat(3, 2).astype(np.uint8)
    part = middle_part(rows, 2.5)
    assert part.shape == (*left, 3)
    above = (size[0] - left[0]) // 2
    assert part[0, 0, 0] == above % 256
