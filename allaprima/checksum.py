"""The hash of files, read in parts."""

import hashlib
from pathlib import Path


def sha256_of(*files: Path, more: str = "") -> str:
    """Return the SHA-256 of files, one after another, and of further text, in 64 hexadecimal digits.

    Raises:
        OSError: If one cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    digest.update(more.encode())
    return digest.hexdigest()
