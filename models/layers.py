"""The blocks of the transformer network."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .network_settings import Upsampling


class ConvBlock(nn.Sequential):
    """Reflection padding, convolution, instance normalisation and ReLU.

    Instance normalisation instead of batch normalisation: Ulyanov et al. 2016.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int = 3, stride: int = 1) -> None:
        super().__init__(
            padded_conv(in_channels, out_channels, kernel_size=kernel_size, stride=stride),
            nn.InstanceNorm2d(out_channels, affine=True),
            nn.ReLU(inplace=True),
        )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut, without a ReLU after the sum (Gross and Wilber 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvBlock(channels, channels),
            padded_conv(channels, channels, kernel_size=3),
            nn.InstanceNorm2d(channels, affine=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map `(B, C, H, W)` to `(B, C, H, W)`."""
        residual: Tensor = self.body(features)
        return features + residual


class UpsampleBlock(nn.Module):
    """Enlargement to twice the size and a convolution, then normalisation and ReLU.

    Instead of the paper's transposed convolution, whose uneven overlap leaves a checkerboard (Odena et
    al. 2016). After nearest enlargement the pixels of a block still see different neighbourhoods, which
    shows as a grid of 4 pixels. Here the convolution comes first, for a quarter of the multiplications, then
    a blur and bilinear enlargement: what alternates from one pixel of the small map to the next is a weave
    in the picture, and on flat greys a grid (6.97 levels without the blur, 0.10 with it).

    Args:
        in_channels: Channels of the small map.
        out_channels: Channels of the large one.
        upsampling: `"nearest"` enlarges before the convolution, `"bilinear"` after it.
    """

    def __init__(self, in_channels: int, out_channels: int, upsampling: Upsampling = "nearest") -> None:
        super().__init__()
        self.upsampling = upsampling
        self.conv = ConvBlock(in_channels, out_channels)
        self.blur = Blur() if upsampling == "bilinear" else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """Map `(B, C, H, W)` to `(B, out_channels, 2H, 2W)`."""
        _, norm, relu = self.conv
        activated: Tensor = relu(norm(self.convolve_and_enlarge(features)))
        return activated

    def convolve_and_enlarge(self, features: Tensor) -> Tensor:
        """Return `(B, out_channels, 2H, 2W)` before normalisation, in the order of `upsampling`."""
        if self.upsampling == "bilinear":
            return self.enlarge(self.conv[0](features))
        larger: Tensor = self.conv[0](self.enlarge(features))
        return larger

    def enlarge(self, maps: Tensor) -> Tensor:
        """Blur, if that is done, and enlarge: `(B, C, H, W)` to `(B, C, 2H, 2W)`."""
        return F.interpolate(self.blur(maps), scale_factor=2, mode=self.upsampling)


class Blur(nn.Module):
    """The binomial filter [1 2 1] / 4 along rows and columns, which removes what repeats every 2 pixels."""

    def __init__(self) -> None:
        super().__init__()
        taps = torch.tensor([0.25, 0.5, 0.25], device="cpu")  # not "meta", where only weights are read later
        self.register_buffer("kernel", torch.outer(taps, taps)[None, None], persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Map `(B, C, H, W)` to the same, with the border repeated."""
        channels = features.shape[1]
        kernel = self.get_buffer("kernel").to(features.dtype).expand(channels, 1, 3, 3)
        return F.conv2d(F.pad(features, (1, 1, 1, 1), mode="replicate"), kernel, groups=channels)


class PixelShuffleConv(nn.Sequential):
    """A 3x3 convolution that returns blocks of pixels as channels (Shi et al. 2016).

    The pixels of a block begin with the same weights, so that blocks do not show (Aitken et al. 2017).
    """

    def __init__(self, in_channels: int, out_channels: int, factor: int) -> None:
        conv = padded_conv(in_channels, out_channels * factor**2, kernel_size=3)
        for parameter in conv.parameters():
            blocks = parameter.data.view(out_channels, factor**2, *parameter.shape[1:])
            blocks.copy_(blocks[:, :1].clone())
        super().__init__(conv, nn.PixelShuffle(factor))


def padded_conv(in_channels: int, out_channels: int, *, kernel_size: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution whose border mirrors the picture, so that edges get no frame."""
    return nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, padding_mode="reflect"
    )


def pad_to_multiple(images: Tensor, factor: int) -> Tensor:
    """Mirror pictures, `(..., H, W)`, at the right and the bottom, up to sides that are multiples."""
    height, width = images.shape[-2:]
    # Not by a remainder: exporters take longer to understand that.
    right = (width + factor - 1) // factor * factor - width
    bottom = (height + factor - 1) // factor * factor - height
    return F.pad(images, (0, right, 0, bottom), mode="reflect")


def crop(images: Tensor, height: int, width: int) -> Tensor:
    """Return the top left of pictures, `(..., H, W)`, without what they were padded with."""
    # No slice, which ends at the border if that comes first: compiled for all sizes, torch 2.11 takes its
    # length for unknown, and has no code for that on CUDA.
    return images.narrow(-2, 0, height).narrow(-1, 0, width)


def block_kernel(weight: Tensor) -> Tensor:
    """Return the convolution of stride 2 whose channels are the 2x2 pixels of another's results.

    The four pixels of a block see windows that are shifted by one, so one kernel that is larger by one
    and has zeros at its border holds all four; it moves by two pixels. The paper's last convolution
    multiplies 1.2 times as often for it, but with twelve channels instead of three, of the eight or sixteen
    that processors compute at a time.

    Args:
        weight: `(out, in, k, k)`, k odd.

    Returns:
        `(4 out, in, k + 1, k + 1)`, in the order of `torch.nn.PixelShuffle`.
    """
    shifted = [F.pad(weight, (column, 1 - column, row, 1 - row)) for row in (0, 1) for column in (0, 1)]
    return torch.stack(shifted, 1).flatten(0, 1)
