"""Semantic segmentation: one class a pixel, judged by the course's mean IoU."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dlcvlib import augment, processes, runs
from dlcvlib.data.palette import CLASS_NAMES
from dlcvlib.metrics import IoU, course_iou
from dlcvlib.recipes import SegmentationRecipe
from dlcvlib.runs import Run
from dlcvlib.training import distribution, feed
from dlcvlib.training.averaging import moving_average
from dlcvlib.training.criterion import build_loss, of_shared_batch
from dlcvlib.training.device import Precision, autocast
from dlcvlib.training.evaluation import segment
from dlcvlib.training.feed import resident
from dlcvlib.training.optimizers import build_optimizer, rate_factors, set_learning_rate

EVALUATION_BATCH = 8
"""Images whose logits are brought to the size of their masks at once: 7 x 512 x 512 floats each."""


@dataclass(frozen=True)
class Tiles:
    """Satellite images and their masks, in memory or mapped from disk.

    `images` uint8 (N, 3, H, W); `masks` uint8 (N, H', W'), class ids 0..6, of the same size where they are trained on;
    `names` of the images, such as "0013".
    """

    images: Tensor
    masks: Tensor
    names: tuple[str, ...]

    def to(self, device: torch.device) -> Tiles:
        """The same on `device`; what does not fit there, and on the CPU all, stays mapped from disk."""
        images, masks = resident((self.images, self.masks), device)
        return Tiles(images, masks, self.names)


class Segmentation:
    """The task of problem 3: see `dlcvlib.training.loop.Task`."""

    score: str | None = "mean_iou"
    shown = "mean_iou"

    def __init__(
        self,
        recipe: SegmentationRecipe,
        model: nn.Module,
        train: Tiles,
        val: Tiles,
        device: torch.device,
        precision: Precision,
        normalisation: dict[str, tuple[float, float, float]] | None = None,
    ) -> None:
        augment.check_pair_names(recipe.augmentation)
        self.recipe, self.device, self.precision = recipe, device, precision
        self.criterion = build_loss(recipe, train.masks, device)
        self.batch_criterion = of_shared_batch(recipe, self.criterion)
        self.train, self.val = train.to(device), val.to(device)
        self.normalisation = normalisation or {}
        self.model = distribution.synchronised(model.to(device).to(memory_format=torch.channels_last))
        self.average = moving_average(self.model, recipe.weight_average)
        self.epochs = recipe.epochs
        self.batch_size = distribution.batch_size(recipe.batch_size, len(train.names))
        self.steps = len(train.names) // self.batch_size
        self.trained = distribution.distribute(self.model, self._loss)
        self.optimizer = build_optimizer(self.model.parameters(), recipe.optimizer)
        self.rate_factors = rate_factors(recipe.schedule, self.epochs, self.steps)
        self.kept = _named(recipe.named_images, val.names)
        self.predicted = torch.zeros(val.masks.shape, dtype=torch.uint8)

    @property
    def networks(self) -> list[nn.Module]:
        """Those that a step runs."""
        return [self.model]

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled batches of uint8 images and masks; the few that do not fill one wait for another epoch."""
        for batch in feed.batches((self.train.images, self.train.masks), self.batch_size, self.device):
            yield batch[0], batch[1]

    def before_step(self, step: int) -> None:
        """Set the learning rate as the schedule says."""
        set_learning_rate(self.optimizer, self.rate_factors[step])

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The recipe's loss of a batch, image and mask augmented alike."""
        self.model.train()
        recipe = self.recipe
        images, masks = augment.prepare_pairs(
            batch[0], batch[1], recipe.tile, recipe.augmentation, **self.normalisation
        )
        loss: Tensor = self.trained(images.contiguous(memory_format=torch.channels_last), masks)
        return loss

    def _loss(self, images: Tensor, masks: Tensor) -> Tensor:
        """Of images as the network sees them, and their masks."""
        weight = self.recipe.auxiliary_weight
        with autocast(self.device, self.precision):
            outputs = self.model(images, with_auxiliary=True) if weight else (self.model(images),)
        main, *auxiliary = (self.batch_criterion(logits, masks) for logits in outputs)
        return main + weight * sum(auxiliary)

    def after_backward(self) -> None:
        """Gradients stay as they are."""

    def after_step(self) -> None:
        """Let the moving average follow."""
        if self.average is not None:
            self.average.update_parameters(self.model)

    def measure(self) -> dict[str, float]:
        """Loss and IoU on the validation set, its masks as large as they lie on disk.

        `mean_iou` is the course's; where a class occurs neither in the masks nor in the predictions the course's script
        divides 0 by 0, and the mean is over the other classes.
        """
        loss, iou = self._evaluate()
        classes = zip(CLASS_NAMES, iou.per_class, strict=False)
        per_class = {f"iou_{name.lower()}": value for name, value in classes if not math.isnan(value)}
        return {
            "val_loss": loss,
            "mean_iou": iou.mean_of_present,
            "mean_iou_without_unknown": iou.without_unknown.mean_of_present,
            **per_class,
        }

    def write_snapshot(self, run: Run, epoch: int) -> None:
        """Predicted masks of the named validation images."""
        masks = processes.all_reduce_sum(self.predicted[self.kept]).numpy()
        if processes.is_first():
            names = [self.val.names[row] for row in self.kept]
            runs.write_masks(run, epoch, dict(zip(names, masks, strict=True)))

    def write_best_masks(self, run: Run) -> None:
        """Masks that the best epoch's network predicts for every validation image; call it when training has ended."""
        self._evaluated().load_state_dict(run.weights())
        self._evaluate()
        predicted = processes.all_reduce_sum(self.predicted).numpy()
        if processes.is_first():
            runs.write_best_masks(run, dict(zip(self.val.names, predicted, strict=True)))

    def after_epoch(self, measures: dict[str, float]) -> None:
        """The schedule was set before training."""

    def fault(self) -> str | None:
        """A network that learns nothing still ends its training."""
        return None

    @torch.no_grad()
    def _evaluate(self) -> tuple[float, IoU]:
        """Mean loss a pixel, and IoU of all validation images.

        Their masks are left in `predicted`; of those that another process predicts, zeros.
        """
        total = torch.zeros((), device=self.device)
        nothing = self.val.masks[:0].to(self.device)
        iou = course_iou(nothing, nothing)
        self.predicted.zero_()
        for start in processes.shard(range(0, len(self.val.names), EVALUATION_BATCH)):
            rows = slice(start, start + EVALUATION_BATCH)
            images, masks = (part[rows].to(self.device) for part in (self.val.images, self.val.masks))
            logits = self.predict(images, masks.shape[-2:])
            total += self.criterion(logits, masks) * len(masks)
            predicted = logits.argmax(1).to(torch.uint8)
            iou = iou + course_iou(predicted, masks)
            self.predicted[rows] = predicted.cpu()
        return processes.all_reduce_sum(total).item() / len(self.val.names), IoU(processes.all_reduce_sum(iou.table))

    def predict(self, images: Tensor, size: tuple[int, ...]) -> Tensor:
        """Logits (N, 7, *size) float32 of uint8 images."""
        return segment(self._evaluated(), images, size, self.recipe, self.normalisation, self.precision)

    def weights(self) -> dict[str, Tensor]:
        """Of the evaluated network."""
        return self._evaluated().state_dict()

    def state_dict(self) -> dict[str, Any]:
        """Network, optimizer and moving average."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average is not None else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def _evaluated(self) -> nn.Module:
        return self.model if self.average is None else self.average.module


def _named(wanted: tuple[str, ...], names: tuple[str, ...]) -> list[int]:
    """Rows of the images named; of the first, middle and last image where the data have none of them."""
    rows = [names.index(name) for name in wanted if name in names]
    return rows or sorted({0, len(names) // 2, len(names) - 1})
