"""The formulas of the published objectives, and where settings depart from one."""

from allaprima.train.settings.config import LossSettings, preset_settings
from allaprima.train.settings.loss_presets import PresetName

from .content_losses import summed_feature_loss
from .perceptual_loss import LossFormula
from .style_losses import StyleLoss, gatys_gram_loss, seed_gram_loss
from .total_variation import halved_variation, powered_variation, total_variation

_CHOLLET = LossFormula(summed_feature_loss, StyleLoss(distance=seed_gram_loss), powered_variation, white=255)
FORMULAS: dict[PresetName, LossFormula] = {
    "chollet": _CHOLLET,
    "chollet2": _CHOLLET,
    "johnson": LossFormula(variation=halved_variation, white=255),
    "pytorch-examples": LossFormula(),
    "gatys": LossFormula(summed_feature_loss, StyleLoss(distance=gatys_gram_loss)),
    "lengstrom": LossFormula(variation=total_variation, white=255),
}


def formula_of(settings: LossSettings) -> LossFormula:
    """Return the preset's formula, or means over everything where there is no preset."""
    return LossFormula() if settings.loss_preset is None else FORMULAS[settings.loss_preset]


def departures(settings: LossSettings) -> list[str]:
    """Return where explicit settings win over those of the preset, one sentence each."""
    if settings.loss_preset is None:
        return []
    return [
        f"{name} is {getattr(settings, name)!r} instead of {value!r}"
        for name, value in preset_settings(settings.loss_preset).items()
        if getattr(settings, name) != value
    ]
