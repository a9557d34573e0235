"""A clip written: pictures and what is beside them, under another name until it is complete."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import av
from av.error import FFmpegError

from allaprima.images.pixels import Pixels
from allaprima.images.video.container import ffmpeg_name
from allaprima.images.video.protocol import Beside, Packets, Repeat

from .animations import GifEncoder, WebpEncoder, correct_last_duration
from .codecs import Encoding, resolve
from .copied_streams import Carried, kept_metadata
from .encoders import FilmEncoder, Format, PictureEncoder
from .part_file import PartFile

if TYPE_CHECKING:
    from av import Packet
    from av.stream import Stream

# A fragment with each key frame, which a killed program leaves playable, and at the end one index, as usual.
# With fragments by time FFmpeg (8.1) ends the clip with the last frame that was encoded; the one that is
# shown last may have come before it, in the fragment before, and players would leave it out.
_ISO = {"movflags": "hybrid_fragmented+delay_moov+frag_keyframe"}
_MATROSKA = {"cluster_time_limit": "1000"}
_FOR_EVER = {"loop": "0"}
_CONTAINER_OPTIONS: Mapping[str, dict[str, str]] = {
    ".mp4": _ISO,
    ".m4v": _ISO,
    ".mov": _ISO,
    ".mkv": _MATROSKA,
    ".webm": _MATROSKA,
    ".gif": _FOR_EVER,
    ".webp": _FOR_EVER,
}


class FilmWriter:
    """Writes a clip into a part file, which gets its final name when all is there.

    Args:
        part: Where it goes.
        encoding: With what, and how, it is encoded.
        format: Size and time of the pictures.
        beside: Streams, metadata and chapters of the clip that it is made from.

    Raises:
        ValueError: If encoder and settings, or encoder and container, do not go together.
        OSError: If the container refuses what it is to hold.
    """

    def __init__(self, part: PartFile, encoding: Encoding, format: Format, beside: Beside) -> None:
        self._part = part
        self._last: Pixels | None = None
        self.count = 0
        """How many frames have been given to the encoder."""
        suffix = part.target.suffix.lower()
        options = {**_CONTAINER_OPTIONS.get(suffix, {}), "flush_packets": "1"}
        with ExitStack() as failed:
            failed.callback(part.remove)
            self._container = av.open(ffmpeg_name(part.path), "w", container_options=options)
            failed.callback(self.stop)
            self._container.metadata.update(kept_metadata(beside.metadata))
            self._container.set_chapters(list(beside.chapters))
            self._pictures = self._encoder(encoding, format)
            self._container.streams.video[0].metadata.update(kept_metadata(beside.pictures))
            self._carried = Carried(self._container, part.target, beside)
            self._begin()
            failed.pop_all()

    @property
    def streams(self) -> list[int]:
        """Indices of the clip's streams whose packets are wanted."""
        return self._carried.indices

    def write(self, picture: Pixels, pts: int, duration: int) -> None:
        """Write a picture, RGB of any size.

        Raises:
            OSError: If the disk is full, or otherwise not to be written to.
        """
        self._last = picture
        with self._explained():
            self._mux(self._pictures.encode(picture, pts, duration))
        self.count += 1

    def write_beside(self, item: Packets | Repeat) -> None:
        """Write packets of other streams, or the last picture once more.

        Raises:
            OSError: As `write`.
        """
        if isinstance(item, Repeat):
            assert self._last is not None
            self.write(self._last, item.pts, item.duration)
            return
        with self._explained():
            for packet in item.packets:
                self._mux(self._carried.packets(packet))

    def finish(self) -> None:
        """Complete the file and give it its final name.

        Raises:
            OSError: As `write`; the part stays.
        """
        with self._explained():
            self._end()
        self._part.complete()

    def stop(self) -> str:
        """End the part where it is; return what to say of it, or nothing where it was removed."""
        with suppress(OSError, FFmpegError):
            if self.count:
                self._end()
                return f"'{self._part.path}' has the first {self.count} frames and plays"
        with suppress(OSError, FFmpegError):
            self._container.close()
        if self.count and self._part.plays():  # without what the encoder still had
            return f"'{self._part.path}' plays as far as it was written"
        self._part.remove()
        return ""

    def _begin(self) -> None:
        """Write the header: now, not when the first frame is painted."""
        with self._explained():
            try:
                self._container.start_encoding()
            except FFmpegError as error:
                if isinstance(error, OSError):  # the disk's
                    raise
                held = ", ".join(_named(stream) for stream in self._container.streams)
                raise OSError(
                    f"cannot write '{self._part.path}': {self._part.target.suffix.lower()} does not take "
                    f"{held}: {_reason(error)}; choose another container"
                ) from error

    def _encoder(self, encoding: Encoding, format: Format) -> PictureEncoder:
        codec = resolve(encoding, self._part.target)
        if codec.encoder == "gif":
            return GifEncoder(self._container, format)
        if codec.encoder == "libwebp_anim":
            return WebpEncoder(self._container, format, dict(codec.options))
        return FilmEncoder(self._container, codec, encoding, format)

    def _end(self) -> None:
        self._mux(self._pictures.flush())
        self._mux(self._carried.rest())
        self._container.close()
        if isinstance(self._pictures, WebpEncoder):
            correct_last_duration(self._part.path, self._pictures.total)

    def _mux(self, packets: "Iterable[Packet[Any]]") -> None:
        for packet in packets:
            self._container.mux(packet)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except FFmpegError as error:
            raise OSError(f"cannot write '{self._part.path}': {_reason(error)}") from error


def _reason(error: FFmpegError) -> str:
    return (error.strerror or str(error)).lower()


def _named(stream: "Stream") -> str:
    return f"{stream.type} {stream.codec_context.name}" if stream.codec_context else stream.type
