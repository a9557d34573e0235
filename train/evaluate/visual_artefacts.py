"""Faults that networks of this kind are known for, as figures."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PERIOD = 4
"""Pixels after which a network with two upsamplings repeats itself; its halves are covered too."""

BORDER = 8
"""Width of the border in pixels."""

PROBE_SIDE = 192
PROBE_MARGIN = 32
GREYS = (0.25, 0.5, 0.75)

BLOB_RADII = (3.0, 9.0)
"""Deviations, in pixels, of the Gaussians whose difference answers to blobs."""

BLOB_STRENGTH = 0.15
"""Least answer of a blob, for pictures in [0, 1]; a disc of full contrast and radius 6 gives 0.6."""

BLOB_RING = 16
"""Pixels from its middle at which a blob has faded; lines, corners and rims go on there."""

BLOB_FADED = 0.5
"""Share of a blob's answer that may be left there."""

BLOB_RARITY = 4.0
"""How many times the median answer of the picture a blob stands out, so that strokes do not count."""


def checkerboard_energy(picture: Tensor) -> float:
    """Return the strength of what repeats every 4 or 2 pixels, in grey levels of 255.

    The root of the power at those frequencies of the spectrum, less what the frequencies around them
    have, so that texture does not count: 0 for a flat picture, 127.5 for black and white pixels in turn.

    Args:
        picture: `(B, 3, H, W)`, RGB in [0, 1], best the middle of the answer to a flat picture.
    """
    height, width = (side // PERIOD * PERIOD for side in picture.shape[-2:])
    spectrum = torch.fft.fft2(picture[..., :height, :width].double(), norm="forward")  # (B, 3, H, W)
    power = spectrum.abs().square()
    power[..., 0, 0] = 0
    shifts = [(y, x) for y in (-2, -1, 0, 1, 2) for x in (-2, -1, 0, 1, 2) if (y, x) != (0, 0)]
    neighbourhood = torch.stack([power.roll(shift, dims=(-2, -1)) for shift in shifts]).mean(dim=0)
    neighbourhood[..., 0, 0] = 0
    excess = (power - neighbourhood)[..., :: height // PERIOD, :: width // PERIOD]  # (B, 3, 4, 4)
    return 255 * float(excess.sum(dim=(-2, -1)).mean().clamp(min=0).sqrt())


def border_difference(stylized_image: Tensor, content_image: Tensor) -> float:
    """Return how much more the border differs from the rest than in the photograph, in grey levels.

    The root mean square, over colours, of the differences in mean and in standard deviation.

    Args:
        stylized_image: `(1, 3, H, W)`, RGB in [0, 1].
        content_image: The photograph, same shape.
    """
    difference = _border_statistics(stylized_image) - _border_statistics(content_image)
    return 255 * float(difference.square().mean().sqrt())


def clipped_share(stylized_image: Tensor) -> float:
    """Return the share of values, `(B, 3, H, W)` in [0, 1], that 8 bits round to 0 or 255."""
    levels = (255 * stylized_image).round()
    return float(((levels <= 0) | (levels >= 255)).float().mean())


def count_blobs(stylized_image: Tensor, content_image: Tensor) -> int:
    """Return the number of lone round spots that are not in the photograph.

    A spot is a local maximum of a difference of Gaussians that is strong, rare in the picture, at
    least three times as strong as the photograph's there, and fades in all directions.

    Args:
        stylized_image: `(1, 3, H, W)`, RGB in [0, 1].
        content_image: The photograph, same shape.
    """
    reach = 2 * round(BLOB_RADII[1]) + 1
    answer, of_photograph = _blob_answer(stylized_image), _blob_answer(content_image)
    nearby = F.max_pool2d(of_photograph, reach, stride=1, padding=reach // 2)
    is_peak = answer == F.max_pool2d(answer, reach, stride=1, padding=reach // 2)
    is_strong = answer > max(BLOB_STRENGTH, BLOB_RARITY * float(answer.median()))
    peaks = (is_peak & is_strong & (answer > 3 * nearby))[0, 0].nonzero().tolist()
    return len(_lone_and_round(answer[0, 0], peaks))


@torch.no_grad()
def flat_figures(network: nn.Module) -> dict[str, float]:
    """Return `checkerboard` and `flat_border` of a network's answers to three flat greys.

    The greys have a grain of one level, as skies do: instance normalisation turns an exactly flat
    picture into nothing.

    Args:
        network: Pictures `(B, 3, H, W)` to pictures of the same size, RGB in [0, 1].
    """
    generator = torch.Generator().manual_seed(0)
    grain = torch.randn(len(GREYS), 3, PROBE_SIDE, PROBE_SIDE, generator=generator) / 255
    flat = (torch.tensor(GREYS).view(-1, 1, 1, 1) + grain).to(next(network.parameters()).device)
    answers, flat = network(flat).cpu(), flat.cpu()
    middle = slice(PROBE_MARGIN, -PROBE_MARGIN)
    pairs = [(answers[index : index + 1], flat[index : index + 1]) for index in range(len(GREYS))]
    borders = [border_difference(answer, grey) for answer, grey in pairs]
    return {
        "checkerboard": checkerboard_energy(answers[..., middle, middle]),
        "flat_border": sum(borders) / len(borders),
    }


def picture_figures(stylized_image: Tensor, content_image: Tensor) -> dict[str, float]:
    """Return `border`, `clipped` and `blobs` of one stylised picture, `(1, 3, H, W)`."""
    stylized_image, content_image = stylized_image.cpu(), content_image.cpu()  # MPS has no float64
    return {
        "border": border_difference(stylized_image, content_image),
        "clipped": clipped_share(stylized_image),
        "blobs": float(count_blobs(stylized_image, content_image)),
    }


def _lone_and_round(answer: Tensor, peaks: list[list[int]]) -> list[list[int]]:
    """Return those peaks of an answer, `(H, W)`, around which it fades, one for each spot."""
    kept: list[list[int]] = []
    for row, column in peaks:
        if any((row - r) ** 2 + (column - c) ** 2 < BLOB_RING**2 for r, c in kept):
            continue
        top, left = max(0, row - BLOB_RING), max(0, column - BLOB_RING)
        neighbourhood = answer[top : row + BLOB_RING + 1, left : column + BLOB_RING + 1]
        y, x = torch.meshgrid(*(torch.arange(side) for side in neighbourhood.shape), indexing="ij")
        distance = ((y - row + top) ** 2 + (x - column + left) ** 2).sqrt()
        ring = neighbourhood[(distance > BLOB_RING - 2) & (distance <= BLOB_RING)]
        if ring.max() <= BLOB_FADED * answer[row, column]:
            kept.append([row, column])
    return kept


def _border_statistics(image: Tensor) -> Tensor:
    """Return the border's minus the rest's mean and standard deviation by colour, `(2, 3)`."""
    image = image[0].double()
    width = min(BORDER, (min(image.shape[-2:]) - 1) // 2)
    is_rest = torch.zeros(image.shape[-2:], dtype=torch.bool, device=image.device)
    is_rest[width:-width, width:-width] = True
    border, rest = image[:, ~is_rest], image[:, is_rest]
    return torch.stack(
        [border.mean(1) - rest.mean(1), border.std(1, correction=0) - rest.std(1, correction=0)]
    )


def _blob_answer(image: Tensor) -> Tensor:
    """Return the strongest difference of Gaussians over colours, `(1, 1, H, W)`."""
    near, far = (_blurred(image.float(), radius) for radius in BLOB_RADII)
    return (near - far).abs().amax(dim=1, keepdim=True)


def _blurred(image: Tensor, deviation: float) -> Tensor:
    reach = round(3 * deviation)
    x = torch.arange(-reach, reach + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (x / deviation).square())
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    padded = F.pad(image, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)
