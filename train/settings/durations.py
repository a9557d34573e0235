"""Lengths of time as people write them: 45s, 20m, 1h30m."""

import re
from datetime import timedelta
from typing import Annotated, Any

from annotated_types import Gt
from pydantic import BaseModel, BeforeValidator, Field

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def parse_duration(value: Any) -> timedelta:
    """Return the time that `1h30m`, `20m` or `45s` stands for.

    Raises:
        ValueError: If it is anything else; a bare number too, since nobody knows its unit.
    """
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"(\d+(\.\d+)?[dhms])+", value):
        raise ValueError("expected a time such as 45s, 20m or 1h30m")
    quantities = re.findall(r"(\d+(?:\.\d+)?)([dhms])", value)
    try:
        return timedelta(seconds=sum(float(number) * UNITS[unit] for number, unit in quantities))
    except OverflowError:
        raise ValueError("expected a time that ends, of less than a billion days") from None


def plain_values(settings: BaseModel) -> dict[str, Any]:
    """Return plain values (strings, numbers, lists), as a YAML file holds them."""
    values: dict[str, Any] = settings.model_dump(mode="json")
    for name in values:
        if isinstance(duration := getattr(settings, name), timedelta):
            values[name] = format_duration(duration)
    return values


def format_duration(duration: timedelta) -> str:
    """Return text that `parse_duration` reads as the same time."""
    seconds = duration / timedelta(microseconds=1) / 1e6
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def approximate(seconds: float) -> str:
    """Return a length of time as people say it: `40 s`, `12 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def parse_interval(value: Any) -> int | timedelta:
    """Return a number of steps, or the time between two.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
        return int(value)
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError("expected steps, such as 500, or a time, such as 5m") from None


_Time = Annotated[timedelta, Gt(timedelta(0))]
Duration = Annotated[_Time, BeforeValidator(parse_duration)]
Interval = Annotated[Annotated[int, Field(gt=0)] | _Time, BeforeValidator(parse_interval)]
