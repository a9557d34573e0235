"""Networks that have a name: the paper's, and smaller ones of its kind."""

from typing import Any, Literal

from .network_settings import NetworkSettings

NetworkName = Literal["paper", "fast", "tiny"]

_SMALL: dict[str, Any] = {"end_stride": 2, "skip_connection": True, "upsampling": "bilinear"}

NETWORKS: dict[NetworkName, NetworkSettings] = {
    "paper": NetworkSettings(upsampling="bilinear"),
    "fast": NetworkSettings(width=16, residual_blocks=3, **_SMALL),
    "tiny": NetworkSettings(width=8, residual_blocks=2, **_SMALL),
}
"""The paper's network and smaller ones of its kind (docs/speed.md says what each takes and costs)."""
