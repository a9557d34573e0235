"""A headless Chromium, driven over the pipe that its DevTools protocol has."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.infer.live.conftest import until

_SWITCHES = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--window-size=900,700",
)
_READS, _WRITES = 3, 4
"""File descriptors that Chromium takes commands from, and answers to."""


class Chromium:
    """A browser with one page."""

    def __init__(self, profile: Path) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            pytest.skip("needs Chromium: apt install chromium")
        theirs, self._commands = os.pipe()
        self._answers, answering = os.pipe()
        arguments = [program, *_SWITCHES, f"--user-data-dir={profile}", "about:blank"]

        def prepare() -> None:
            high = [os.dup2(source, 20 + index) for index, source in enumerate((theirs, answering))]
            os.dup2(high[0], _READS)
            os.dup2(high[1], _WRITES)

        self._process = subprocess.Popen(
            arguments,
            preexec_fn=prepare,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs)
        os.close(answering)
        self._rest, self._count, self._session = b"", 0, ""
        target = until(self._page)
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Return what a command of the protocol gives."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._count:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """Return the value of JavaScript on the page, waiting for promises."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Wait until JavaScript is true on the page, and return its value."""
        return until(lambda: self.evaluate(expression))

    def click(self, selector: str) -> None:
        """Press the mouse on an element, as a hand does."""
        box = self.evaluate(
            f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])"
            f"(document.querySelector({selector!r}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def screenshot(self) -> bytes:
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        os.close(self._commands)
        self._process.terminate()
        self._process.wait(60)
        os.close(self._answers)

    def _page(self) -> str | None:
        targets = self.call("Target.getTargets")["targetInfos"]
        return next((target["targetId"] for target in targets if target["type"] == "page"), None)

    def _next(self) -> Any:
        while b"\0" not in self._rest:
            content = os.read(self._answers, 1 << 20)
            assert content, "Chromium has ended"
            self._rest += content
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)
