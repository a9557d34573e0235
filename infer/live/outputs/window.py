"""A window, and its keys."""

import os
import warnings
from collections.abc import Callable
from typing import Any

from allaprima.infer.live.shared_state.controls import Controls
from allaprima.infer.live.shared_state.painted_frame import Displayed, PaintedFrame

KEYS = "1 to 9, left, right: style; up, down: strength; q: end"
"""What the keys do."""
_STRENGTH_STEP = 0.1


class Window:
    """Shows pictures and takes keys; all of it in the program's main thread, as systems ask for it.

    Args:
        size: Height and width of the pictures; the window can be made larger or smaller.
        controls: What the keys change.
        displayed: Called for each picture that is on the screen.

    Raises:
        OSError: If there is no screen.
        ModuleNotFoundError: If pygame is not installed.
    """

    def __init__(self, size: tuple[int, int], controls: Controls, displayed: Displayed) -> None:
        os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
        import pygame

        self._pygame: Any = pygame
        self._controls, self._displayed = controls, displayed
        height, width = size
        try:
            pygame.display.init()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "no fast renderer available")
                self._surface = pygame.display.set_mode((width, height), pygame.SCALED | pygame.RESIZABLE)
        except pygame.error as error:
            raise OSError(
                f"no window can be opened ({error}); is there a screen? --output "
                "mjpeg://127.0.0.1:8080 shows the pictures in a browser"
            ) from error
        pygame.key.set_repeat(400, 100)
        self._actions = self._keys()
        self._titled = ""

    def show(self, frame: PaintedFrame) -> None:
        """Bring a picture to the screen."""
        height, width = frame.picture.shape[:2]
        image = self._pygame.image.frombuffer(frame.picture, (width, height), "RGB")
        self._surface.blit(image, (0, 0))
        self._pygame.display.flip()
        self._displayed(frame)

    def handle_events(self, title: str) -> None:
        """Do what was asked for by keys since the last time, and set the title."""
        for event in self._pygame.event.get():
            if event.type == self._pygame.QUIT:
                self._controls.ended.set()
            elif event.type == self._pygame.KEYDOWN and event.key in self._actions:
                self._actions[event.key]()
        if title != self._titled:
            self._pygame.display.set_caption(title)
            self._titled = title

    def close(self) -> None:
        """Close the window."""
        self._pygame.display.quit()

    def _keys(self) -> dict[int, Callable[[], None]]:
        controls, pygame = self._controls, self._pygame

        def choosing(number: int) -> Callable[[], None]:
            return lambda: controls.choose_number(number)

        numbers = range(min(9, len(controls.styles)))
        return {
            **{pygame.K_1 + number: choosing(number) for number in numbers},
            pygame.K_LEFT: lambda: controls.choose_number(controls.chosen - 1),
            pygame.K_RIGHT: lambda: controls.choose_number(controls.chosen + 1),
            pygame.K_UP: lambda: controls.change_strength(_STRENGTH_STEP),
            pygame.K_DOWN: lambda: controls.change_strength(-_STRENGTH_STEP),
            pygame.K_q: controls.ended.set,
            pygame.K_ESCAPE: controls.ended.set,
        }
