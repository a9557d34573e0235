"""The settings of a distillation: their types, defaults and help."""

from pathlib import Path
from typing import Annotated, Any, Self

from cyclopts import Parameter
from pydantic import ConfigDict, Field, model_validator

from allaprima.train.settings.config import DataSettings, ScheduleSettings
from allaprima.train.settings.durations import Duration, Interval, plain_values
from allaprima.train.settings.field_metadata import File, Place, Source

RESULT = "compact.safetensors"
"""The file in the run's folder that holds the network."""


class DistillConfig(ScheduleSettings, DataSettings):
    """All settings of a distillation, in one flat name space; pydantic lists the last base first."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    content: Source[str | None] = None
    """Photographs: a folder, parquet or tar files, or the name of a data set on the hub."""
    paintings: Source[str | None] = None
    """Style pictures, in the same way; the photographs serve as such if there are none."""
    output: Place[Annotated[Path, Parameter(alias="-o")]] = Path("runs/compact")
    """Folder of the result, its log, settings and model card."""
    loss_weights: File[Path | None] = None
    """VGG-19's weights (.safetensors or .pth, torchvision's names); torchvision's by default."""
    init: File[Path | None] = None
    """A compact network to improve, instead of one found by least squares."""
    max_steps: int = Field(default=420, ge=1)
    """Steps."""
    max_time: Duration | None = None
    """Time, such as 1h, after which it ends even so."""
    save_every: Interval = 60
    """Steps or time between looks at held-out pictures, after each of which the result is written."""
    painter_steps: int = Field(default=120, ge=1)
    """Steps after which the painter, whose pictures are learned from, begins with another style."""
    batch_size: int = Field(default=4, ge=1)
    """Photographs a step, and paintings; 3.5 times as many pictures are made of them."""
    crop_size: int = Field(default=128, ge=32)
    """Side of the square crops in pixels."""
    lr: float = Field(default=1e-3, gt=0)
    """Peak learning rate."""

    @model_validator(mode="after")
    def _pictures_come_in_pairs(self) -> Self:
        for name, value in {"batch_size": self.batch_size, "val_pictures": self.val_pictures}.items():
            if value < 2:
                raise ValueError(
                    f"{name} is {value}; errors of Gram differences are measured between two pictures: "
                    "give 2 or more"
                )
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return plain values (strings, numbers, lists), as a YAML file holds them."""
        return plain_values(self)
