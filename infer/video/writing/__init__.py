"""Writing clips: pictures encoded, sound and subtitles carried over, a part file until all is there."""

from .codecs import CODECS, SUFFIXES, CodecName, Encoding, parse_bitrate, resolve
from .writer import FilmWriter

__all__ = ["CODECS", "SUFFIXES", "CodecName", "Encoding", "FilmWriter", "parse_bitrate", "resolve"]
