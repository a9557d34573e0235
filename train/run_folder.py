"""Where a run keeps its style file, contact sheet, settings, checkpoints and logs."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from allaprima.images.folders import CHECKPOINTS, SETTINGS
from allaprima.terminal import quoted

from .kept_style_pictures import KEPT_STYLES
from .loop.checkpoints.files import checkpoint_to_resume, newest_whole
from .rank_zero import is_first_process
from .run_paths import with_absolute_places, with_moved_places
from .settings.config import RunConfig, TrainConfig
from .settings.field_metadata import Mark, marked
from .settings.parsing import ConfigError, load_settings, read_yaml, write_yaml

Settings = TypeVar("Settings", bound=RunConfig)

BEFORE_THE_SETTING = {"optimizer": "adam", "upsampling": "nearest"}
"""What runs were that do not say."""

LOCK = ".in-use"
"""A file that stays locked while a run uses its folder; a lock dies with its process, a file would not."""

NEEDED_BYTES = 200_000_000
"""Free disk that a run asks for: three checkpoints of the paper's network and its logs take 60 MB."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """The paths inside a run's folder."""

    root: Path

    @property
    def config(self) -> Path:
        """The settings, resolved but for a learning rate that was not given."""
        return self.root / SETTINGS

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints, `STEP.ckpt`."""
        return self.root / CHECKPOINTS

    @property
    def logs(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.root / "logs"

    @property
    def contact_sheet(self) -> Path:
        """The style, photographs and results on one sheet."""
        return self.root / "contact-sheet.png"

    @property
    def styles(self) -> Path:
        """Folder of the style pictures, which a run goes on with wherever their files are by then."""
        return self.root / KEPT_STYLES

    def style_file(self, style: Path) -> Path:
        """The trained style, named after the style picture."""
        return self.root / f"{style.stem}.safetensors"

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Say that a run begins, and keep the folder from a second one until the block or the process ends.

        Raises:
            BlockingIOError: If another run is using it.
        """
        if not is_first_process():  # the first one holds it for all
            yield
            return
        import filelock

        _log.info("preparing the run in %s", self.root)
        lock = filelock.FileLock(self.root / LOCK)
        with suppress(NotImplementedError):  # a file system without locks
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                raise BlockingIOError(
                    f"another process is training in '{self.root}': wait for it, or name another --output"
                ) from None
        try:
            yield
        finally:
            lock.release()

    def kept(self) -> str:
        """Say what is there of a run that ends at once."""
        newest = newest_whole(self.checkpoints)
        if newest is None:
            return f"nothing is kept in '{self.root}', which has no checkpoint yet"
        return f"'{newest}' is kept; go on from it with --resume {quoted(self.root)}"

    def save_config(self, config: RunConfig) -> None:
        """Write the settings as YAML, paths as they are from everywhere."""
        write_yaml(self.config, with_absolute_places(config, self.root).to_dict())

    def discard_unused(self) -> None:
        """Remove the folder again if no run began in it and nothing else is there."""
        if is_first_process() and not self.config.exists():
            shutil.rmtree(self.styles, ignore_errors=True)
            with suppress(OSError):
                self.checkpoints.rmdir()
            with suppress(OSError):
                (self.root / LOCK).unlink()
            with suppress(OSError):
                self.root.rmdir()


def create_run_folder(output: Path | None, style: Path) -> RunFolder:
    """Make a new run's folder, `runs/STYLE` (or `runs/STYLE-2` ...) if none is named.

    Two runs that start at once get different folders, or the later one an error.

    Raises:
        FileExistsError: If there is something in `output` already.
        OSError: If the folder cannot be written, or the disk is nearly full.
    """
    if not is_first_process():
        return RunFolder(output or _usual_root(style))  # the first one checks and writes for all
    folder = RunFolder(_claim_named(output) if output else _claim_free(_usual_root(style)))
    try:
        _check_writable(folder.root)
        folder.checkpoints.mkdir()
    except BaseException:
        folder.discard_unused()
        raise
    return folder


@contextmanager
def new_run(output: Path | None, style: Path) -> Iterator[RunFolder]:
    """Make a new run's folder, as `create_run_folder` does, and use it; it goes if no run begins in it.

    Raises:
        FileExistsError: If there is something in `output` already.
        OSError: If the folder cannot be written, or the disk is nearly full.
    """
    folder = create_run_folder(output, style)
    try:
        with folder.in_use():
            yield folder
    finally:
        folder.discard_unused()


def open_run_folder(
    root: Path, changes: Mapping[str, Any] | None = None
) -> tuple[RunFolder, TrainConfig, Path]:
    """Return an earlier run's folder, its settings with some changes, and its newest checkpoint.

    Raises:
        FileNotFoundError: If there is no run or no checkpoint in it.
        ConfigError: If a change would make it another run.
        OSError: If the folder cannot be written, or the disk is nearly full.
    """
    return open_run(TrainConfig, root, changes or {})


def open_run(
    kind: type[Settings], root: Path, changes: Mapping[str, Any]
) -> tuple[RunFolder, Settings, Path]:
    """Return what `open_run_folder` does, of a run with settings of another kind."""
    folder, checkpoint = _resumable(root)
    stored = load_settings(kind, folder.config)
    settings = load_settings(kind, folder.config, changes)
    if settings.output and settings.output.resolve() == root.resolve():  # that is no change
        settings = settings.model_copy(update={"output": stored.output})
    differences = {name for name in changes if getattr(settings, name) != getattr(stored, name)}
    if refused := sorted(differences - marked(kind, Mark.RESUMABLE)):
        raise ConfigError(
            f"{', '.join(refused)} cannot change when '{root}' is resumed; start another run for that"
        )
    return folder, with_moved_places(settings, root, but=changes), checkpoint


def _resumable(root: Path) -> tuple[RunFolder, Path]:
    """Return an earlier run's folder and its newest checkpoint."""
    folder = RunFolder(root)
    if not folder.config.is_file():
        raise FileNotFoundError(f"'{root}' holds no run to resume: there is no config.yaml in it")
    checkpoint = checkpoint_to_resume(folder.checkpoints)
    if checkpoint is None:
        raise FileNotFoundError(f"'{root}' has no checkpoint: start anew under another --output")
    _check_writable(root)
    _complete(folder.config)
    return folder, checkpoint


def _complete(config: Path) -> None:
    """Write the values that older runs had, before there was a setting for them, into their settings."""
    stored = read_yaml(config)
    missing = {name: value for name, value in BEFORE_THE_SETTING.items() if name not in stored}
    if missing:
        write_yaml(config, {**stored, **missing})


def _usual_root(style: Path) -> Path:
    """Return `runs/STYLE`, by the name that a style has even if it is typed as `.` or `..`."""
    return Path("runs") / Path(os.path.abspath(style)).stem  # noqa: PTH100 (resolve would follow a link)


def _claim_named(root: Path) -> Path:
    """Make the folder, unless somebody uses it."""
    with _explained(root):
        root.mkdir(parents=True, exist_ok=True)
        used = any(root.iterdir())
    if RunFolder(root).config.exists():
        can_go_on = newest_whole(RunFolder(root).checkpoints) is not None
        way_on = f"continue it with --resume {quoted(root)}, or " if can_go_on else ""
        raise FileExistsError(f"'{root}' holds a run already: {way_on}name another --output")
    if used:
        raise FileExistsError(f"'{root}' is not empty: name a new folder with --output")
    return root


def _claim_free(root: Path) -> Path:
    """Make the folder, or the first with a number behind its name that nobody has made."""
    for number in count(1):
        candidate = root if number == 1 else root.with_name(f"{root.name}-{number}")
        with _explained(candidate), suppress(FileExistsError):
            candidate.mkdir(parents=True)
            return candidate
    raise AssertionError("numbers do not end")


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    """Say of which folder an error of the operating system speaks."""
    try:
        yield
    except OSError as error:
        raise OSError(f"the run folder '{root}' cannot be written: {error.strerror or error}") from error


def _check_writable(root: Path) -> None:
    """Raise OSError now rather than after hours of training."""
    with _explained(root), tempfile.TemporaryFile(dir=root) as file:
        file.write(b"\0" * 4096)
        file.flush()
    free = shutil.disk_usage(root).free
    if free < NEEDED_BYTES:
        raise OSError(
            f"only {free / 1e6:.0f} MB are free for the run folder '{root}'; "
            f"a run needs {NEEDED_BYTES / 1e6:.0f} MB"
        )
