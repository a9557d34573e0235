"""What `allaprima bench compact` compares: weights, styles and photographs brought together."""

import logging
from itertools import islice
from pathlib import Path

from allaprima.freed_memory import keep_freed_memory
from allaprima.images.folders import pictures_below
from allaprima.images.tensors import to_image, to_unit_range
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.loss.loss_weights import load_loss_weights
from allaprima.train.data.data_module import ContentDataModule
from allaprima.train.loop import hardware
from allaprima.train.settings.config import DataSettings
from allaprima.train.style_picture import read_style_picture

from .faithfulness import Judgement, judge
from .student import LAYERS

HELD_OUT = 6
"""Photographs to judge on; fewer of a small collection."""

BATCHES = 8
"""Different batches of photographs that are trained on."""

STYLE_SIZE = 256
_log = logging.getLogger(__name__)


def judged_styles(
    content: str, styles: str, loss_weights: Path | None, network: Path | None, *, steps: int, crop_size: int
) -> list[Judgement]:
    """Return both networks' judgements of pictures in every style of a folder.

    Raises:
        FileNotFoundError: If a file or folder does not exist.
        ValueError: If there is no style picture, or weights or pictures cannot be used.
        ConnectionError: If VGG-19's weights are not at hand.
    """
    keep_freed_memory()
    if not Path(styles).is_dir():
        raise FileNotFoundError(f"styles '{styles}' is not a folder of style pictures")
    paths = pictures_below(Path(styles))
    if not paths:
        raise ValueError(f"no pictures in '{styles}'")
    device = hardware.device("auto")
    pictures = {path.name: to_image(read_style_picture(path, STYLE_SIZE).pixels, device) for path in paths}
    compact = LossNetwork("compact", LAYERS, load_loss_weights("compact", network)).to(device)
    vgg19 = LossNetwork("vgg19", LAYERS, load_loss_weights("vgg19", loss_weights)).to(device)
    data = ContentDataModule(
        content, DataSettings(crop_size=crop_size, batch_size=2, val_pictures=HELD_OUT, cache="off")
    )
    data.setup()
    held_out = data.preview_pictures(HELD_OUT)
    batches = [to_unit_range(batch.to(device)) for batch in (held_out, *islice(data.batches(), BATCHES))]
    judgements = []
    for judgement in judge(compact, vgg19, pictures, batches, steps):
        judgements.append(judgement)
        if len(judgements) % len(held_out) == 0:
            done = 100 * judgement.stage
            _log.info("%s, trained with %s: %.0f %%", judgement.style, judgement.trained_with, done)
    return judgements
