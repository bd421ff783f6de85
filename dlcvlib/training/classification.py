"""Supervised classification: one label an image, cross-entropy, accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torchvision.transforms import v2

from dlcvlib import augment, models
from dlcvlib.recipes import Recipe
from dlcvlib.training.device import Precision, autocast
from dlcvlib.training.optimizers import build_optimizer, rate_factors

EVALUATION_BATCH = 250
FITTED_IMAGES = 2000
"""Training images from which a layer computes its weights."""


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
        """The same on `device`; on the CPU images stay mapped from disk."""
        return LabelledImages(self.images.to(device), self.labels.to(device), self.indices)


class Classification:
    """The task of problem 1: see `dlcvlib.training.loop.Task`."""

    score = "val_accuracy"

    def __init__(
        self,
        recipe: Recipe,
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
        self.model = model.to(device).to(memory_format=torch.channels_last)
        if isinstance(model, FitsToImages):
            rows = torch.randperm(len(train.labels))[:FITTED_IMAGES]
            model.fit_to_images(self._prepare(self.train.images[rows.to(device)], {}))
        self.average = _moving_average(self.model, recipe.weight_average)
        self.epochs = recipe.epochs
        self.batch_size = min(recipe.batch_size, len(train.labels))
        self.steps = len(train.labels) // self.batch_size
        self.optimizer = build_optimizer(self.model.parameters(), recipe.optimizer)
        self.rate_factors = rate_factors(recipe.schedule, self.epochs, self.steps)
        self.mix = _mixing(recipe, num_classes)
        self.hits = torch.zeros((), device=device)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Shuffled batches of uint8 images and labels; the few images that do not fill one wait for another epoch."""
        self.hits.zero_()
        order = torch.randperm(len(self.train.labels))
        for rows in order[: self.steps * self.batch_size].view(self.steps, self.batch_size):
            rows = rows.to(self.device)
            yield self.train.images[rows], self.train.labels[rows]

    def loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Cross-entropy of a batch, augmented and mixed as the recipe says."""
        self.model.train()
        images = self._prepare(batch[0], self.recipe.augmentation)
        labels = batch[1]
        if self.mix is not None:
            images, labels = self.mix(images, labels)
        with autocast(self.device, self.precision):
            logits = self.model(images)
        target_class = labels.argmax(1) if labels.ndim == 2 else labels
        self.hits += (logits.detach().argmax(1) == target_class).sum()
        return functional.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)

    def after_step(self) -> None:
        """Let the moving average follow."""
        if self.average is not None:
            self.average.update_parameters(self.model)

    @torch.no_grad()
    def measure(self) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Loss and accuracy on the validation set; features, predictions and their confidence as the snapshot."""
        model = self._evaluated().eval()
        features, logits = [], []
        for images in self.val.images.split(EVALUATION_BATCH):
            prepared = self._prepare(images, {})
            with autocast(self.device, self.precision):
                found, scores = models.penultimate(model, prepared)
                if self.recipe.flip_averaging:
                    scores = (scores + model(prepared.flip(-1)).float()) / 2
            features.append(found.half().cpu())
            logits.append(scores)
        scores = torch.cat(logits)  # (N, num_classes)
        confidence, predicted = scores.softmax(1).max(1)
        measures = {
            "val_loss": functional.cross_entropy(scores, self.val.labels).item(),
            "train_accuracy": self.hits.item() / (self.steps * self.batch_size),
            "val_accuracy": (predicted == self.val.labels).float().mean().item(),
        }
        arrays = {
            "features": torch.cat(features).numpy(),
            "labels": self.val.labels.cpu().numpy(),
            "indices": self.val.indices.numpy(),
            "predicted": predicted.cpu().numpy(),
            "confidence": confidence.half().cpu().numpy(),
        }
        return measures, arrays

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

    def _prepare(self, images: Tensor, augmentation: Any) -> Tensor:
        prepared = augment.prepare(images, self.recipe.image_size, augmentation, **self.normalisation)
        return prepared.contiguous(memory_format=torch.channels_last)


def _moving_average(model: nn.Module, decay: float) -> AveragedModel | None:
    if not decay:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def _mixing(recipe: Recipe, num_classes: int) -> v2.Transform | None:
    """Mixup and cutmix in turn, drawn for each batch, as torchvision and timm do."""
    mixes = []
    if recipe.mixup_alpha:
        mixes.append(v2.MixUp(alpha=recipe.mixup_alpha, num_classes=num_classes))
    if recipe.cutmix_alpha:
        mixes.append(v2.CutMix(alpha=recipe.cutmix_alpha, num_classes=num_classes))
    return v2.RandomApply([v2.RandomChoice(mixes)], recipe.mixing_probability) if mixes else None
