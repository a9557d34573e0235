"""Pictures inside WebDataset tar files, found and read without unpacking.

Read here rather than by the webdataset builder of `datasets`: that copies the data, and gives up
on shards that mix .jpg with .png or have one damaged .json.
"""

import itertools
import logging
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from allaprima.bounded_tar import BoundedTarFile
from allaprima.images.picture_files import picture_suffixes

from .undecoded_picture import LARGEST_PICTURE, NoPicture

_log = logging.getLogger(__name__)
_PREFERRED = ("jpg", "jpeg", "png", "webp")
_NO_PICTURE = len(_PREFERRED) + 1


@dataclass(frozen=True, slots=True)
class TarMember:
    """A picture inside an uncompressed tar file."""

    path: Path
    name: str
    offset: int
    size: int

    def payload(self) -> bytes | NoPicture:
        """Return what to decode."""
        if self.size > LARGEST_PICTURE:
            return NoPicture(f"it has {self.size} bytes, more than {LARGEST_PICTURE}")
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def tar_pictures(archive: Path, image_column: str | None) -> Iterator[TarMember]:
    """Yield the pictures of a tar file, one per WebDataset sample, in the file's order.

    Members whose names agree up to the first dot of the file name are one sample; what follows
    that dot is the column.

    Args:
        archive: An uncompressed tar file.
        image_column: Which member of a sample to take; by itself a picture suffix, jpg first.

    Raises:
        ValueError: If the file is not an uncompressed tar file.
    """
    with archive.open("rb") as file:
        try:
            tar = BoundedTarFile(fileobj=file)
        except tarfile.TarError as error:
            raise ValueError(
                f"'{archive}' is not an uncompressed tar file ({error}); unpack it, or make it anew with "
                "'tar cf'"
            ) from error
        for sample, members in itertools.groupby(_files(tar, archive), key=lambda member: _split(member)[0]):
            member = min(members, key=lambda member: _rank(member, image_column))
            if _rank(member, image_column) < _NO_PICTURE:
                name = f"{archive.name}/{sample}.{_split(member)[1]}"
                yield TarMember(archive, name, member.offset_data, member.size)


def _files(tar: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    try:
        for member in tar:
            if member.size < 0:
                raise tarfile.ReadError(f"a member has {member.size} bytes")
            if member.isfile() and not _basename(member).startswith("."):
                yield member
    except (tarfile.ReadError, OSError, ValueError) as error:  # the latter of impossible places
        _log.warning("'%s' is cut short or damaged (%s); using the pictures before that", archive, error)


def _basename(member: tarfile.TarInfo) -> str:
    return member.name.rsplit("/", 1)[-1]


def _split(member: tarfile.TarInfo) -> tuple[str, str]:
    base = _basename(member)
    stem, _, column = base.partition(".")
    return member.name[: len(member.name) - len(base)] + stem, column


def _rank(member: tarfile.TarInfo, image_column: str | None) -> int:
    """Return how much a member is to be preferred, less is more."""
    column = _split(member)[1]
    if image_column is not None:
        return 0 if column == image_column else _NO_PICTURE
    column = column.lower()
    if column in _PREFERRED:
        return _PREFERRED.index(column)
    return len(_PREFERRED) if f".{column}" in picture_suffixes() else _NO_PICTURE
