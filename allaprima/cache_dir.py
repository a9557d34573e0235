"""Where what can be made again is kept."""

import atexit
import logging
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

_log = logging.getLogger(__name__)


def default_cache_dir() -> Path:
    """Return `$ALLAPRIMA_CACHE`, or `allaprima` in the user's cache folder.

    Where that cannot be written, or nobody says where it is, as in containers without a user, it is a
    folder for as long as this process lives, and that is said once.
    """
    try:
        folder = _named()
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
        reason = f"'{folder}' cannot be written"
    except RuntimeError:  # no $HOME, and no user of that number
        reason = "there is no home folder"
    except OSError as error:
        reason = f"'{error.filename}' cannot be written: {error.strerror}"
    return _for_now(reason)


def _named() -> Path:
    if own := os.environ.get("ALLAPRIMA_CACHE"):
        return Path(own).expanduser()
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "allaprima"


@cache
def _for_now(reason: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="allaprima-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _log.warning("nothing is kept for the next time, since %s: $ALLAPRIMA_CACHE names a folder", reason)
    return folder
