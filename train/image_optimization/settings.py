"""Typed settings of image optimisation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from allaprima.images.background import WHITE, Background
from allaprima.train.settings.config import LARGEST_SEED, LossSettings

PROGRAMS: Mapping[Any, Mapping[str, Any]] = {
    # img_height, 20 rounds of fmin_l_bfgs_b with maxfun=20; the history starts anew in each.
    "chollet": {"height": 400, "steps": 400, "restart_every": 20},
    # The second edition follows the gradient alone for 4,000 steps; L-BFGS needs a tenth of them.
    "chollet2": {"height": 400, "steps": 400},
}
"""What presets say of the optimisation itself."""

OF_ONE_OPTIMIZER = {"lr": "adam", "line_search": "lbfgs", "restart_every": "lbfgs"}
"""Settings that the other optimiser does without."""


class MinimizeSettings(BaseModel):
    """How the objective is brought down."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    optimizer: Literal["lbfgs", "adam"] = "lbfgs"
    """L-BFGS or Adam."""
    steps: int = Field(default=300, ge=1)
    """Evaluations of the objective and its gradient, over all scales."""
    line_search: Literal["strong-wolfe", "none"] = "strong-wolfe"
    """How L-BFGS chooses its steps: by the strong Wolfe conditions, or one evaluation a step."""
    restart_every: int | None = Field(default=None, ge=2)
    """Evaluations after which L-BFGS forgets its history, as a program does that calls it in rounds."""
    lr: float = Field(default=0.02, gt=0)
    """Learning rate of Adam, for pictures in [0, 1]."""


class OptimizeConfig(MinimizeSettings, LossSettings):
    """All settings of one picture's optimisation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    height: int | None = Field(default=None, ge=16)
    """Height of the picture in pixels; that of the photograph if not given."""
    start: str = "photograph"
    """What the first picture is: photograph, noise, or a picture file."""
    background: Background = WHITE
    """Colour that a transparent photograph is seen on; it stays transparent itself: white, black or
    '#rrggbb'."""
    scales: int = Field(default=1, ge=1)
    """Sizes to go through from coarse to fine, each twice the one before, with equal steps."""
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)
    """Seed of the noise."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Kind of device."""

    @model_validator(mode="before")
    @classmethod
    def _preset_fills_its_program(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {**PROGRAMS.get(values.get("loss_preset"), {}), **values}

    @model_validator(mode="after")
    def _every_scale_is_evaluated(self) -> Self:
        if self.steps < self.scales:
            raise ValueError(f"steps is {self.steps}; {self.scales} scales need at least {self.scales}")
        return self

    @model_validator(mode="after")
    def _optimizer_has_what_is_given(self) -> Self:
        stated = self.model_fields_set - PROGRAMS.get(self.loss_preset, {}).keys()
        for name, optimizer in OF_ONE_OPTIMIZER.items():
            if name in stated and self.optimizer != optimizer:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it is for optimizer {optimizer}, not "
                    f"{self.optimizer}: leave it out"
                )
        return self

    @property
    def start_file(self) -> Path | None:
        """The picture file to start from, if it is one."""
        return None if self.start in ("photograph", "noise") else Path(self.start)
