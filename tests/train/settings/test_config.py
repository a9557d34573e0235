from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from allaprima.models.network_presets import NETWORKS
from allaprima.models.network_settings import NetworkSettings
from allaprima.train.distill.config import DistillConfig
from allaprima.train.settings.config import DEFAULT_STEPS, TrainConfig, preset_settings
from allaprima.train.settings.durations import format_duration, parse_duration
from allaprima.train.settings.parsing import (
    ConfigError,
    load_config,
    parse_settings,
    read_yaml,
    required_inputs,
    write_yaml,
)

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_loads_and_says_when_to_use_it(path: Path) -> None:
    if path.stem == "distill":
        parse_settings(DistillConfig, read_yaml(path))
    else:
        load_config(path)
    assert path.read_text().startswith("# ")


def test_packaged_configs_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("demo")) == load_config(CONFIGS[0].with_name("demo.yaml"))
    Path("demo").write_text("crop_size: 64")
    assert load_config(Path("demo")).crop_size == 64  # a file of that name wins
    with pytest.raises(FileNotFoundError, match=r"packaged ones: .*demo.*did you mean quick"):
        load_config(Path("quik"))


def test_default_config_states_the_defaults() -> None:
    path = Path(__file__).parents[3] / "configs" / "default.yaml"
    stated = yaml.safe_load(path.read_text())
    assert stated == {name: value for name, value in TrainConfig().to_dict().items() if name in stated}
    optional = {name for name, value in TrainConfig().to_dict().items() if value is None}
    named = NetworkSettings.model_fields.keys()  # by `network`
    assert stated.keys() == TrainConfig.model_fields.keys() - optional - named


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "night.yaml"
    path.write_text("crop_size: 128\nlr: 1e-3\nmax_time: 1h30m\n")
    config = load_config(path, {"crop_size": "192"})
    assert config.crop_size == 192
    assert config.lr == 0.001  # YAML reads 1e-3 as a string
    assert config.max_time == timedelta(hours=1.5)


def test_all_problems_are_reported_at_once_with_suggestions(tmp_path: Path) -> None:
    path = tmp_path / "night.yaml"
    path.write_text("style_wieght: 3\ncrop_size: big\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, {"lr": "fast", "max_time": "3 hours"})
    message = str(caught.value)
    assert f"{path}: style_wieght is not a setting (did you mean style_weight?)" in message
    assert f"{path}: crop_size is 'big'" in message
    assert "lr is 'fast'" in message
    assert "max_time is '3 hours'; expected a time such as 45s, 20m or 1h30m" in message
    assert len(message.splitlines()) == 4


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("20m", 1200), ("1h30m", 5400), ("1.5h", 5400), ("1d", 86400)]
)
def test_times(text: str, seconds: int) -> None:
    assert load_config(None, {"max_time": text}).max_time == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["0s", "90", 90, "-5m", "m", True, "9999999999d"])
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(ConfigError, match="max_time"):
        load_config(None, {"max_time": value})


@pytest.mark.parametrize("text", ["14d", "0.25s", "1h0.001s"])
def test_times_survive_being_written(text: str) -> None:
    assert parse_duration(format_duration(parse_duration(text))) == parse_duration(text)


@pytest.mark.parametrize("value", ["0", -5, "0s", "often"])
def test_what_is_no_interval(value: object) -> None:
    with pytest.raises(ConfigError, match="checkpoint_every"):
        load_config(None, {"checkpoint_every": value})


def test_a_network_compared_at_no_layer_learns_nothing() -> None:
    with pytest.raises(ConfigError, match="content_layers"):
        load_config(None, {"content_layers": ""})


def test_intervals_are_steps_or_time() -> None:
    assert load_config(None, {"checkpoint_every": "500"}).checkpoint_every == 500
    assert load_config(None, {"checkpoint_every": "5m"}).checkpoint_every == timedelta(minutes=5)


def test_length_is_by_steps_unless_a_time_is_given() -> None:
    assert TrainConfig().steps == DEFAULT_STEPS
    assert load_config(None, {"max_time": "1m"}).steps is None
    assert load_config(None, {"max_time": "1m", "max_steps": 7}).steps == 7


def test_settings_survive_the_run_folder(tmp_path: Path) -> None:
    config = load_config(
        None,
        {"style": "a.png", "content": "b", "max_time": "90s", "style_layers": "relu1_1,relu2_1", "lr": 3e-4},
    )
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config.to_dict()))
    assert load_config(path) == config


def test_explicit_weights_come_together() -> None:
    with pytest.raises(ConfigError, match="give both or none"):
        load_config(None, {"content_weight": 1})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"content_weight": 0, "style_weight": 0}, "are both 0: there would be nothing to learn"),
        ({"strength": "inf"}, "strength is 'inf'"),
        ({"lr": "nan"}, "lr is 'nan'"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"stream": True, "echo": 2}, "crops of a stream come once"),
    ],
)
def test_settings_nothing_good_can_come_of(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(None, changes)


def test_a_layer_named_twice_counts_once() -> None:
    config = load_config(None, {"content_layers": "relu4_2,relu4_2", "style_layers": ["relu1_1", "relu1_1"]})
    assert (config.content_layers, config.style_layers) == (("relu4_2",), ("relu1_1",))


def test_what_has_no_default_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--style PICTURE\n.*--content FOLDER"):
        required_inputs(TrainConfig())
    with pytest.raises(ConfigError, match=r"style '/dev/null' is no file, but a pipe, a device or a link to"):
        required_inputs(load_config(overrides={"style": "/dev/null", "content": "photos"}))
    with pytest.raises(ConfigError, match=r"style '.*night.jpeg' does not exist"):
        required_inputs(load_config(None, {"style": tmp_path / "night.jpeg", "content": "x"}))


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "just words"])
def test_files_that_are_not_settings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"odd.yaml"):
        load_config(path)
    with pytest.raises(FileNotFoundError, match=r"missing.yaml' does not exist"):
        load_config(tmp_path / "missing.yaml")


def test_a_network_has_a_name_and_parts() -> None:
    assert TrainConfig().transformer == NETWORKS["paper"]
    for name, parts in NETWORKS.items():
        assert TrainConfig(network=name).transformer == parts
    assert load_config(None, {"network": "fast", "width": "9"}).transformer == NETWORKS["fast"].model_copy(
        update={"width": 9}
    )


def test_a_preset_takes_the_place_of_anothers_weights(tmp_path: Path) -> None:
    """A run's config.yaml holds what its preset decided; those are not weights that somebody stated."""
    path = tmp_path / "config.yaml"
    write_yaml(path, load_config(None, {"loss_preset": "lengstrom", "style_weight": 60}).to_dict())
    config = load_config(path, {"loss_preset": "gatys"})
    assert config.style_weight == 60
    gatys = preset_settings("gatys")
    assert (config.content_weight, config.tv_weight) == (gatys["content_weight"], gatys["tv_weight"])
    assert load_config(path).content_weight == 7.5


def test_a_name_on_the_command_line_wins_over_the_files_parts(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("network: paper\nwidth: 24\nresidual_blocks: 3\n")
    assert load_config(path).transformer == NetworkSettings(
        width=24, residual_blocks=3, upsampling="bilinear"
    )
    assert load_config(path, {"network": "tiny"}).transformer == NETWORKS["tiny"]
    assert load_config(path, {"network": "paper", "crop_size": 64}).width == 24
    with pytest.raises(ConfigError, match=r"network is 'tny'; .* \(did you mean tiny\?\)"):
        load_config(path, {"network": "tny"})


DOUBLED = "".join(
    f"{now}: &{now} [*{before},*{before}]\n" for before, now in pairwise("bcdefghijklmnopqrstuvwxyz")
)


@pytest.mark.parametrize(
    "text",
    [
        "width: " + "[" * 2000 + "]" * 2000,
        "width: " + "9" * 5000,
        "max_time: 2020-99-99",
        f"b: &b [x, x]\n{DOUBLED}width: *z",
        "? [a, b]\n: 1",
        "? {a: b}\n: 1",
    ],
)
def test_odd_yaml_is_one_message(tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    assert all(len(problem) < 1000 and "\n" not in problem for problem in raised.value.args)
