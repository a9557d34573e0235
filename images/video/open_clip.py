"""A file as a clip, whatever reads it."""

from pathlib import Path

from .protocol import Clip, ClipError
from .time_range import Section


def open_clip(path: Path, *, section: Section | None = None, hardware: bool = False) -> Clip:
    """Return a clip that is open and has at least one frame that can be decoded.

    Args:
        path: A video file of any kind that FFmpeg reads, a GIF or an animated WebP.
        section: What to read of it; its timestamps then count from the section's start.
        hardware: Decode on a GPU or video unit, where there is one for this kind of clip.

    Raises:
        FileNotFoundError: If it does not exist.
        ClipError: If it has no pictures, is damaged, or is no video at all.
        ValueError: If PyAV is not installed.
    """
    if path.is_dir():
        raise ClipError(f"clip '{path}' is a folder; expected a video file")
    if not path.exists():
        raise FileNotFoundError(f"clip '{path}' does not exist")
    import_av()
    from .animated_picture import AnimatedPicture, format_of
    from .video_file import VideoFile

    if format := format_of(path):
        return AnimatedPicture(path, format, section or Section())
    return VideoFile(path, section or Section(), hardware=hardware)


def import_av() -> None:
    """Make sure that PyAV is there, and that FFmpeg reports through exceptions alone.

    Raises:
        ValueError: If it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise ValueError(
            "video needs PyAV, which is not installed: pip install 'allaprima[video]'"
        ) from error
    av.logging.set_level(None)
