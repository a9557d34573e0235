"""Settings from YAML and flags, with every mistake named."""

import os
import re
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from allaprima.atomic import write_whole
from allaprima.did_you_mean import suggestion
from allaprima.models.network_settings import NetworkSettings
from allaprima.terminal import ProblemsError, one_line

from .config import LossSettings, RunConfig, TrainConfig, preset_settings
from .field_metadata import Mark, marked
from .loss_presets import PresetName
from .packaged_configs import find_config

Settings = TypeVar("Settings", bound=BaseModel)


class ConfigError(ProblemsError):
    """Everything that is wrong with the settings."""


def load_config(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """Return the settings of a YAML file with overrides on top.

    Raises:
        FileNotFoundError: If `path` does not exist.
        ConfigError: If anything is not a setting or has a value that does not fit; all
            problems are named.
    """
    return load_settings(TrainConfig, path, overrides)


def load_settings(
    kind: type[Settings], path: Path | None = None, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """Return what `load_config` does, as settings of another kind."""
    values, overrides = {} if path is None else read_yaml(path), overrides or {}
    for name, decided in _named_wholes(values).items():
        if overrides.get(name) not in (None, values.get(name)):
            values = {key: value for key, value in values.items() if key not in decided}
    source = dict.fromkeys(values, str(path)) | dict.fromkeys(overrides, "")
    return parse_settings(kind, {**values, **overrides}, source)


def parse_settings(
    kind: type[Settings], values: Mapping[str, Any], source: Mapping[str, str] | None = None
) -> Settings:
    """Return settings from plain values.

    Args:
        kind: The class of the settings.
        values: Values by name, unchecked.
        source: The file that a value comes from, by name, for messages.

    Raises:
        ConfigError: If anything is not a setting or has a value that does not fit; all
            problems are named.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise ConfigError(*_problems(error, source or {}, kind.model_fields)) from None


def required_inputs(config: TrainConfig) -> tuple[Path, str]:
    """Return the style picture and the photographs, which have no default.

    Raises:
        ConfigError: If one of them is not given, or the style picture does not exist.
    """
    problems = []
    if config.style is None:
        problems.append("style is missing: give the style picture with --style PICTURE")
    elif config.style.is_dir():
        problems.append(f"style '{config.style}' is a folder; give one picture")
    elif not config.style.is_file():
        there = os.path.lexists(config.style)
        problem = "is no file, but a pipe, a device or a link to nothing" if there else "does not exist"
        problems.append(f"style '{config.style}' {problem}")
    try:
        content = required_content(config)
    except ConfigError as error:
        raise ConfigError(*problems, *error.args) from None
    if problems:
        raise ConfigError(*problems)
    assert config.style is not None
    return config.style, content


def required_content(config: RunConfig) -> str:
    """Return the photographs, or raise ConfigError if they are not given."""
    if config.content is None:
        raise ConfigError("content is missing: give a folder of photographs with --content FOLDER")
    return config.content


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the lines of a YAML file of settings, unchecked.

    Args:
        path: The file, or the name of a packaged one.

    Raises:
        FileNotFoundError: If it does not exist.
        ConfigError: If it is not YAML, or not of lines such as `crop_size: 256`.
    """
    import yaml  # `--help` does without

    try:
        values = yaml.safe_load(find_config(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise ConfigError(f"{path}: not settings: nested too deeply") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"{path}: not YAML: {one_line(error)}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected lines such as 'crop_size: 256', found a {type(values).__name__}")
    return {str(key): value for key, value in values.items()}


def write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """Write settings as YAML, whole or not at all."""
    import yaml  # `--help` does without

    write_whole(path, yaml.safe_dump(dict(values), sort_keys=False).encode())


def _named_wholes(values: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return what a name on the command line decides over a file's settings.

    Weights stay as the file states them, but for those that are its own preset's, which a run writes down.
    """
    own: Any = values.get("loss_preset")
    decided = preset_settings(own) if own in get_args(PresetName) else {}
    weights = marked(LossSettings, Mark.WEIGHT)
    stated = {name for name in weights if values.get(name) != decided.get(name)}
    return {
        "loss_preset": marked(LossSettings, Mark.BY_PRESET) - stated,
        "network": {*NetworkSettings.model_fields},
    }


def _problems(error: ValidationError, source: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """Return one readable line for each setting that is wrong."""
    lines: dict[str, str] = {}
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else ""
        where = f"{source[name]}: " if source.get(name) else ""
        if problem["type"] == "extra_forbidden":
            line = f"{where}{name} is not a setting{suggestion(name, known)}"
        else:
            message = problem["msg"].removeprefix("Value error, ")
            line = f"{where}{name} is {reprlib.repr(problem['input'])}; {message}" if name else message
            if problem["type"] == "literal_error":
                choices = re.findall(r"'([^']*)'", problem.get("ctx", {})["expected"])
                line += suggestion(str(problem["input"]), choices)
        lines.setdefault(name, line)
    return list(lines.values())
