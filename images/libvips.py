"""libvips, which keeps no results and says nothing by itself."""

import logging
from typing import Any


def libvips() -> Any:
    """Import libvips: pictures are not asked for twice, and its own lines about damaged files name none."""
    import pyvips

    logging.getLogger("pyvips").setLevel(logging.CRITICAL)
    pyvips.cache_set_max(0)
    return pyvips


def reason_of_vips(error: Exception) -> str:
    """Return what libvips says is wrong, its last word."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
