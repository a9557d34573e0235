"""Reading clips: frames as upright sRGB with their timestamps, and the packets of the other streams."""

from .open_clip import open_clip
from .protocol import Clip, ClipError, ClipInfo, Frame, Item, Packets, Repeat, Wanted
from .time_range import Section, parse_time

__all__ = [
    "Clip",
    "ClipError",
    "ClipInfo",
    "Frame",
    "Item",
    "Packets",
    "Repeat",
    "Section",
    "Wanted",
    "open_clip",
    "parse_time",
]
