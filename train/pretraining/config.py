"""The settings of training a base."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import model_validator

from allaprima.train.settings.config import RANDOM, RunConfig
from allaprima.train.settings.field_metadata import File, Resumable


class BaseConfig(RunConfig):
    """Those of every run, and a folder of style pictures."""

    init: File[Path | None] = RANDOM
    """Style file or bundled style to start from; `none` for random weights."""
    styles: Resumable[File[Path | None]] = None
    """Folder of the style pictures."""

    @model_validator(mode="before")
    @classmethod
    def _without_one_style(cls, values: Any) -> Any:
        """Runs of before had that setting too, of no effect, and wrote it down without a value."""
        if isinstance(values, Mapping) and values.get("style", "") is None:
            return {name: value for name, value in values.items() if name != "style"}
        return values
