"""Where what can be made again is kept."""

import os
from pathlib import Path


def default_cache_dir() -> Path:
    """Return `$ALLAPRIMA_CACHE`, or `allaprima` in the user's cache folder."""
    if own := os.environ.get("ALLAPRIMA_CACHE"):
        return Path(own).expanduser()
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "allaprima"
