"""Which loss network `auto` comes to."""

import logging
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch

from allaprima.models.loss.loss_weights import cached_loss_weights
from allaprima.train.objective.prepare_objective import load_loss_network, read_loss_weights
from allaprima.train.settings.config import LossSettings


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)


def test_auto_takes_the_compact_network_where_there_is_no_vgg(
    offline: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "allaprima"):
        settings, _ = read_loss_weights(LossSettings())
    assert settings.loss_network == "compact"
    assert [record.message for record in caplog.records] == [
        "VGG-19's weights are not at hand and could not be downloaded: using the compact loss network that "
        "ships with allaprima (--loss-weights FILE gives VGG-19's)"
    ]
    assert load_loss_network(LossSettings()).architecture == "compact"


def test_auto_takes_vgg_where_its_weights_are_given(offline: None, small_weights_file: Path) -> None:
    settings, _ = read_loss_weights(LossSettings(loss_weights=small_weights_file))
    assert settings.loss_network == "vgg19"


def test_auto_says_so_if_compact_has_not_the_layers(offline: None) -> None:
    with pytest.raises(ConnectionError, match="could not be downloaded"):
        read_loss_weights(LossSettings(content_layers=("relu3_3",)))


def test_explicit_weights_mean_something_else_with_another_network(
    offline: None, caplog: pytest.LogCaptureFixture
) -> None:
    read_loss_weights(LossSettings(content_weight=1, style_weight=1))
    assert "content_weight and style_weight mean something else with it" in caplog.text


@pytest.mark.parametrize("error", [PermissionError("no"), RuntimeError('invalid hash value (expected "a")')])
def test_whatever_keeps_a_download_from_its_end(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    assert read_loss_weights(LossSettings())[0].loss_network == "compact"
    with pytest.raises(ConnectionError, match="training with --loss-network compact needs neither"):
        read_loss_weights(LossSettings(loss_network="vgg19"))


def test_a_damaged_file_in_the_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    cached = cached_loss_weights("vgg19")
    cached.parent.mkdir()
    cached.write_bytes(b"half a file")
    with pytest.raises(ConnectionError, match=r"vgg19.*is damaged: delete it"):
        read_loss_weights(LossSettings(loss_network="vgg19"))


def test_a_forced_vgg_that_cannot_be_had_is_an_error(offline: None) -> None:
    with pytest.raises(ConnectionError, match="--loss-weights FILE"):
        read_loss_weights(LossSettings(loss_network="vgg19"))


def test_compact_needs_no_network(offline: None) -> None:
    network = load_loss_network(LossSettings(loss_network="compact"))
    assert set(network(torch.rand(1, 3, 32, 32))) == {
        *LossSettings().content_layers,
        *LossSettings().style_layers,
    }
