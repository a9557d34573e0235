"""JSON of files that others made: bounded in size, depth and numbers."""

import json
import math
from typing import Any

LARGEST = 1 << 20
"""Characters; the headers of style files have 10,000 to 60,000."""

DEEPEST = 32
MOST_DIGITS = 18


def parse_json(text: str | bytes, largest: int = LARGEST) -> Any:
    """Return what JSON holds, of at most `largest` characters.

    Raises:
        ValueError: If it is no JSON, or is larger or deeper than any file of this project, or holds a number
            that is not finite or has too many digits; the message says which.
    """
    if len(text) > largest:
        raise ValueError(f"its JSON has {len(text)} characters, more than {largest}")
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_short)
    except RecursionError:
        raise ValueError(f"its JSON is nested more than {DEEPEST} levels deep") from None
    _check_depth(value)
    return value


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"a number is {text[:20]}, which is not finite")
    return number


def _short(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number has {len(text)} digits")
    return int(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise ValueError(f"its JSON is nested more than {DEEPEST} levels deep")
