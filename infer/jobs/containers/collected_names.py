"""Which pictures a tar or parquet file holds that an earlier job made."""

import os
import tarfile
from pathlib import Path

from allaprima.bounded_tar import BoundedTarFile
from allaprima.infer.jobs.storage.local_copies import local_copy
from allaprima.infer.jobs.storage.url import Location


def names_in(file: Location) -> set[str]:
    """Return the names of the pictures in a file, as `text_of` has them.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is none of a job's, or damaged.
    """
    with local_copy(file) as copy:
        try:
            return _names_in_tar(copy) if copy.suffix.lower() == ".tar" else _names_in_parquet(copy)
        except (tarfile.TarError, ValueError) as error:
            raise ValueError(f"'{file}' is there, but no job's result, or damaged ({error})") from error


def text_of(name: str) -> str:
    """Return a name, which need not be text, as text."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _names_in_tar(file: Path) -> set[str]:
    with file.open("rb") as opened, BoundedTarFile(fileobj=opened) as tar:
        return {text_of(info.name) for info in tar}


def _names_in_parquet(file: Path) -> set[str]:
    import pyarrow as pa

    from allaprima.bounded_parquet import open_parquet_file

    try:
        with open_parquet_file(file) as table:
            batches = table.iter_batches(columns=["name"])
            return {name for batch in batches for name in batch.column("name").to_pylist()}
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(str(error)) from error
