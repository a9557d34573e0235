"""What can be changed while live video runs: the style, its strength, and whether it goes on."""

import threading
from collections.abc import Sequence

from allaprima.did_you_mean import suggestion


class Controls:
    """The settings of the moment; any thread may change them.

    Args:
        styles: Names of the styles, all of them ready.
        strength: Of the style: 0 shows the source, 1 the painted picture.
    """

    def __init__(self, styles: Sequence[str], strength: float) -> None:
        self.styles = tuple(styles)
        self.ended = threading.Event()
        """Set when somebody asked for the end."""
        self._chosen = 0
        self._strength = 1.0
        self.set_strength(strength)

    @property
    def chosen(self) -> int:
        """Which of the styles is painted in."""
        return self._chosen

    @property
    def style(self) -> str:
        """The name of the style that is painted in."""
        return self.styles[self._chosen]

    @property
    def strength(self) -> float:
        """How strong the style is, from 0 to 1."""
        return self._strength

    def choose(self, style: str) -> None:
        """Paint in a style from the next frame on.

        Raises:
            ValueError: If there is none of that name.
        """
        if style not in self.styles:
            there = ", ".join(self.styles)
            raise ValueError(f"unknown style '{style}'; there are {there}{suggestion(style, self.styles)}")
        self._chosen = self.styles.index(style)

    def choose_number(self, number: int) -> None:
        """Paint in the style of a number; below 0 and after the last it begins at the other end."""
        self._chosen = number % len(self.styles)

    def set_strength(self, strength: float) -> None:
        """Set the strength from the next frame on.

        Raises:
            ValueError: If it is not within 0 and 1.
        """
        if not 0 <= strength <= 1:
            raise ValueError(f"strength is {strength:g}; expected 0 to 1")
        self._strength = float(strength)

    def change_strength(self, by: float) -> None:
        """Make the style stronger or weaker, as far as that goes."""
        self._strength = min(1.0, max(0.0, round(self._strength + by, 2)))
