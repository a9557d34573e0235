"""What a style file says of its objective, as it is and as older files have it."""

from pathlib import Path

import pytest

from allaprima.models.loss_description import LossDescription, LossWeights
from allaprima.models.network_settings import NetworkSettings
from allaprima.models.style_file import StyleHeader, read_header, save_style
from allaprima.models.transformer import TransformerNetwork

WEIGHTS = LossWeights({"relu2_1": 1.0}, {"relu1_1": 2.0}, 0.5)


def stored(loss: LossDescription, path: Path) -> LossDescription:
    header = StyleHeader(style_name="a", style_sha256="0" * 64, loss=loss)
    save_style(path, TransformerNetwork(**NetworkSettings(width=4, residual_blocks=1).model_dump()), header)
    return read_header(path).loss


def test_it_survives_the_file(tmp_path: Path) -> None:
    description = LossDescription(style_size=None, content_layers=("relu2_1",), weights=WEIGHTS)
    assert stored(description, tmp_path / "a.safetensors") == description


def test_what_is_not_said_stays_so(tmp_path: Path) -> None:
    """`style_size: null` asks for the picture as it is; an older file without a word of it does not."""
    description = stored(LossDescription(style_size=None), tmp_path / "a.safetensors")
    silent = stored(LossDescription(fingerprint="ab"), tmp_path / "b.safetensors")
    assert description.model_dump() == {"style_size": None}
    assert silent.model_dump() == {"fingerprint": "ab"}


def test_settings_that_this_version_does_not_know_are_left_out() -> None:
    loss = StyleHeader.model_validate(
        {"style_name": "a", "style_sha256": "0", "loss": {"strength": 2, "mood": "blue"}}
    ).loss
    assert loss.model_dump() == {"strength": 2}


@pytest.mark.parametrize(
    "weights", [3, {"content": {}}, {"content": {}, "style": {"relu1_1": "much"}, "tv": 0}]
)
def test_what_is_no_description_is_refused(weights: object) -> None:
    with pytest.raises(ValueError, match=r"loss\.weights"):
        StyleHeader.model_validate({"style_name": "a", "style_sha256": "0", "loss": {"weights": weights}})
