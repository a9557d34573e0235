"""A training run from its settings to the style file, in a folder of its own or one that it began in."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .kept_style_pictures import styles_to_go_on_with
from .run_folder import new_run, open_run_folder
from .settings.config import TrainConfig
from .settings.parsing import required_content, required_inputs
from .style_picture import read_style_picture

if TYPE_CHECKING:
    from .style_training_steps import TrainedStyle


def train_style(config: TrainConfig) -> "TrainedStyle":
    """Train one style, and leave its file and contact sheet in a folder that is made for the run.

    The folder is `config.output`, or else `runs/STYLE`, or `runs/STYLE-2` ...; it is removed again if
    the run does not begin.

    Args:
        config: The settings; `style` and `content` must be given.

    Raises:
        FileExistsError: If there is something in `config.output` already.
        ConfigError: If the style picture or the photographs are not given, or this machine has
            not the devices.
        ValueError: If a layer is unknown, nothing can be read in `content`, the network of `init` is
            another one, or the loss network's weights are damaged.
        PictureError: If the style picture cannot be read.
        ConnectionError: If the loss network's weights are not at hand.
        DivergenceError: If the objective is no longer finite; the last checkpoints stay.
        OSError: If the run folder cannot be written.
    """
    style, content = required_inputs(config)
    with new_run(config.output, style) as folder:
        from .style_training_steps import train_style_in_folder  # torch and Lightning

        style_picture = read_style_picture(style, config.style_size)
        return train_style_in_folder(config, style_picture, content, folder)


def resume_style(root: Path, changes: Mapping[str, Any] | None = None) -> "TrainedStyle":
    """Go on with an earlier run from its newest checkpoint.

    Args:
        root: The run's folder.
        changes: Settings that are not as they were, such as `max_steps`. Another place of the style picture
            or the photographs is no other run.

    Raises:
        FileNotFoundError: If there is no run or no checkpoint in the folder.
        BlockingIOError: If another process trains in it.
        ConfigError: If a change would make it another run, such as another style picture.
        ValueError: If the checkpoint is damaged, or not one of this run.
        Exception: What `train_style` raises.
    """
    folder, config, checkpoint = open_run_folder(root, changes)
    content = required_content(config)
    style = config.style
    assert style is not None
    named = "style" in (changes or {})
    (style_picture,) = styles_to_go_on_with(folder.styles, lambda: [style], config.style_size, named=named)
    with folder.in_use():
        from .style_training_steps import train_style_in_folder  # torch and Lightning

        return train_style_in_folder(config, style_picture, content, folder, checkpoint)
