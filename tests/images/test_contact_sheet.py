import numpy as np
import pytest

from allaprima.images.contact_sheet import PAPER, contact_sheet


def flat(height: int, width: int, colour: tuple[int, int, int]) -> "np.typing.NDArray[np.uint8]":
    return np.full((height, width, 3), colour, dtype=np.uint8)


def test_everything_is_on_the_sheet_where_it_belongs() -> None:
    style, photo, result = flat(50, 30, (255, 0, 0)), flat(40, 60, (0, 255, 0)), flat(40, 60, (0, 0, 255))
    sheet = contact_sheet(style, [photo, photo], [result, result], height=64, gap=8)
    assert sheet.shape == (64 * 2 + 3 * 8, 8 + 82 + 2 * (8 + 96) + 8, 3)
    assert tuple(sheet[0, 0]) == PAPER
    assert tuple(sheet[76, 40]) == (255, 0, 0)
    for left in (8 + 82 + 8, 8 + 82 + 8 + 96 + 8):
        assert tuple(sheet[8 + 32, left + 48]) == (0, 255, 0)
        assert tuple(sheet[16 + 64 + 32, left + 48]) == (0, 0, 255)


def test_as_many_results_as_photographs() -> None:
    with pytest.raises(ValueError, match="1 photographs and 0 results"):
        contact_sheet(flat(8, 8, PAPER), [flat(8, 8, PAPER)], [])


def test_a_caption_goes_below() -> None:
    style, photo = flat(50, 30, (255, 0, 0)), flat(40, 60, (0, 255, 0))
    bare = contact_sheet(style, [photo], [photo], height=64)
    sheet = contact_sheet(style, [photo], [photo], height=64, caption="total 0.5\n" + "a long line " * 40)
    assert sheet.shape[0] > bare.shape[0] + 30
    assert sheet.shape[1] > bare.shape[1]
    assert np.array_equal(sheet[: bare.shape[0], : bare.shape[1]], bare)
    assert (sheet[bare.shape[0] :] != PAPER).any()
