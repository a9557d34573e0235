"""Where content pictures come from: folders, tar and parquet files, data sets on the hub."""

import glob
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from allaprima.did_you_mean import suggestion
from allaprima.images.folders import files_below, others_than_pictures, say_passed_over
from allaprima.images.picture_files import picture_suffixes

from .clip_frames import ClipFrame, frames_of_clips, is_called_clip
from .file_fingerprint import fingerprint_files
from .tar_files import TarMember, tar_pictures
from .undecoded_picture import NoPicture, Payload

_log = logging.getLogger(__name__)
_HUB_NAME = re.compile(r"([\w-][\w.-]*)/[\w.-]+(:[\w.-]+)?")
_ARCHIVES = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")


class PictureSource(Protocol):
    """Pictures that can be had in any order."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Payload:
        """Return one, not yet decoded unless it is cached."""
        ...

    def name(self, index: int) -> str:
        """Return what a message should call it."""
        ...

    def fingerprint(self) -> str:
        """Return a hash that changes when the pictures do."""
        ...


class PictureStream(Protocol):
    """Pictures that come in one fixed order, from the start at each iteration."""

    def __iter__(self) -> Iterator[tuple[str, Payload]]:
        """Yield names and undecoded pictures."""
        ...

    def fingerprint(self) -> str:
        """Return a hash that changes when the files or the column do."""
        ...


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture in a file of its own."""

    path: Path
    name: str

    def payload(self) -> Path:
        """Return what to decode."""
        return self.path


@dataclass(frozen=True)
class FileSource:
    """Pictures in files on this machine, each alone, inside a tar file or a frame of a clip."""

    entries: Sequence[PictureFile | ClipFrame] | Sequence[TarMember]

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Payload:
        """Return one picture."""
        return self.entries[index].payload()

    def name(self, index: int) -> str:
        """Return its path below the folder, or inside the tar file."""
        return self.entries[index].name

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and times of change."""
        paths = {entry.path for entry in self.entries}
        return fingerprint_files(sorted(paths), (entry.name for entry in self.entries))


@dataclass(frozen=True)
class TarStream:
    """Pictures of tar files, read as they come."""

    archives: Sequence[Path]
    image_column: str | None = None

    def __iter__(self) -> Iterator[tuple[str, bytes | NoPicture]]:
        """Yield names and undecoded pictures."""
        for archive in self.archives:
            for member in tar_pictures(archive, self.image_column):
                yield member.name, member.payload()

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and times of change of the tar files, and of the column."""
        return fingerprint_files(self.archives, [self.image_column or ""])


def open_source(
    content: str, *, image_column: str | None = None, follow_references: bool = False
) -> PictureSource:
    """Open content pictures for access in any order.

    Nothing is decoded. Data that lies on this machine is opened without any network access.

    Args:
        content: A folder of pictures and clips, parquet or tar files (at any depth), one such file, a glob,
            or a data set on the Hugging Face hub, `owner/name` or `owner/name:config`.
        image_column: Where the pictures are: a column of a table, or in a WebDataset tar what
            follows the first dot of the name (`jpg`). Found by itself if None.
        follow_references: Whether rows of a table that name a file or URL are read from there; otherwise
            they count as broken.

    Raises:
        FileNotFoundError: If `content` does not exist, here or on the hub.
        ValueError: If there are no pictures in it.
    """
    files, kind = _local_files(content)
    match kind:
        case "pictures":
            return FileSource(_pictures_and_frames(content, files))
        case "tar":
            members = [member for path in files for member in tar_pictures(path, image_column)]
            if not members:
                raise ValueError(_nothing_in(content, image_column))
            return FileSource(members)
    from .file_and_url_references import Followed
    from .parquet_and_hub import open_hub, open_parquet  # here, since importing datasets takes 1.5 s

    if kind:
        return open_parquet(files, image_column, Followed(all=follow_references))
    return open_hub(content, image_column, Followed(all=follow_references, data_set=hub_repository(content)))


def open_stream(
    content: str, *, image_column: str | None = None, follow_references: bool = False
) -> PictureStream:
    """Open content pictures to be read from first to last, without a copy on this machine.

    Args:
        content: Parquet or tar files or a data set on the hub, named as for `open_source`.
        image_column: As for `open_source`.
        follow_references: As for `open_source`.

    Raises:
        FileNotFoundError: If `content` does not exist, here or on the hub.
        ValueError: If it is a folder of pictures, or holds none.
    """
    files, kind = _local_files(content)
    match kind:
        case "pictures":
            raise ValueError(
                f"content '{content}' is a folder of pictures, which cannot be streamed; leave out 'stream'"
                " (streams are for tar and parquet files and for data sets on the hub)"
            )
        case "tar":
            stream = TarStream(files, image_column)
            if next(iter(stream), None) is None:
                raise ValueError(_nothing_in(content, image_column))
            return stream
    from .file_and_url_references import Followed
    from .parquet_and_hub import stream_hub, stream_parquet

    if kind:
        return stream_parquet(files, image_column, Followed(all=follow_references))
    return stream_hub(
        content, image_column, Followed(all=follow_references, data_set=hub_repository(content))
    )


def hub_repository(content: str) -> str:
    """Return the data set on the hub that a name such as `owner/name:config` is of."""
    return content.partition(":")[0]


def check_content(content: str) -> None:
    """Raise, before any work, what `open_source` would of files on this machine, or of a data set that
    neither the hub nor its cache here has.
    """
    if not _local_files(content)[1]:
        from .parquet_and_hub import check_hub

        check_hub(content)


def names_data_set(content: str) -> bool:
    """Return whether `content` names a data set on the hub, and nothing that lies or could lie here.

    What looks like a path is one: the hub is not told of people's folders. `photos/sumer` is a mistake where
    there is a folder `photos`, and a single word always.
    """
    path, name = Path(content).expanduser(), _HUB_NAME.fullmatch(content)
    if path.exists() or name is None or Path(name[1]).is_dir():
        return False
    return _kind(path) is None and path.suffix.lower() not in _ARCHIVES


def _local_files(content: str) -> tuple[list[Path], str | None]:
    """Return the files that `content` names, all of one kind; no kind means a name on the hub."""
    path = Path(content).expanduser().absolute()
    if path.is_dir():
        files = files_below(path)
    elif path.is_file():
        files = [path]
    elif matches := sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 (pathlib takes no absolute one)
        files = [Path(match) for match in matches if Path(match).is_file()]
    elif names_data_set(content):
        return [], None
    else:
        near = suggestion(path.name, _names_in(path.parent))
        raise FileNotFoundError(
            f"content '{content}' does not exist{near}; expected a folder of pictures, .tar or .parquet"
            " files, a glob of them, or the name of a data set on the Hugging Face hub ('owner/name')"
        )
    kinds = Counter(kind for file in files if (kind := _kind(file)))
    if not kinds:
        archive = next((f"'{file.name}'" for file in files if file.suffix.lower() in _ARCHIVES), None)
        advice = f", such as {archive}: unpack it, or make an uncompressed .tar of it" if archive else ""
        others = "1 other file" if len(files) == 1 else f"{len(files)} other files"
        raise ValueError(f"{_nothing_in(content, None)}; it has {others}{advice}")
    kind = max(kinds, key=lambda kind: kinds[kind])
    say_passed_over(content, (file for file in others_than_pictures(files) if not _kind(file)))
    if len(kinds) > 1:
        _log.info("%s: taking the %d %s of %s", content, kinds[kind], kind, dict(kinds))
    return [file for file in files if _kind(file) == kind], kind


def _pictures_and_frames(content: str, files: Sequence[Path]) -> Sequence[PictureFile | ClipFrame]:
    """Return what each file holds: a picture, or, of a clip, a frame for each second."""
    root = Path(os.path.commonpath([path.parent for path in files]))
    clips = [path for path in files if is_called_clip(path)]
    pictures = [
        PictureFile(path, path.relative_to(root).as_posix()) for path in files if not is_called_clip(path)
    ]
    frames = list(frames_of_clips(clips, root))
    if not pictures and not frames:
        raise ValueError(_nothing_in(content, None))
    if frames:
        _log.info("%s: %d frames of clips are among the photographs", content, len(frames))
    return [*pictures, *frames]


def _names_in(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _kind(path: Path) -> str | None:
    suffix = path.suffix.lower()
    if suffix in picture_suffixes() or is_called_clip(path):
        return "pictures"
    return {".tar": "tar", ".parquet": "parquet"}.get(suffix)


def _nothing_in(content: str, image_column: str | None) -> str:
    suffixes = ", ".join([*sorted(picture_suffixes()), ".tar", ".parquet"])
    return f"no pictures in '{content}'; looked for " + (f"*.{image_column}" if image_column else suffixes)
