"""Settings as flags of a command, unchecked: they are validated together, with a file or alone.

So that every mistake is reported at once, and in this project's words.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, TypedDict

from cyclopts import UNSET, Parameter, Token
from pydantic import BaseModel, SkipValidation

from .durations import format_duration


def flags_of(settings: type[BaseModel]) -> Any:
    """Return a type for a command's parameter that has a flag for each setting.

    A command gets a dictionary of those that were given, as they were typed. Help, choices and
    defaults shown are the settings'. (Not a pydantic model: for such the command line parses the
    source of each class it derives from, which takes a third of the time that `--help` may take.)
    """
    fields = settings.model_fields.items()
    flags = {name: Annotated[info.annotation, SkipValidation, *_parameters(info)] for name, info in fields}
    return TypedDict("Flags", flags, total=False)  # type: ignore[operator]


def typed_settings(flags: Mapping[str, Any] | None, unknown: Mapping[str, str]) -> dict[str, Any]:
    """Return all that was given on the command line by a setting's name, be it a setting or not."""
    return {name.replace("-", "_"): value for name, value in unknown.items()} | dict(flags or {})


def _parameters(info: Any) -> list[Parameter]:
    own = [item for item in info.metadata if isinstance(item, Parameter)]
    shown = Parameter(
        help=info.description,
        show_default=_text(info.default) or False,
        negative=None if info.annotation in (bool, bool | None) else (),
        converter=_as_typed,
    )
    return [shown, *own]


def _text(default: Any) -> str:
    """Return a default as one would type it, or nothing where there is none."""
    if default is None or default is False:
        return ""
    if isinstance(default, timedelta):
        return format_duration(default)
    return ",".join(default) if isinstance(default, tuple) else str(default)


def _as_typed(kind: Any, tokens: Sequence[Token]) -> Any:
    values = [token.value if token.implicit_value is UNSET else token.implicit_value for token in tokens]
    return values[0] if len(values) == 1 else values
