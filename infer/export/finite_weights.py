"""Numbers as they lie in model files, looked at before a runtime computes with them."""

import numpy as np


def require_finite(content: bytes, dtype: str, name: str) -> None:
    """Raise ValueError if numbers that lie one after another, little-endian, are not all finite.

    Args:
        content: Their bytes.
        dtype: Their type: float16, bfloat16, float32 or float64.
        name: What the message calls them.

    Raises:
        ValueError: If one is not finite, or the bytes are no whole numbers of that type.
    """
    if dtype == "bfloat16":  # NumPy has none: the upper half of a float32
        finite = (np.frombuffer(content, "<u2") & 0x7F80) != 0x7F80
    else:
        finite = np.isfinite(np.frombuffer(content, np.dtype(dtype).newbyteorder("<")))
    if not finite.all():
        raise ValueError(f"{name} holds numbers that are not finite")
