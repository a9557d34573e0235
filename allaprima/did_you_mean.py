"""What was probably meant by a name that is not one."""

from collections.abc import Iterable
from difflib import get_close_matches


def check_choice(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise ValueError if a name is not among those that there are, with these and the nearest."""
    known = list(known)
    if name not in known:
        raise ValueError(f"unknown {kind} '{name}'; expected {', '.join(known)}{suggestion(name, known)}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean x?)` for a near miss, otherwise nothing."""
    close = get_close_matches(name, list(known), 1, 0.6)
    return f" (did you mean {close[0]}?)" if close else ""
