"""Tar files that claim too much are refused in little memory."""

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from allaprima.bounded_tar import LARGEST_HEADERS, BoundedTarFile

HUGE = 64 << 20


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def long_name() -> bytes:
    return header("././@LongLink", HUGE, tarfile.GNUTYPE_LONGNAME) + bytes(HUGE)


def long_attributes() -> bytes:
    return header("x", HUGE, tarfile.XHDTYPE) + b"9" * HUGE


def endless_holes() -> bytes:
    """Return a file of holes whose list goes on and on."""
    first = bytearray(header("a.jpg", 9, tarfile.GNUTYPE_SPARSE))
    first[482] = 1  # more of the list follows
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    return bytes(first) + (bytes(504) + b"\1" + bytes(7)) * (HUGE // 512)


def holes_of_attributes() -> bytes:
    """Return the same in the newer way, where the list is text."""
    text = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
    many = b"9999999\n" * (HUGE // 8)
    return header("x", len(text), tarfile.XHDTYPE) + text.ljust(512, b"\0") + header("a.jpg", HUGE) + many


def headers_of_headers() -> bytes:
    return (header("x", 10, tarfile.XHDTYPE) + b"10 a=bcde\n".ljust(512, b"\0")) * 900


@pytest.mark.parametrize(
    "bomb", [long_name, long_attributes, endless_holes, holes_of_attributes, headers_of_headers]
)
@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_headers_are_bounded(bomb: Callable[[], bytes], ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{ending}"
    content = header("0.jpg", 3) + b"abc".ljust(512, b"\0") + bomb()
    path.write_bytes(gzip.compress(content, 1) if ending == ".tar.gz" else content)
    del content
    tracemalloc.start()
    try:
        with BoundedTarFile.open(path, "r|*") as archive:
            first = archive.next()
            assert first is not None
            file = archive.extractfile(first)
            assert file is not None
            assert file.read() == b"abc"
            with pytest.raises(tarfile.ReadError, match=r"a member has (too many )?headers"):
                archive.next()
        assert tracemalloc.get_traced_memory()[1] < 8 * LARGEST_HEADERS
    finally:
        tracemalloc.stop()


def test_headers_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(b"".join(header(f"{number}.txt", 0) for number in range(20_000)))
    tracemalloc.start()
    try:
        with BoundedTarFile.open(path, "r|*") as archive:
            assert sum(1 for _ in archive) == 20_000
        assert tracemalloc.get_traced_memory()[1] < LARGEST_HEADERS
    finally:
        tracemalloc.stop()


def test_ordinary_archives_are_read_as_python_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    names = ["a.jpg", "deep/" * 60 + "b.jpg", "ä" * 120]
    for format in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(path, "w", format=format) as out:
            for name in names:
                info = tarfile.TarInfo(name)
                info.size = 1_000_000
                out.addfile(info, io.BytesIO(name[:1].encode() * 1_000_000))
        for stream in (True, False):
            read = {}
            with (
                path.open("rb") as raw,
                BoundedTarFile.open(path, "r|*") if stream else BoundedTarFile(fileobj=raw) as archive,
            ):
                for member in archive:
                    content = archive.extractfile(member)
                    assert content is not None
                    read[member.name] = content.read()
            assert list(read) == names
            assert {len(content) for content in read.values()} == {1_000_000}
