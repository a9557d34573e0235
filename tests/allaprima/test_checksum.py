"""The hash of files is that of all their bytes, one after another."""

import hashlib
from pathlib import Path

from allaprima.checksum import sha256_of


def test_files_are_hashed_one_after_another(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(bytes(range(256)) * 5000)  # more than is read at a time
    second.write_bytes(b"rest")
    whole = first.read_bytes() + b"rest" + "größer".encode()
    assert sha256_of(first, second, more="größer") == hashlib.sha256(whole).hexdigest()
    assert sha256_of() == hashlib.sha256().hexdigest()
