"""The settings of training a base."""

from pathlib import Path

from pydantic import ConfigDict

from allaprima.train.settings.config import RANDOM, TrainConfig
from allaprima.train.settings.field_metadata import File, Resumable


class BaseConfig(TrainConfig):
    """Those of a style, and a folder of style pictures instead of one."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    init: File[Path | None] = RANDOM
    """Style file or bundled style to start from; `none` for random weights."""
    styles: Resumable[File[Path | None]] = None
    """Folder of the style pictures."""
