"""Where a run keeps its style file, contact sheet, settings, checkpoints and logs."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import yaml

from allaprima.models.atomic import write_atomically

from .config import TrainConfig, load_config

NEEDED_BYTES = 200_000_000
"""Free disk that a run asks for: two checkpoints of the paper's network and its logs take 60 MB."""


@dataclass(frozen=True)
class RunFolder:
    """The paths inside a run's folder."""

    root: Path

    @property
    def config(self) -> Path:
        """The resolved settings."""
        return self.root / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints, `STEP.ckpt`."""
        return self.root / "checkpoints"

    @property
    def logs(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.root / "logs"

    @property
    def contact_sheet(self) -> Path:
        """The style, photographs and results on one sheet."""
        return self.root / "contact-sheet.png"

    def style_file(self, style: Path) -> Path:
        """The trained style, named after the style picture."""
        return self.root / f"{style.stem}.safetensors"

    def newest_checkpoint(self) -> Path | None:
        """Return the checkpoint with the most steps, if there is one."""
        found = [path for path in self.checkpoints.glob("*.ckpt") if path.stem.isdigit()]
        return max(found, key=lambda path: int(path.stem), default=None)

    def save_config(self, config: TrainConfig) -> None:
        """Write the resolved settings as YAML."""
        with write_atomically(self.config) as temporary:
            temporary.write_text(yaml.safe_dump(config.to_dict(), sort_keys=False), encoding="utf-8")


def create_run_folder(output: Path | None, style: Path) -> RunFolder:
    """Make a new run's folder, `runs/STYLE` (or `runs/STYLE-2` ...) if none is named.

    Raises:
        FileExistsError: If `output` holds a run already.
        OSError: If the folder cannot be written, or the disk is nearly full.
    """
    root = output or _free_name(Path("runs") / style.stem)
    folder = RunFolder(root)
    if not is_first_process():
        return folder  # the first one checks and writes for all
    if folder.config.exists():
        raise FileExistsError(
            f"'{root}' holds a run already: continue it with --resume {root}, or name another --output"
        )
    _check_writable(root)
    folder.checkpoints.mkdir(exist_ok=True)
    return folder


def open_run_folder(root: Path) -> tuple[RunFolder, TrainConfig, Path]:
    """Return an earlier run's folder, its settings and its newest checkpoint.

    Raises:
        FileNotFoundError: If there is no run or no checkpoint in it.
        OSError: If the folder cannot be written, or the disk is nearly full.
    """
    folder = RunFolder(root)
    if not folder.config.is_file():
        raise FileNotFoundError(f"'{root}' holds no run to resume: there is no config.yaml in it")
    checkpoint = folder.newest_checkpoint()
    if checkpoint is None:
        raise FileNotFoundError(f"'{root}' has no checkpoint yet: start the run anew under another --output")
    _check_writable(root)
    return folder, load_config(folder.config), checkpoint


def is_first_process() -> bool:
    """Return whether this is the process that writes, of those that torchrun, SLURM or Lightning started."""
    names = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")
    return all(int(os.environ.get(name, "0")) == 0 for name in names)


def _free_name(path: Path) -> Path:
    """Return the path itself, or with the first number behind it that no run has."""
    candidate, number = path, 2
    while RunFolder(candidate).config.exists():
        candidate = path.with_name(f"{path.name}-{number}")
        number += 1
    return candidate


def _check_writable(root: Path) -> None:
    """Raise OSError now rather than after hours of training."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"\0" * 4096)
            file.flush()
    except OSError as error:
        raise OSError(f"the run folder '{root}' cannot be written: {error.strerror or error}") from error
    free = shutil.disk_usage(root).free
    if free < NEEDED_BYTES:
        raise OSError(
            f"only {free / 1e6:.0f} MB are free for the run folder '{root}'; "
            f"a run needs {NEEDED_BYTES / 1e6:.0f} MB"
        )
