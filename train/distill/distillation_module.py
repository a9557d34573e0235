"""The LightningModule: the compact network learns VGG-19's features and Gram matrices."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from allaprima.images.tensors import to_unit_range
from allaprima.models.loss.loss_network import LossNetwork
from allaprima.models.transformer import TransformerNetwork
from allaprima.train.loop.scheduled_module import ScheduledModule
from allaprima.train.settings.config import ScheduleSettings

from .feature_errors import errors
from .pictures import RestlessPainter, disturb
from .student import LAYERS, Student

PICTURES = ("plain", "disturbed", "painted")
"""Kinds of held-out pictures."""

TERMS = ("feature", "gram", "style", "total")


class DistillModule(ScheduledModule):
    """Bring the student's errors down on photographs, paintings, painted and disturbed pictures.

    The objective is the mean over layers of the errors of features, of Gram matrices and of the
    differences between Gram matrices, each relative to VGG-19's own magnitude.

    Args:
        student: What learns.
        teacher: VGG-19, built for the student's layers.
        paintings: Endless batches of style pictures, `(B, 3, H, W)`, uint8.
        judged: A trained style, whose pictures the student is judged on but never learns from.
        settings: The schedule.
        lr: Peak learning rate.
        painter_steps: Steps that the painter spends on a style.
        seed: Of all that is drawn.
    """

    def __init__(
        self,
        student: Student,
        teacher: LossNetwork,
        paintings: Iterator[Tensor],
        judged: TransformerNetwork,
        settings: ScheduleSettings,
        *,
        lr: float,
        painter_steps: int,
        seed: int,
    ) -> None:
        super().__init__(settings)
        self._peak = lr
        self.student = student
        self.teacher = teacher
        self._judged = judged
        self._paintings = (to_unit_range(batch) for batch in paintings)
        self._generator = torch.Generator().manual_seed(seed)
        self._painter = RestlessPainter(self.frozen, self._paintings, painter_steps, self._generator)

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Return Adam for the student's parameters."""
        return torch.optim.AdamW(
            self.student.learned.values(), lr=self._peak, weight_decay=self.settings.weight_decay
        )

    def frozen(self) -> LossNetwork:
        """Return the student as it stands, as a loss network."""
        return LossNetwork("compact", LAYERS, self.student.weights()).to(self.device)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return the objective for photographs, `(B, 3, H, W)`, uint8, and what is made of them."""
        photographs = to_unit_range(batch)
        paintings = next(self._paintings).to(batch.device)
        mixed = torch.cat([photographs, paintings])[torch.randperm(2 * len(batch), generator=self._generator)]
        images = [
            photographs,
            self._painter.paint(photographs),
            disturb(mixed[: len(batch)], self._generator),
            paintings[: max(1, len(batch) // 2)],
        ]
        return self._objective(torch.cat(images), "train", offset=len(batch))

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Log the errors on held-out photographs: as they are, disturbed, and painted in a fixed style.

        One that is left over for the last batch has no other to be held against, and does not count.
        """
        if len(batch) == 1:
            return
        photographs = to_unit_range(batch)
        generator = torch.Generator().manual_seed(batch_idx)
        kinds = (photographs, disturb(photographs, generator), self._judged(photographs))
        totals = [
            self._objective(images, f"val/{kind}") for kind, images in zip(PICTURES, kinds, strict=True)
        ]
        self.log("val/total", _mean(totals), batch_size=len(batch))

    def _objective(self, images: Tensor, stage: str, *, offset: int = 1) -> Tensor:
        """Return the objective, and log it; Gram matrices are compared between pictures `offset` apart."""
        with torch.no_grad():
            targets = self.teacher(images, LAYERS)
        by_kind = errors(self.student(images), targets, offset)
        means = {kind: _mean(by_layer.values()) for kind, by_layer in by_kind.items()}
        total = torch.stack(list(means.values())).sum()
        logged = {f"{stage}/{kind}": value.detach() for kind, value in {**means, "total": total}.items()}
        for kind, by_layer in by_kind.items():
            logged |= {f"{stage}/{kind}/{layer}": value.detach() for layer, value in by_layer.items()}
        self.log_dict(logged, batch_size=len(images))
        return total


def _mean(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean()
