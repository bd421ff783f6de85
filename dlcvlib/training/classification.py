"""Supervised classification: one label an image, cross-entropy, accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torchvision.transforms import v2

from dlcvlib import augment, models, processes, runs
from dlcvlib.recipes import ClassificationRecipe
from dlcvlib.runs import Run
from dlcvlib.training import distribution, feed
from dlcvlib.training.averaging import moving_average
from dlcvlib.training.device import Precision, autocast
from dlcvlib.training.evaluation import classify, prepare
from dlcvlib.training.feed import resident
from dlcvlib.training.optimizers import build_optimizer, rate_factors, set_learning_rate

EVALUATION_BATCH = 250
FITTED_IMAGES = 2000
"""Training images from which a layer computes its weights."""
TRAIN_SAMPLE = 2500
"""At most so many training images are followed through the epochs, where a recipe asks for snapshots of them."""


@runtime_checkable
class FitsToImages(Protocol):
    """A network with a layer that is computed from training images rather than trained."""

    def fit_to_images(self, images: Tensor) -> None:
        """Compute it from (N, 3, H, W) float, normalised."""


@dataclass(frozen=True)
class LabelledImages:
    """Images and their classes, in memory or mapped from disk.

    `images` (N, 3, H, W) uint8, `labels` (N,) int64, `indices` (N,) int64: the place of each in its split.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor

    def to(self, device: torch.device) -> LabelledImages:
        """The same on `device`; images that do not fit there, and on the CPU all, stay mapped from disk."""
        (images,) = resident((self.images,), device)
        return LabelledImages(images, self.labels.to(device), self.indices)


class Classification:
    """The task of problem 1: see `dlcvlib.training.loop.Task`."""

    score: str | None = "val_accuracy"
    shown = "val_accuracy"

    def __init__(
        self,
        recipe: ClassificationRecipe,
        model: nn.Module,
        train: LabelledImages,
        val: LabelledImages,
        num_classes: int,
        device: torch.device,
        precision: Precision,
        normalisation: dict[str, tuple[float, float, float]] | None = None,
    ) -> None:
        augment.check_names(recipe.augmentation)
        self.recipe, self.device, self.precision = recipe, device, precision
        self.train, self.val = train.to(device), val.to(device)
        self.normalisation = normalisation or {}
        self.model = distribution.synchronised(model.to(device).to(memory_format=torch.channels_last))
        if recipe.trains == "classifier":
            assert isinstance(model, models.LinearClassifier)
            model.backbone.requires_grad_(False)
        if isinstance(model, FitsToImages):
            rows = torch.randperm(len(train.labels))[:FITTED_IMAGES]
            images = self.train.images[rows.to(self.train.images.device)]
            model.fit_to_images(self.prepare(images.to(device), {}))
        self.average = moving_average(self.model, recipe.weight_average)
        self.epochs = recipe.epochs
        self.batch_size = distribution.batch_size(recipe.batch_size, len(train.labels))
        self.steps = len(train.labels) // self.batch_size
        self.trained = distribution.distribute(self.model, self._loss)
        self.optimizer = build_optimizer(self.model.parameters(), recipe.optimizer)
        self.rate_factors = rate_factors(recipe.schedule, self.epochs, self.steps)
        self.plateau = _plateau(self.optimizer, recipe)
        self.mix = _mixing(recipe, num_classes)
        self.hits = torch.zeros((), device=device)

    @property
    def networks(self) -> list[nn.Module]:
        """Those that a step runs."""
        return [self.model]

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled batches of uint8 images and labels; the few images that do not fill one wait for another epoch."""
        self.hits.zero_()
        for batch in feed.batches((self.train.images, self.train.labels), self.batch_size, self.device):
            yield batch[0], batch[1]

    def before_step(self, step: int) -> None:
        """Set the learning rate as the schedule says; on a plateau it was set after the epoch."""
        if self.plateau is None:
            set_learning_rate(self.optimizer, self.rate_factors[step])

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Cross-entropy of a batch, augmented and mixed as the recipe says."""
        self.model.train()
        images = self.prepare(batch[0], self.recipe.augmentation)
        labels = batch[1]
        if self.mix is not None:
            images, labels = self.mix(images, labels)
        loss: Tensor = self.trained(images, labels)
        return loss

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Of images as the network sees them; `labels` (N,), or (N, num_classes) of mixed ones."""
        with autocast(self.device, self.precision):
            logits = self.model(images)
        target_class = labels.argmax(1) if labels.ndim == 2 else labels
        self.hits += (logits.detach().argmax(1) == target_class).sum()
        return functional.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)

    def after_backward(self) -> None:
        """Gradients stay as they are."""

    def after_step(self) -> None:
        """Let the moving average follow."""
        if self.average is not None:
            self.average.update_parameters(self.model)

    def measure(self) -> dict[str, float]:
        """Loss and accuracy on the validation set."""
        self.evaluation = self._evaluate(self.val)
        scores = self.evaluation["scores"]
        return {
            "val_loss": functional.cross_entropy(scores, self.val.labels).item(),
            "train_accuracy": processes.all_reduce_sum(self.hits).item() / (self.steps * self.batch_size),
            "val_accuracy": (scores.argmax(1) == self.val.labels).float().mean().item(),
        }

    def write_snapshot(self, run: Run, epoch: int) -> None:
        """Features, predictions and confidence, of the validation images or a sample of the training images."""
        of_train = self.recipe.snapshot_of == "train"
        part = _sample(self.train) if of_train else self.val
        evaluation = self._evaluate(part) if of_train else self.evaluation
        confidence, predicted = evaluation["scores"].softmax(1).max(1)
        arrays = {
            "features": evaluation["features"].numpy(),
            "labels": part.labels.cpu().numpy(),
            "indices": part.indices.numpy(),
            "predicted": predicted.cpu().numpy(),
            "confidence": confidence.half().cpu().numpy(),
        }
        if processes.is_first():
            runs.write_snapshot(run, epoch, arrays)

    def after_epoch(self, measures: dict[str, float]) -> None:
        """Lower the learning rate when the validation loss no longer falls, where the recipe says so."""
        if self.plateau is not None:
            self.plateau.step(measures["val_loss"])

    def fault(self) -> str | None:
        """A classifier that learns nothing still ends its training."""
        return None

    def _evaluate(self, part: LabelledImages) -> dict[str, Tensor]:
        """Features (N, D) float16 on the CPU, and scores (N, num_classes)."""
        features, logits = [], []
        for images in processes.shard(part.images.split(EVALUATION_BATCH)):
            images = images.to(self.device, non_blocking=True)
            found, scores = classify(self._evaluated(), images, self.recipe, self.normalisation, self.precision)
            features.append(found.half().cpu())
            logits.append(scores)
        return {"features": processes.gather(features), "scores": processes.gather(logits)}

    def weights(self) -> dict[str, Tensor]:
        """Of the evaluated network."""
        return self._evaluated().state_dict()

    def state_dict(self) -> dict[str, Any]:
        """Network, optimizer and moving average."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average is not None else None,
            "plateau": self.plateau.state_dict() if self.plateau is not None else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        if self.plateau is not None:
            self.plateau.load_state_dict(state["plateau"])

    def _evaluated(self) -> nn.Module:
        return self.model if self.average is None else self.average.module

    def prepare(self, images: Tensor, augmentation: Any) -> Tensor:
        """Images as the network takes them, (N, 3, size, size) float, from uint8 ones."""
        return prepare(images, self.recipe.image_size, self.normalisation, augmentation)


def _sample(images: LabelledImages) -> LabelledImages:
    """At most `TRAIN_SAMPLE` images, evenly spread over the set, the same at every epoch."""
    rows = torch.linspace(0, len(images.labels) - 1, min(TRAIN_SAMPLE, len(images.labels))).long()
    return LabelledImages(images.images[rows], images.labels[rows], images.indices[rows])


def _plateau(optimizer: torch.optim.Optimizer, recipe: ClassificationRecipe) -> ReduceLROnPlateau | None:
    schedule = recipe.schedule
    if schedule.name != "plateau":
        return None
    return ReduceLROnPlateau(optimizer, mode="min", factor=schedule.gamma, patience=schedule.every)


def _mixing(recipe: ClassificationRecipe, num_classes: int) -> v2.Transform | None:
    """Mixup and cutmix in turn, drawn for each batch, as torchvision and timm do."""
    mixes = []
    if recipe.mixup_alpha:
        mixes.append(v2.MixUp(alpha=recipe.mixup_alpha, num_classes=num_classes))
    if recipe.cutmix_alpha:
        mixes.append(v2.CutMix(alpha=recipe.cutmix_alpha, num_classes=num_classes))
    return v2.RandomApply([v2.RandomChoice(mixes)], recipe.mixing_probability) if mixes else None
