"""What is seen of a long computation, on a terminal and in a log file."""

import io
import logging

import pytest
from rich.console import Console

from allaprima.train.loop import progress_bar
from allaprima.train.loop.progress_bar import TermsBar

TERMS = "content 7.855e+05  style 6.424e+08  tv 5.315e+05  total 6.437e+08"


def test_bar_and_terms_fit_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_bar, "REFRESH_SECONDS", 0.0)
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, color_system=None, legacy_windows=False)
    with TermsBar("evaluation", console) as bar:
        bar.show("120/400", 0.3, TERMS)
    lines = file.getvalue().splitlines()
    drawn = next(line for line in lines if "evaluation 120/400" in line)
    assert "━" * 10 in drawn
    assert "30 %" in drawn
    assert any(line.rstrip() == TERMS for line in lines)


def test_plain_lines_now_and_then_elsewhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "allaprima")
    file = io.StringIO()
    with TermsBar("step", Console(file=file, force_terminal=False)) as bar:
        bar.show("3", 0.25, TERMS)
        assert not caplog.messages  # not due yet
        monkeypatch.setattr(progress_bar, "LINE_SECONDS", 0.0)
        bar.show("4", 0.5, TERMS)
    assert caplog.messages == [f"step 4 (50 %): {TERMS}"]
    assert "━" not in file.getvalue()
