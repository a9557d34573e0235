"""Colour: any Pillow image as 8-bit sRGB and alpha, and paintings in their photographs' colours."""

import io
import logging
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from .tiff_kinds import is_unsigned, is_white_zero, white_of

_log = logging.getLogger(__name__)

ColorChoice = Literal["style", "keep"]
"""Colours of a painting: those of the style, or the photograph's own."""

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Y of YIQ, by red, green and blue."""

_WHOLE_WHITES = (65_535, 2**31 - 1, 2**32 - 1)
_FLOAT_WHITES = (1.0, 255.0, 65_535.0)
_HIGHLIGHTS = 16
"""Up to where values above 1 are light, four stops brighter, rather than levels of 255."""

_GAMMA_OF_SRGB = 0.05
"""How far, as a share, an exponent may be from 1 / 2.2 to be that of sRGB."""

_ROWS = 256
"""Worked on at a time."""

_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, *, name: str = "picture") -> Image.Image:
    """Return an image as RGB in sRGB, alpha dropped.

    An embedded colour profile is followed, and one that cannot be is logged and ignored. Pixels
    without a profile count as sRGB. Greys of more than 8 bits are scaled, not clipped.

    Args:
        image: A loaded image of any mode.
        name: What log messages call it.
    """
    colour = _plain_colour(image, name)
    if colour.mode == "LAB":
        return _transformed(colour, ImageCms.createProfile("LAB"))
    profile = image.info.get("icc_profile")
    if profile:
        try:
            return _follow_profile(colour, profile)
        except (ImageCms.PyCMSError, OSError, ValueError, KeyError) as error:
            _log.warning("%s: colour profile ignored: %s", name, error)
    gamma = gamma_of(image)
    if gamma is None:
        return colour.convert("RGB")
    return colour.convert("RGB").point(_levels_of_gamma(gamma) * 3)


def gamma_of(image: Image.Image) -> float | None:
    """Return the exponent that a PNG file was encoded with, where that is another than of sRGB and decides.

    A profile, and the word that it is sRGB, count more, as the PNG specification says, and viewers do.
    """
    gamma = image.info.get("gamma")
    if not gamma or "icc_profile" in image.info or "srgb" in image.info:
        return None
    return None if abs(gamma * 2.2 - 1) < _GAMMA_OF_SRGB else float(gamma)


def _levels_of_gamma(gamma: float) -> list[int]:
    """Return the level in sRGB of each of 256 that were encoded with an exponent."""
    light = np.linspace(0, 1, 256) ** (1 / gamma)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    levels: list[int] = np.rint(255 * encoded).astype(int).tolist()
    return levels


def alpha_channel(image: Image.Image) -> Image.Image | None:
    """Return the opacity of a loaded image as mode L, or None where it has no transparency."""
    if not image.has_transparency_data:
        return None
    if image.mode[0] in "IF":
        transparent = np.asarray(image) == image.info["transparency"]
        return Image.fromarray(np.where(transparent, 0, 255).astype(np.uint8))
    if image.mode == "La":  # which Pillow converts to nothing else
        image = image.convert("LA")
    return image.convert("RGBA").getchannel("A")


def _plain_colour(image: Image.Image, name: str) -> Image.Image:
    """Drop alpha and palette and reduce deep greys to 8 bits; other colour spaces stay."""
    if image.mode[0] in "IF":
        return Image.fromarray(levels_of(_numbers(image), name, white=white_of(image)))
    if image.mode in ("P", "PA", "RGBa", "RGBX"):
        return image.convert("RGBA").convert("RGB")
    simpler = {"1": "L", "LA": "L", "La": "LA", "RGBA": "RGB", "HSV": "RGB", "YCbCr": "RGB"}
    while image.mode in simpler:
        image = image.convert(simpler[image.mode])
    return image


def _numbers(image: Image.Image) -> NDArray[Any]:
    """Return deep greys from black to white, without the sign that Pillow gives to 32 bits."""
    values = np.asarray(image)
    if values.dtype == np.int32 and image.format == "TIFF" and is_unsigned(image):
        values = values.view(np.uint32)
    if image.format == "TIFF" and is_white_zero(image):
        values = (np.iinfo(values.dtype).max if values.dtype.kind in "iu" else values.max()) - values
    return values


def levels_of(values: NDArray[Any], name: str, *, white: float | None = None) -> NDArray[np.uint8]:
    """Return numbers as bytes: white stays white, and where none is stated it is the next usual one.

    Args:
        values: Of any shape.
        name: What log messages call the picture.
        white: The whole number that stands for white, if that is known; black is 0.
    """
    if values.dtype.kind == "f":
        values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        white = _white_of_floats(values)
        if white not in _FLOAT_WHITES:
            _say_white(name, float(values.max()), white)
    elif white is None:
        white = next(white for white in _WHOLE_WHITES if values.max(initial=0) <= white)
    return np.rint(np.clip(values / white, 0, 1) * 255).astype(np.uint8)


@lru_cache(maxsize=256)
def _say_white(name: str, highest: float, white: float) -> None:
    """Log it, once however often a picture is read."""
    _log.info("%s: values reach %.3g; %.3g becomes white", name, highest, white)


def _white_of_floats(values: NDArray[np.float64]) -> float:
    """Return white: of light a little above 1, as renderers leave it, what few values exceed."""
    highest = float(values.max(initial=0))
    if 1 < highest <= _HIGHLIGHTS:
        return max(1.0, float(np.percentile(values, 99)))
    return next((white for white in _FLOAT_WHITES if highest <= white), _FLOAT_WHITES[-1])


def _follow_profile(colour: Image.Image, profile: bytes) -> Image.Image:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    described: Any = source.profile
    mode = _PROFILE_MODES[described.xcolor_space.strip()]
    if colour.mode == "L" and mode == "RGB":
        colour = colour.convert("RGB")
    if colour.mode != mode:
        raise ValueError(f"a {mode} profile on {colour.mode} pixels")
    return colour if _is_srgb(described) else _transformed(colour, source)


def _transformed(image: Image.Image, source: Any) -> Image.Image:
    result = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert result is not None
    return result


def _is_srgb(profile: Any) -> bool:
    """Tell sRGB by name and primaries: converting it is the identity, and costs a decode."""
    primaries = (profile.red_colorant, profile.green_colorant, profile.blue_colorant)
    expected = ((0.436, 0.222, 0.014), (0.385, 0.717, 0.097), (0.143, 0.061, 0.714))
    return (
        (profile.profile_description or "").startswith("sRGB")
        and all(primaries)
        and np.allclose([primary[0] for primary in primaries if primary], expected, atol=2e-3)
    )


def with_colours_of(photograph: NDArray[Any], painting: NDArray[Any], *, white: float = 255) -> NDArray[Any]:
    """Return a painting in the colours of its photograph: luminance of the one, chroma of the other.

    Y of the result is the painting's, I and Q are the photograph's (Gatys et al. 2017, "Controlling
    perceptual factors in neural style transfer", section 5.2). Where a channel would leave its range, the
    chroma is reduced just so far that luminance and hue stay.

    Args:
        photograph: RGB, `(H, W, 3)`.
        painting: What was made of it, of the same size, type and range.
        white: Value of white; black is 0.
    """
    result = np.empty_like(painting)
    for top in range(0, len(painting), _ROWS):
        rows = slice(top, top + _ROWS)
        luminance = (painting[rows].astype(np.float32) @ _LUMINANCE)[..., None]
        content = photograph[rows].astype(np.float32)
        chroma = content - (content @ _LUMINANCE)[..., None]
        room = np.where(chroma > 0, white - luminance, luminance) / np.maximum(np.abs(chroma), 1e-6)
        values = luminance + chroma * room.min(axis=-1, keepdims=True).clip(0, 1)
        result[rows] = np.rint(values) if result.dtype == np.uint8 else values
    return result
