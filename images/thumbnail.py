"""The small pictures in headers of style files."""

import base64

from .picture_files import read_picture
from .pixels import Pixels

LARGEST = 512 * 512
"""Pixels; the program's own have at most 128 a side."""


def decode_thumbnail(encoded: str) -> Pixels | None:
    """Return a picture that a header holds, `(H, W, 3)`, or None where none of that size can be read."""
    try:
        return read_picture(base64.b64decode(encoded), max_pixels=LARGEST).rgb
    except ValueError:
        return None
