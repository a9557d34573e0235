"""The image transformation network of Johnson et al. 2016, and smaller ones of its kind."""

from torch import Tensor, nn

from .layers import (
    ConvBlock,
    PixelShuffleConv,
    ResidualBlock,
    UpsampleBlock,
    crop,
    pad_to_multiple,
    padded_conv,
)
from .network_settings import MINIMUM_SIZE, NetworkSettings, Upsampling
from .output_range import squash, squash_and_draw_back


class TransformerNetwork(nn.Module):
    """Paint a picture in one style, in a single pass.

    The layers of Johnson et al. 2016 (supplementary material, table 1) with instance
    normalisation, resize-convolution and reflection padding inside each convolution. With
    `end_stride` 2 all layers work at half the resolution: the first convolution has a stride, and
    the last returns blocks of 2x2 pixels as channels (Shi et al. 2016); both are smaller than 9x9.
    A skip connection (Ronneberger et al. 2015; here a sum) brings detail past the narrow middle.

    Args:
        width: Channels of the first layer; the residual blocks have four times as many.
        residual_blocks: Number of residual blocks.
        end_stride: Stride of the first convolution, 1 or 2.
        skip_connection: Add the feature maps before the last downsampling to those after the first
            upsampling.
        upsampling: How maps are enlarged.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        width: int = 32,
        residual_blocks: int = 5,
        end_stride: int = 1,
        skip_connection: bool = False,
        upsampling: Upsampling = "nearest",
    ) -> None:
        super().__init__()
        if width < 1 or residual_blocks < 0 or end_stride not in (1, 2):
            raise ValueError(
                f"width is {width}, residual_blocks {residual_blocks} and end_stride {end_stride}; "
                "expected at least 1, at least 0, and 1 or 2"
            )
        self.settings = NetworkSettings(
            width=width,
            residual_blocks=residual_blocks,
            end_stride=end_stride,
            skip_connection=skip_connection,
            upsampling=upsampling,
        )
        self.encoder = nn.Sequential(
            ConvBlock(3, width, kernel_size=9 if end_stride == 1 else 5, stride=end_stride),
            ConvBlock(width, 2 * width, stride=2),
            ConvBlock(2 * width, 4 * width, stride=2),
        )
        self.residual = nn.Sequential(*(ResidualBlock(4 * width) for _ in range(residual_blocks)))
        self.decoder = nn.Sequential(
            UpsampleBlock(4 * width, 2 * width, upsampling),
            UpsampleBlock(2 * width, width, upsampling),
            padded_conv(width, 3, kernel_size=9)
            if end_stride == 1
            else PixelShuffleConv(width, 3, end_stride),
        )

    def forward(self, content_image: Tensor) -> Tensor:
        """Return the stylised picture.

        In training mode the output may overshoot [0, 1] by 5 %, so that saturated
        pixels still receive a gradient; in evaluation mode it is clamped.

        Args:
            content_image: Pictures, `(B, 3, H, W)`, RGB in [0, 1], H and W at least 16.

        Returns:
            Pictures, `(B, 3, H, W)`, RGB in [0, 1].

        Raises:
            ValueError: If the shape is not `(B, 3, H, W)` or a side is below 16.
        """
        height, width = _checked_size(content_image)
        x = pad_to_multiple(content_image, self.settings.stride)  # (B, 3, H', W')
        x = crop(self.paint(2 * x - 1), height, width)  # (B, 3, H, W)
        return squash_and_draw_back(x) if self.training else squash(x).clamp(0, 1)

    def paint(self, x: Tensor) -> Tensor:
        """Map pictures in [-1, 1], sides multiples of the stride, to what the output's tanh takes."""
        # What is not needed any more is let go at once, for pictures take gigabytes.
        x = self.encoder[:2](x)  # (B, 2 width, H / (2 end_stride), W / (2 end_stride))
        shallow = x if self.settings.skip_connection else None
        x = self.decoder[0](self.residual(self.encoder[2](x)))  # (B, 2 width, ...), from half that size
        x = x if shallow is None else x + shallow
        del shallow
        painted: Tensor = self.decoder[1:](x)
        return painted


def _checked_size(image: Tensor) -> tuple[int, int]:
    """Return height and width of `(B, 3, H, W)`, or raise ValueError."""
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"content_image has shape {tuple(image.shape)}; expected (B, 3, H, W)")
    height, width = image.shape[2:]
    if min(height, width) < MINIMUM_SIZE:
        raise ValueError(
            f"picture is {width}x{height} pixels; the smallest that works is {MINIMUM_SIZE}x{MINIMUM_SIZE}"
        )
    return height, width
