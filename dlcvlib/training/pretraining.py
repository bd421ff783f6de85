"""Self-supervised pre-training: views of unlabelled images, a loss between them, monitors on held-out images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dlcvlib import augment, processes, runs
from dlcvlib.metrics import weighted_knn_accuracy
from dlcvlib.recipes import PretrainingRecipe
from dlcvlib.runs import Run
from dlcvlib.ssl import Method, monitors, schedules
from dlcvlib.ssl.ema import drift
from dlcvlib.training import distribution, feed
from dlcvlib.training.classification import EVALUATION_BATCH, LabelledImages
from dlcvlib.training.device import Precision, autocast
from dlcvlib.training.feed import resident
from dlcvlib.training.linear_probe import fit_linear
from dlcvlib.training.optimizers import build_optimizer

PROBE_WEIGHT_DECAY = 1e-3
PATIENCE = 3
"""Epochs in a row that must look collapsed before a training counts as such."""


@dataclass(frozen=True)
class UnlabelledImages:
    """Images to learn from, and labelled ones that only the monitors see.

    `train` (N, 3, H, W) uint8, of which `rows`, int64, are learnt from, so that they stay mapped from disk; None for
    all. `bank` holds the images that vote for the class of the held-out `queries`.
    """

    train: Tensor
    bank: LabelledImages
    queries: LabelledImages
    num_classes: int
    rows: Tensor | None = None

    @property
    def count(self) -> int:
        """How many are learnt from."""
        return len(self.train if self.rows is None else self.rows)


class SelfSupervised:
    """The task of problem 2: see `dlcvlib.training.loop.Task`. Its labels are for the monitors only."""

    score: str | None = None  # without labels nothing says which epoch is best: the last one is kept
    shown = "knn"

    def __init__(
        self,
        recipe: PretrainingRecipe,
        method: Method,
        images: UnlabelledImages,
        device: torch.device,
        precision: Precision,
    ) -> None:
        for view in recipe.views:
            augment.check_names(view.augmentation)
        self.recipe, self.device, self.precision = recipe, device, precision
        self.module = distribution.synchronised(method.to(device).to(memory_format=torch.channels_last))
        self.method = method
        (self.train,) = resident((images.train,), device)
        self.rows = images.rows
        self.bank, self.queries = images.bank.to(device), images.queries.to(device)
        self.num_classes = images.num_classes
        self.epochs = recipe.epochs
        self.batch_size = distribution.batch_size(recipe.batch_size, images.count)
        self.steps = images.count // self.batch_size
        self.trained = distribution.distribute(self.module, self._loss)
        self.optimizer = build_optimizer(self.module.parameters(), recipe.optimizer)
        self.rates, self.decays, self.momenta = _schedules(recipe, self.steps)
        self.step = 0
        self.collapsed: list[str] = []

    @property
    def networks(self) -> list[nn.Module]:
        """Those that a step runs."""
        return self.method.networks

    @property
    def epoch(self) -> int:
        """Counted from 0, of the step at hand."""
        return self.step // self.steps

    def batches(self) -> Iterator[Tensor]:
        """Shuffled batches of uint8 images; the few images that do not fill one wait for another epoch."""
        for (images,) in feed.batches((self.train,), self.batch_size, self.device, self.rows):
            yield images

    def before_step(self, step: int) -> None:
        """Set learning rate and weight decay."""
        self.step = step
        if step == 0:  # that an untrained network says much the same of every image is no collapse
            self.collapsed = []
        for group in self.optimizer.param_groups:
            group["lr"] = self.rates[step]
            if group["weight_decay"]:
                group["weight_decay"] = self.decays[step]

    def views(self, batch: Tensor) -> list[Tensor]:
        """The views of a batch that the recipe asks for, each image with parameters of its own in every view."""
        return [
            augment.prepare(batch, view.size, view.augmentation).contiguous(memory_format=torch.channels_last)
            for view in self.recipe.views
            for _ in range(view.count)
        ]

    def loss(self, batch: Tensor) -> Tensor:
        """The method's loss between views of a batch."""
        self.module.train()
        loss: Tensor = self.trained(self.views(batch))
        return loss

    def _loss(self, views: list[Tensor]) -> Tensor:
        with autocast(self.device, self.precision):
            return self.method.loss(views, self.epoch)

    def after_backward(self) -> None:
        """Leave the gradients to the method."""
        self.method.after_backward(self.epoch)

    def after_step(self) -> None:
        """Update the target network."""
        self.method.update_target(self.momenta[self.step])

    @torch.no_grad()
    def measure(self) -> dict[str, float]:
        """How the held-out images lie in the backbone's features, and whether the network is alive."""
        bank, _ = self._features(self.bank.images)
        self.features, outputs = self._features(self.queries.images)
        probe = fit_linear(bank, self.bank.labels, self.num_classes, PROBE_WEIGHT_DECAY).classifier
        health = self.method.health(outputs, self.epoch)
        reason = self.method.collapse(health)
        self.collapsed = [*self.collapsed, reason] if reason else []
        return {
            "knn": weighted_knn_accuracy(bank, self.bank.labels, self.features, self.queries.labels),
            "probe": (probe(self.features).argmax(1) == self.queries.labels).float().mean().item(),
            "feature_spread": monitors.normalized_std(self.features),
            "rank_me": monitors.rank_me(self.features),
            **({"drift": drift(*self.method.target_and_online)} if self.method.target_and_online else {}),
            **health,
            "collapsed": float(reason is not None),
        }

    def write_snapshot(self, run: Run, epoch: int) -> None:
        """Features of the held-out images, with their labels and places in the set."""
        arrays = {
            "features": self.features.half().cpu().numpy(),
            "labels": self.queries.labels.cpu().numpy(),
            "indices": self.queries.indices.numpy(),
        }
        if processes.is_first():
            runs.write_snapshot(run, epoch, arrays)

    def after_epoch(self, measures: dict[str, float]) -> None:
        """The schedules were set before training."""

    def fault(self) -> str | None:
        """The collapse in words, once it has lasted."""
        return self.collapse if self.recipe.on_collapse == "stop" else None

    @property
    def collapse(self) -> str | None:
        """In words, if it has lasted for `PATIENCE` epochs."""
        return self.collapsed[-1] if len(self.collapsed) >= PATIENCE else None

    def weights(self) -> dict[str, Tensor]:
        """Of the backbone that is evaluated."""
        return self.method.backbone.state_dict()

    def state_dict(self) -> dict[str, Any]:
        """Both networks, optimizer, and how long the network has looked collapsed."""
        return {
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "collapsed": self.collapsed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.collapsed = list(state["collapsed"])

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Backbone features and head outputs of unaugmented images, (N, D) and (N, K) float32."""
        in_training = self.module.training
        self.module.eval()
        features, outputs = [], []
        for part in processes.shard(images.split(EVALUATION_BATCH)):
            prepared = augment.prepare(part.to(self.device), self.recipe.image_size, {})
            prepared = prepared.contiguous(memory_format=torch.channels_last)
            with autocast(self.device, self.precision):
                found = self.method.backbone(prepared)
                outputs.append(self.method.head_output(found).float())
            features.append(found.float())
        self.module.train(in_training)
        return processes.gather(features), processes.gather(outputs)


def _schedules(recipe: PretrainingRecipe, steps: int) -> tuple[list[float], list[float], list[float]]:
    """Learning rate, weight decay and momentum of every step."""
    settings = recipe.optimizer
    rates = schedules.cosine(
        settings.learning_rate, recipe.final_learning_rate, recipe.epochs, steps, recipe.warmup_epochs
    )
    final = settings.weight_decay if recipe.final_weight_decay is None else recipe.final_weight_decay
    decays = schedules.cosine(settings.weight_decay, final, recipe.epochs, steps)
    momenta = schedules.cosine(*recipe.momentum, recipe.epochs, steps)
    return rates.tolist(), decays.tolist(), momenta.tolist()
