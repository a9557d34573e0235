"""Sizes of pictures as people write them."""


def parse_size(text: str) -> tuple[int, int]:
    """Return height and width of `WxH`.

    Raises:
        ValueError: If it is none, or too small for a network.
    """
    width, cross, height = text.strip().lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise ValueError(f"size '{text}' is not one; expected WxH, for example 1280x720")
    if min(int(width), int(height)) < 16:
        raise ValueError(f"size '{text}' is too small; pictures have at least 16x16 pixels")
    return int(height), int(width)
