"""The colour that transparent pictures are seen on."""

from contextlib import suppress
from typing import Annotated, Any

from pydantic import BeforeValidator

WHITE = "white"
_NAMED: dict[tuple[int, ...], str] = {(255, 255, 255): WHITE, (0, 0, 0): "black"}
_EXPECTED = "expected a colour: white, black, another name, or '#rrggbb' in quotes"


def background_colour(text: str) -> str:
    """Return a colour in one spelling: `white`, `black` or `#rrggbb`.

    Args:
        text: A name of a colour, as in HTML, or `#rrggbb`.

    Raises:
        ValueError: If it is no colour, or one with transparency.
    """
    try:
        return _in_one_spelling(text)
    except ValueError as error:
        raise ValueError(f"background is '{text}'; {error}") from None


def levels_of(background: str) -> tuple[int, ...]:
    """Return red, green and blue of a colour from `background_colour`, 0 to 255."""
    from PIL import ImageColor  # `--help` does without

    return ImageColor.getrgb(background)


def _in_one_spelling(text: Any) -> str:
    from PIL import ImageColor  # `--help` does without

    levels: tuple[int, ...] = ()
    with suppress(ValueError):
        levels = ImageColor.getrgb(str(text))
    if len(levels) != 3 or max(levels) > 255:
        raise ValueError(_EXPECTED)
    return _NAMED.get(levels, "#" + bytes(levels).hex())


Background = Annotated[str, BeforeValidator(_in_one_spelling)]
"""A setting of that kind."""
