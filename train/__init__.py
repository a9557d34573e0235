"""Training: from a style picture and photographs to a style file."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run_folder import RunFolder, create_run_folder, open_run_folder
    from .settings.config import TrainConfig
    from .settings.parsing import load_config
    from .style_run import resume_style, train_style
    from .style_training_steps import TrainedStyle

_HOME = {
    "TrainConfig": ".settings.config",
    "load_config": ".settings.parsing",
    "train_style": ".style_run",
    "resume_style": ".style_run",
    "TrainedStyle": ".style_training_steps",
    "RunFolder": ".run_folder",
    "create_run_folder": ".run_folder",
    "open_run_folder": ".run_folder",
}
__all__ = [
    "RunFolder",
    "TrainConfig",
    "TrainedStyle",
    "create_run_folder",
    "load_config",
    "open_run_folder",
    "resume_style",
    "train_style",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `--help` stays quick."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    from allaprima.missing_extras import how_to_install

    try:
        return getattr(import_module(_HOME[name], __name__), name)
    except ModuleNotFoundError as error:
        if (message := how_to_install(error)) is None:
            raise
        raise ModuleNotFoundError(message, name=error.name) from error
