"""A run that trains a base, from its settings to the base's file, in a folder of its own or one begun in."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allaprima.images.folders import pictures_below
from allaprima.train.kept_style_pictures import styles_to_go_on_with
from allaprima.train.run_folder import new_run, open_run
from allaprima.train.settings.parsing import ConfigError, required_content
from allaprima.train.style_picture import read_style_picture

from .config import BaseConfig

if TYPE_CHECKING:
    from .base_training_steps import TrainedBase


def train_base(config: BaseConfig) -> "TrainedBase":
    """Train one network on many styles, and leave its file in the run's folder, and a style file for each.

    The base is a style file of their mean.

    Args:
        config: The settings; `styles` and `content` must be given. The folder of the run is `output`,
            or else `runs/STYLES`.

    Raises:
        ConfigError: If the styles or the photographs are not given, or this machine has not the devices.
        ValueError: If a style picture, weights or photographs cannot be used.
        FileExistsError: If there is something in `config.output` already.
        FileNotFoundError: If a file does not exist.
        ConnectionError: If the loss network's weights are not at hand.
        DivergenceError: If the objective is no longer finite; the last checkpoints stay.
        OSError: If the run folder cannot be written.
    """
    styles, content = _required_inputs(config)
    assert config.styles is not None
    with new_run(config.output, config.styles) as folder:
        from .base_training_steps import train_base_in_folder  # torch and Lightning

        style_pictures = [read_style_picture(file, config.style_size) for file in styles]
        return train_base_in_folder(config, style_pictures, content, folder)


def resume_base(root: Path, changes: Mapping[str, Any] | None = None) -> "TrainedBase":
    """Go on with an earlier run from its newest checkpoint.

    Args:
        root: The run's folder.
        changes: Settings that are not as they were, such as `max_steps`.

    Raises:
        FileNotFoundError: If there is no run or no checkpoint in the folder.
        BlockingIOError: If another process trains in it.
        ConfigError: If a change would make it another run.
        Exception: What `train_base` raises.
    """
    folder, config, checkpoint = open_run(BaseConfig, root, changes or {})
    content = required_content(config)
    assert config.styles is not None
    named = "styles" in (changes or {})
    files = partial(_pictures_in, config.styles)
    styles = styles_to_go_on_with(folder.styles, files, config.style_size, named=named)
    with folder.in_use():
        from .base_training_steps import train_base_in_folder  # torch and Lightning

        return train_base_in_folder(config, styles, content, folder, checkpoint)


def _required_inputs(config: BaseConfig) -> tuple[list[Path], str]:
    """Return the style pictures and the photographs, which have no default."""
    if config.styles is None or config.content is None:
        raise ConfigError("give a folder of style pictures with --styles and photographs with --content")
    styles = _pictures_in(config.styles)
    names: dict[str, Path] = {}
    for style in styles:
        if (other := names.setdefault(style.stem.lower(), style)) is not style:
            raise ValueError(f"'{other}' and '{style}' would be one style: give them names of their own")
    return styles, config.content


def _pictures_in(styles: Path) -> list[Path]:
    """Return the style pictures of a folder, or raise ConfigError if there are none."""
    if not styles.is_dir():
        problem = "is no folder" if styles.exists() else "does not exist"
        raise ConfigError(f"styles '{styles}' {problem}; give a folder of style pictures")
    if not (files := pictures_below(styles)):
        raise ConfigError(f"styles '{styles}' holds no pictures")
    return files
