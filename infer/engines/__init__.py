"""The runtimes that carry out a style, behind one small protocol; none is imported before it is used."""

from .load import load_engine
from .memory import PictureTooLargeError
from .protocol import Engine

__all__ = ["Engine", "PictureTooLargeError", "load_engine"]
