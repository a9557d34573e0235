"""What defines a transformer network; light, so that command lines and engines need no torch for it."""

from pydantic import BaseModel, ConfigDict, Field

MINIMUM_SIZE = 16
"""Smallest height and width, in pixels, that the network accepts."""


class NetworkSettings(BaseModel):
    """The transformer network."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    width: int = Field(32, ge=1)
    """Channels of its first layer; the residual blocks have four times as many."""
    residual_blocks: int = Field(5, ge=0)
    """Residual blocks."""
