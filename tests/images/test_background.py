import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from allaprima.images.background import Background, background_colour
from allaprima.images.picture_files import Picture


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        *(("white", "white"), ("White", "white"), ("#FFF", "white"), ("#ffffff", "white")),
        *(("#000", "black"), ("rgb(0,0,0)", "black"), ("#0A141e", "#0a141e"), ("orange", "#ffa500")),
    ],
)
def test_colours_have_one_spelling(text: str, colour: str) -> None:
    assert background_colour(text) == colour


@pytest.mark.parametrize("text", ["", "wite", "#12", "#11223344", "rgb(300,0,0)", "0", "x" * 200])
def test_what_is_no_colour_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"background is '.*'; expected a colour: white, black"):
        background_colour(text)


def test_a_setting_says_the_same() -> None:
    class Settings(BaseModel):
        background: Background = "white"

    assert Settings(background="#FFF") == Settings()
    for wrong in ("wite", None, 3):  # an unquoted #rrggbb is a comment in YAML, and nothing is left
        with pytest.raises(ValidationError, match=r"expected a colour: white, black.* in quotes"):
            Settings.model_validate({"background": wrong})


def test_hidden_pixels_are_filled_and_others_stay() -> None:
    rgb = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    alpha = np.array([[0, 1], [128, 255]], np.uint8)
    filled = Picture(rgb, alpha, animated=True).filled("#0a141e")
    np.testing.assert_array_equal(filled.rgb[0, 0], (10, 20, 30))
    np.testing.assert_array_equal(filled.rgb.reshape(4, 3)[1:], rgb.reshape(4, 3)[1:])
    np.testing.assert_array_equal(filled.alpha, alpha)
    assert (filled.animated, filled.background) == (True, "#0a141e")
    assert Picture(rgb).filled("black").rgb is rgb
