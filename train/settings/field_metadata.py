"""What a setting says about itself, beside its type and default: `lr: Resumable[float]`."""

from enum import Enum
from typing import Annotated, TypeVar

from pydantic import BaseModel


class Mark(Enum):
    """One thing that holds for a setting."""

    BY_PRESET = "a loss preset decides it"
    WEIGHT = "an absolute weight in the objective; None leaves it to be found"
    RESUMABLE = "it may change when a run goes on; another change would make it another run"
    PLACE = "where a machine keeps its files, which the command line in a style file does not say"
    FILE = "a file or folder, of which that command line says the last part alone"
    SOURCE = "as FILE, unless it is the name of a data set on the hub"


T = TypeVar("T")
ByPreset = Annotated[T, Mark.BY_PRESET]
Weight = Annotated[T, Mark.BY_PRESET, Mark.WEIGHT]
Resumable = Annotated[T, Mark.RESUMABLE]
Place = Annotated[T, Mark.PLACE]
File = Annotated[T, Mark.FILE]
Source = Annotated[T, Mark.SOURCE]


def marked(settings: type[BaseModel], mark: Mark) -> set[str]:
    """Return the names of the settings that bear a mark."""
    return {name for name, info in settings.model_fields.items() if mark in info.metadata}
