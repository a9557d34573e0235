"""Exported files: what they say of themselves, and what their engines share."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from allaprima.images.pixels import as_bytes, as_floats
from allaprima.infer.export.graph.graph import Graph
from allaprima.infer.export.graph.limits import GraphLimits
from allaprima.infer.export.header import read_export_header
from allaprima.infer.precision import PrecisionChoice
from allaprima.models.network_settings import NetworkSettings
from allaprima.no_telemetry import import_without_telemetry
from allaprima.terminal import one_line

from .protocol import BaseEngine, checked_size


class ExportSettings(BaseModel):
    """How a file was exported."""

    precision: str = "float32"
    static: tuple[int, int] | None = None
    """Height and width of the only pictures that it takes; None takes any."""
    uint8: bool = False
    """Takes and returns bytes, `(B, H, W, 3)`, instead of floats, `(B, 3, H, W)`."""


class ExportHeader(BaseModel):
    """What an exported file says of itself, as far as running it needs that."""

    network: NetworkSettings
    export: ExportSettings = ExportSettings()


@dataclass(frozen=True)
class Model:
    """An exported file on its runtime.

    Attributes:
        batch: Number of pictures of each call where it is fixed, else None.
        run: Maps a batch of the kind that its header names to its stylised version.
    """

    batch: int | None
    run: Callable[[NDArray[Any]], NDArray[Any]]


class ExportedEngine(BaseEngine):
    """An exported file on the runtime that it was made for.

    Args:
        path: The file.
        device: `auto`, `cpu`, or what the runtime calls its devices.
        precision: `auto`, or the one that the file was exported with.

    Raises:
        ValueError: If the file is damaged or foreign, the runtime is missing or cannot run it, or device
            or precision are not to be had.
    """

    bytes_per_pixel_and_width: int
    keeps_memory = False
    """Whether the runtime keeps what a picture takes for the next one, where nothing else can have it."""

    def __init__(self, path: Path, *, device: str = "auto", precision: PrecisionChoice = "auto") -> None:
        self._path, self._header = path, _read_header(path)
        self._limits: GraphLimits | None = None
        exported = self._header.export.precision
        if precision not in ("auto", exported):
            raise ValueError(
                f"'{path}' was exported in {exported}, not {precision}; leave out --precision, or export it "
                f"with --precision {precision}"
            )
        super().__init__(self.bytes_per_pixel_and_width, self._header.network, exported)
        self._model = self._load(path, device)

    @abstractmethod
    def _load(self, path: Path, device: str) -> Model:
        """Return the file on its runtime."""

    def _memory_for(self, count: int, height: int, width: int) -> Any:
        static = self._header.export.static
        if static is not None and static != (height, width):
            raise ValueError(
                f"'{self._path}' takes pictures of {static[1]}x{static[0]} pixels only, and this one "
                f"has {width}x{height}; resize it, or export the style without --static"
            )
        count = self._model.batch or count
        if self._limits is not None:
            with self._naming_the_file():
                self._limits.require(count, height, width)
        return super()._memory_for(count, height, width)

    def _look_at_graph(self, read: Callable[[Path], Graph]) -> None:
        """Look at what a file holds before its runtime does, or raise ValueError that names it.

        From then on every size of picture is looked at, too: what is computed of it follows from its size.

        Raises:
            PictureTooLargeError: If memory does not suffice for the only size that it is for, which a
                runtime may take as it loads.
        """
        export = self._header.export
        with self._naming_the_file():
            self._limits = GraphLimits(
                read(self._path), self._header.network, uint8=export.uint8, static=export.static
            )
        if self._limits.batch is not None and export.static is not None:
            with super()._memory_for(self._limits.batch, *export.static):
                pass

    @contextmanager
    def _naming_the_file(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, EOFError) as error:
            raise ValueError(
                f"'{self._path}' is damaged, or not as allaprima export writes it: {error}"
            ) from error

    def _run(self, content_images: NDArray[Any]) -> NDArray[Any]:
        given_bytes, takes_bytes = content_images.dtype == np.uint8, self._header.export.uint8
        if given_bytes != takes_bytes:
            content_images = as_floats(content_images) if given_bytes else as_bytes(content_images)
        stylized = self._run_batches(np.ascontiguousarray(content_images))
        self._check_result(content_images, stylized)
        if self.keeps_memory:
            count, height, width = checked_size(content_images)
            needed = self.memory_needed(self._model.batch or count, height, width)
            self._kept = max(self._kept, needed)
        if given_bytes != takes_bytes:
            return as_bytes(stylized) if given_bytes else as_floats(stylized)
        return stylized

    def _check_result(self, content_images: NDArray[Any], stylized: NDArray[Any]) -> None:
        """Raise ValueError if what came out are no pictures of the size that went in."""
        if stylized.shape != content_images.shape or stylized.dtype != content_images.dtype:
            wrong = f"{stylized.dtype} {stylized.shape} of {content_images.dtype} {content_images.shape}"
        elif stylized.dtype != np.uint8 and not np.isfinite(stylized).all():
            wrong = "numbers that are not finite"
        else:
            return
        raise ValueError(f"'{self._path}' does not paint pictures: it makes {wrong}")

    def _run_batches(self, images: NDArray[Any]) -> NDArray[Any]:
        size = self._model.batch
        if size is None or size == len(images):
            return self._model.run(images)
        missing = -len(images) % size
        filled = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        results = [self._model.run(filled[start : start + size]) for start in range(0, len(filled), size)]
        return np.concatenate(results)[: len(images)]


def _read_header(path: Path) -> ExportHeader:
    try:
        return ExportHeader.model_validate(read_export_header(path))
    except ValidationError as error:
        raise ValueError(f"'{path}' has a header that cannot be read: {one_line(error)}") from error


def unreadable(path: Path, runtime: str, error: Exception) -> ValueError:
    """Return the error for a file that its runtime refuses."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[-1] if lines else type(error).__name__
    return ValueError(f"'{path}' is damaged, or not a model that {runtime} can run: {reason}")


def import_runtime(module: str, extra: str) -> ModuleType:
    """Import a runtime, or raise ValueError with the extra that installs it."""
    try:
        runtime: ModuleType = import_without_telemetry(module)
        return runtime
    except ImportError as error:
        raise ValueError(
            f"engine '{extra}' needs {module}, which is not installed: pip install 'allaprima[{extra}]'"
        ) from error
