"""What a style file says of the objective it was trained against: the contract of training and evaluation."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


@dataclass(frozen=True)
class LossWeights:
    """The absolute weight of every part of the objective."""

    content: Mapping[str, float]
    """Weight by content layer."""
    style: Mapping[str, float]
    """Weight by style layer."""
    tv: float
    """Weight of the total variation."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain dictionaries, for headers and checkpoints."""
        return asdict(self)


class LossDescription(BaseModel):
    """The loss settings of a run, the weights they came to, and the loss network.

    Only what was said is written: a file that says nothing of a setting leaves it to the reader's default.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    loss_preset: str | None = None
    strength: float | None = None
    style_size: int | None = None
    """Shorter side of the style picture in pixels; None where it was as large as it is."""
    style_scales: int = 1
    """Sizes of the style picture in one objective, each half of the one before."""
    loss_network: str | None = None
    content_layers: tuple[str, ...] = ()
    style_layers: tuple[str, ...] = ()
    content_weight: float | None = None
    style_weight: float | None = None
    tv_weight: float | None = None
    calibrated: bool | None = None
    """Whether the weights were found from photographs."""
    weights: LossWeights | None = None
    lineage: str | None = None
    """Which training of VGG the loss network comes from."""
    fingerprint: str | None = None
    """Of the loss network's weights."""

    @model_serializer(mode="wrap")
    def _what_was_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}
