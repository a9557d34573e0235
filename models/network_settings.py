"""What defines a transformer network; light, so that command lines and engines need no torch for it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MINIMUM_SIZE = 16
"""Smallest height and width, in pixels, that the network accepts."""

Upsampling = Literal["nearest", "bilinear"]


class NetworkSettings(BaseModel):
    """The transformer network."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    width: int = Field(default=32, ge=1)
    """Channels of its first layer; the residual blocks have four times as many."""
    residual_blocks: int = Field(default=5, ge=0)
    """Residual blocks."""
    end_stride: int = Field(default=1, ge=1, le=2)
    """Stride of the first convolution, which the last one undoes: 2 works at half the resolution."""
    skip_connection: bool = False
    """Add the feature maps before the last downsampling to those after the first upsampling."""

    upsampling: Upsampling = "nearest"
    """How maps are enlarged: bilinear, after a convolution, or nearest, before it, as in older files."""

    @property
    def stride(self) -> int:
        """Factor between the picture and the residual blocks; sides are padded to a multiple of it."""
        return 4 * self.end_stride
