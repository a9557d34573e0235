"""What a JPEG 2000 file says of its numbers."""

from typing import IO

from PIL import Image

_START = b"\xff\x4f\xff\x51"
"""Of the codestream and its sizes."""

_COUNT, _BITS, _EACH = 40, 42, 3
"""Bytes from there to the number of channels, and to the bits of the first; bytes of each."""


def has_deep_colours(image: Image.Image, file: IO[bytes]) -> bool:
    """Return whether a picture that Pillow takes for one of several channels has more than 8 bits in one.

    Pillow rounds those to bytes and lets white overflow to black.
    """
    if image.mode[0] == "I":
        return False
    file.seek(0)
    content = file.read()
    start = content.find(_START)
    count = int.from_bytes(content[start + _COUNT : start + _BITS], "big")
    bits = content[start + _BITS : start + _BITS + _EACH * count : _EACH]
    return start >= 0 and any((number & 0x7F) + 1 > 8 for number in bits)
