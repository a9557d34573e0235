"""The settings of training a base."""

from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from allaprima.train.settings.config import TrainConfig


class BaseConfig(TrainConfig):
    """Those of a style, and a folder of style pictures instead of one."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    styles: Path | None = None
    """Folder of the style pictures."""

    @property
    def training(self) -> TrainConfig:
        """Return the settings that hold for each of the styles."""
        values: dict[str, Any] = self.model_dump(exclude={"styles"})
        return TrainConfig.model_construct(**values)
