"""Tar files that are read without trust in the sizes they claim."""

import tarfile
from typing import Any

LARGEST_HEADERS = 1 << 20
"""Bytes that may describe a member, long names and lists of holes included; usual are 512 to 2048."""


class BoundedTarFile(tarfile.TarFile):
    """A tar file to be read from front to back, in memory that does not grow with it.

    Python's own takes whatever a header claims to need, gigabytes of a few compressed kilobytes, and keeps
    every header that it has read. Give it a file, or open it as a stream (`r|*`).
    """

    members: list[tarfile.TarInfo]

    def __init__(self, name: Any = None, mode: Any = "r", fileobj: Any = None, **options: Any) -> None:
        bounded: Any = _Bounded(fileobj)
        super().__init__(name, mode, bounded, **options)

    def next(self) -> tarfile.TarInfo | None:
        """Return the next member, or None at the end.

        Raises:
            tarfile.ReadError: If it is damaged, or describes itself at unusual length.
        """
        bounded: Any = self.fileobj
        bounded.left = LARGEST_HEADERS
        try:
            member = super().next()
        except RecursionError as error:  # headers of headers
            raise tarfile.ReadError("a member has too many headers") from error
        self.members.clear()
        bounded.left = member.size if member else 0
        return member


class _Bounded:
    """A file that gives only so many bytes at once."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.left = 0

    def read(self, size: int) -> bytes:
        if size > self.left:
            raise tarfile.ReadError(f"a member has headers of more than {LARGEST_HEADERS} bytes")
        content: bytes = self._file.read(size)
        self.left -= len(content)
        return content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
