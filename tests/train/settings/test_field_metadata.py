"""What settings say about themselves is true of what is done with them."""

from dataclasses import fields

import pytest
from pydantic import BaseModel

from allaprima.models.loss_description import LossDescription
from allaprima.train.distill.config import DistillConfig
from allaprima.train.pretraining.config import BaseConfig
from allaprima.train.settings.config import LossSettings, TrainConfig, preset_settings
from allaprima.train.settings.field_metadata import File, Mark, Resumable, marked
from allaprima.train.settings.loss_presets import PRESETS, LossRecipe, PresetName


def test_marks_are_found_however_they_are_nested() -> None:
    class Settings(BaseModel):
        both: Resumable[File[str]] = ""
        none: int = 0

    assert marked(Settings, Mark.RESUMABLE) == marked(Settings, Mark.FILE) == {"both"}
    assert marked(Settings, Mark.PLACE) == set()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_decides_all_of_a_recipe_but_where_it_is_from(preset: PresetName) -> None:
    decided = preset_settings(preset)
    assert decided.keys() == {field.name for field in fields(LossRecipe)} - {"source", "lineage"}
    assert marked(LossSettings, Mark.WEIGHT) < decided.keys()


def test_a_style_file_says_every_loss_setting_but_where_weights_lie() -> None:
    described = LossSettings.model_fields.keys() - marked(LossSettings, Mark.FILE)
    assert described < LossDescription.model_fields.keys()


def test_a_run_may_go_on_with_other_lengths_machines_and_labels_and_no_other_objective() -> None:
    resumable = marked(TrainConfig, Mark.RESUMABLE)
    assert {"max_steps", "max_time", "devices", "lr", "style", "content", "cache_dir", "licence"} <= resumable
    objective = LossSettings.model_fields.keys() - {"loss_weights"}
    assert not resumable & {*objective, "output", "init", "seed", "batch_size", "width", "optimizer"}


@pytest.mark.parametrize("kind", [TrainConfig, BaseConfig, DistillConfig])
def test_every_path_says_how_much_of_it_others_see(kind: type[BaseModel]) -> None:
    spoken_of = marked(kind, Mark.FILE) | marked(kind, Mark.PLACE)
    paths = {name for name, info in kind.model_fields.items() if "Path" in str(info.annotation)}
    assert paths == spoken_of
