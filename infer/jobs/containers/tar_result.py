"""A tar file that is written from another one: pictures that were painted, and copies of all else."""

import io
import posixpath
import tarfile
from pathlib import PurePosixPath

from allaprima.images.folders import is_called_picture
from allaprima.infer.jobs.planning.targets import long_name, writable_suffix


class TarResult:
    """Adds members to a tar file, no picture under a name that another member has.

    Args:
        out: The file.
        suffix: Format of all pictures; None keeps that of each where it can be written.
    """

    def __init__(self, out: tarfile.TarFile, suffix: str | None) -> None:
        self._out, self._suffix = out, suffix
        self._taken: set[str] = set()
        self._written: dict[str, str] = {}

    def add_picture(self, info: tarfile.TarInfo, content: bytes) -> str:
        """Add what a member was painted to, and return its name."""
        member = _like(info, self._free(info.name, painted_name(info.name, self._suffix)))
        member.size = len(content)
        self._out.addfile(member, io.BytesIO(content))
        self._written[info.name] = member.name
        return member.name

    def add_copy(self, info: tarfile.TarInfo, content: bytes) -> str:
        """Add a member that is no picture, and return its name; a link leads to what has its target's place.

        Raises:
            ValueError: If it is a hard link to what is not in the result.
        """
        if info.islnk():
            member = self._hard_link(info)
        elif info.issym():
            member = self._symbolic_link(info)
        else:
            member = info
        self._out.addfile(member, io.BytesIO(content) if info.isfile() else None)
        self._taken.add(_plain(member.name))
        self._written[info.name] = member.name
        return member.name

    def _hard_link(self, info: tarfile.TarInfo) -> tarfile.TarInfo:
        """Link to what the target was painted to: it has the same content, which has gone by."""
        written = self._written.get(info.linkname)
        if written is None or is_picture(info.name) != is_picture(info.linkname):
            raise ValueError(
                f"it is a hard link to '{info.linkname}', which failed or is not in front of it as the same "
                "kind of file; store it as a file (tar --hard-dereference)"
            )
        if not is_picture(info.name):
            return info
        name = PurePosixPath(info.name).with_suffix(PurePosixPath(written).suffix)
        return _like(info, self._free(info.name, name), written)

    def _symbolic_link(self, info: tarfile.TarInfo) -> tarfile.TarInfo:
        if not is_picture(info.linkname):
            return info
        target = posixpath.normpath(posixpath.join(posixpath.dirname(info.name), info.linkname))
        written = PurePosixPath(self._written.get(target) or painted_name(target, self._suffix))
        linkname = PurePosixPath(info.linkname).with_name(written.name).as_posix()
        if not is_picture(info.name):
            return _like(info, info.name, linkname)
        name = PurePosixPath(info.name).with_suffix(written.suffix)
        return _like(info, self._free(info.name, name), linkname)

    def _free(self, source: str, name: PurePosixPath) -> str:
        """Return the name, or a longer one if that is taken, and take it."""
        wanted, source = name, PurePosixPath(source).name
        while wanted.as_posix() in self._taken:
            wanted = name.with_name(long_name(source, name.suffix))
            source = wanted.name
        self._taken.add(wanted.as_posix())
        return wanted.as_posix()


def painted_name(name: str, suffix: str | None) -> PurePosixPath:
    """Return what the result of a picture is called, unless another one is."""
    path = PurePosixPath(name)
    return path.with_suffix(writable_suffix(path.suffix, suffix))


def is_picture(name: str) -> bool:
    """Return whether a member is called a picture."""
    return is_called_picture(PurePosixPath(name))


def _plain(name: str) -> str:
    return PurePosixPath(name).as_posix()


def _like(info: tarfile.TarInfo, name: str, linkname: str = "") -> tarfile.TarInfo:
    """Return a member of another name; a copy would keep the old one in its extended headers."""
    member = tarfile.TarInfo(name)
    member.mtime, member.mode, member.linkname = info.mtime, info.mode, linkname
    if linkname:
        member.type = info.type
    return member
