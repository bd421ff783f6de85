"""Self-supervised pre-training: views of unlabelled images, a loss between views, monitors on held-out images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from dlcvlib import augment, data, processes, runs, ssl
from dlcvlib.data import CourseData, Decoded
from dlcvlib.metrics import weighted_knn_accuracy
from dlcvlib.recipes import PretrainingRecipe
from dlcvlib.runs import Run
from dlcvlib.ssl import Method, monitors, schedules
from dlcvlib.ssl.ema import drift
from dlcvlib.training import distribution, feed
from dlcvlib.training.device import Precision, autocast
from dlcvlib.training.feed import resident
from dlcvlib.training.images import Images, LabelledImages, evenly, first_rows, held_out, labelled
from dlcvlib.training.linear_probe import fit_linear
from dlcvlib.training.networks import build_backbone
from dlcvlib.training.optimizers import build_optimizer
from dlcvlib.training.tasks.base import Normalisation, Task, count_parameters, prepare_images

MINI_CLASSES = 64
BANK = 5000
QUERIES = 2000
"""Largest numbers of images that the monitors see, evenly spaced over the set."""
PROBE_WEIGHT_DECAY = 1e-3
PROBE_ITERATIONS = 100
"""Largest number; to converge takes several times as many."""
PATIENCE = 3
"""Epochs in a row that must look collapsed before a training counts as collapsed."""


@dataclass(frozen=True, kw_only=True)
class UnlabelledImages(Images):
    """Images to learn from, and labelled ones that only the monitors see.

    `train` (N, 3, H, W) uint8, of which `rows`, int64, are learnt from, so that they stay mapped from disk; None for
    all. `bank` holds the images that vote for the class of the held-out `queries`.
    """

    train: Tensor
    bank: LabelledImages
    queries: LabelledImages
    rows: Tensor | None = None


class Pretraining(Task[PretrainingRecipe, UnlabelledImages]):
    """The loss of an SSL method between augmented views; labels are for the monitors only."""

    chooses_best: ClassVar[bool] = False  # without labels nothing tells which epoch is best
    predicts: ClassVar[bool] = False
    evaluation_batch: ClassVar[int] = 250

    def __init__(
        self,
        recipe: PretrainingRecipe,
        network: nn.Module,
        images: UnlabelledImages,
        device: torch.device,
        precision: Precision,
        normalisation: Normalisation,
    ) -> None:
        for view in recipe.views:
            augment.check_names(view.augmentation)
        assert isinstance(network, Method)
        self.recipe, self.device, self.precision = recipe, device, precision
        self.method = network
        self.module = distribution.synchronised(network.to(device).to(memory_format=torch.channels_last))
        (self.train_images,) = resident((images.train,), device)
        self.rows = images.rows
        self.bank, self.queries = images.bank.to(device), images.queries.to(device)
        self.num_classes = images.num_classes
        self.epochs = recipe.epochs
        count = int(images.facts["train_images"])
        self.batch_size = distribution.batch_size(recipe.batch_size, count)
        self.steps = count // self.batch_size
        self.trained = distribution.distribute(self.module, self.loss)
        self.optimizer = build_optimizer(self.module.parameters(), recipe.optimizer)
        self.rates, self.decays, self.momenta = _schedules(recipe, self.steps)
        self.step = 0
        self.collapsed: list[str] = []

    @staticmethod
    def load_images(course: CourseData, recipe: PretrainingRecipe) -> UnlabelledImages:
        """Decode Mini-ImageNet, without its labels, and labelled images for the monitors.

        Where Mini-ImageNet has labels, one image in ten of each class is held out for the monitors; where it has none,
        they see the Office set.

        Raises:
            FileNotFoundError: the data hold no Mini-ImageNet, or no labels for the monitors.
        """
        mini = course.mini
        if mini is None:
            raise FileNotFoundError(f"{course.root} holds no Mini-ImageNet, which {recipe.name} is pre-trained on")
        decoded = data.decode(mini, "train")
        if decoded.labels is None:
            return _monitored_on_office(course, recipe, decoded)
        labels = decoded.labels.numpy()
        out = held_out(labels)
        rows = first_rows(np.flatnonzero(~out), labels, recipe.images_per_class)
        queries = _at_most(decoded, np.flatnonzero(out), QUERIES)
        return UnlabelledImages(
            course=course,
            num_classes=len(mini.class_names),
            fingerprint=decoded.fingerprint,
            facts={"train_images": len(rows), "val_images": len(queries.labels), "monitored": "mini"},
            train=decoded.images,
            bank=_at_most(decoded, rows, BANK),
            queries=queries,
            rows=torch.from_numpy(rows),
        )

    @staticmethod
    def build_network(recipe: PretrainingRecipe, num_classes: int) -> Method:
        """Build the SSL method around the recipe's backbone; `num_classes` is not used."""
        backbone, feature_dim = build_backbone(recipe)
        views = sum(view.count for view in recipe.views)
        options = recipe.method_options
        return ssl.build(recipe.method, backbone, feature_dim, views=views, epochs=recipe.epochs, **options)

    @staticmethod
    def stored(network: nn.Module) -> nn.Module:
        """Return the backbone that is evaluated."""
        assert isinstance(network, Method)
        return network.backbone

    @property
    def networks(self) -> list[nn.Module]:
        """Modules that a step calls."""
        return self.method.networks

    @property
    def epoch(self) -> int:
        """Epoch of the current step, counted from 0."""
        return self.step // self.steps

    def batches(self) -> Iterator[Tensor]:
        """Yield shuffled batches of uint8 images; images that do not fill a batch are left out."""
        for (images,) in feed.batches((self.train_images,), self.batch_size, self.device, self.rows):
            yield images

    def inputs(self, batch: Tensor) -> tuple[list[Tensor]]:
        """Draw the recipe's views of a batch, with parameters drawn for each image in each view."""
        self.module.train()
        views = [
            prepare_images(batch, view.size, {}, view.augmentation)
            for view in self.recipe.views
            for _ in range(view.count)
        ]
        return (views,)

    def loss(self, views: list[Tensor]) -> Tensor:
        """Return the method's loss between views, each (N, 3, H, W)."""
        with autocast(self.device, self.precision):
            return self.method.loss(views, self.epoch)

    def before_step(self, step: int) -> None:
        """Set learning rate and weight decay."""
        self.step = step
        if step == 0:  # an untrained network looks collapsed, and is not
            self.collapsed = []
        for group in self.optimizer.param_groups:
            group["lr"] = self.rates[step]
            if group["weight_decay"]:
                group["weight_decay"] = self.decays[step]

    def after_backward(self) -> None:
        """Let the method change the gradients."""
        self.method.after_backward(self.epoch)

    def after_step(self) -> None:
        """Update the target network."""
        self.method.update_target(self.momenta[self.step])

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """Compute kNN and probe accuracy of the held-out images, and the figures that tell a collapse."""
        bank, _ = self._features(self.bank.images)
        self.features, outputs = self._features(self.queries.images)
        probe = fit_linear(bank, self.bank.labels, self.num_classes, PROBE_WEIGHT_DECAY, PROBE_ITERATIONS).classifier
        health = self.method.health(outputs, self.epoch)
        reason = self.method.collapse(health)
        self.collapsed = [*self.collapsed, reason] if reason else []
        pair = self.method.target_and_online
        return {
            "knn": weighted_knn_accuracy(bank, self.bank.labels, self.features, self.queries.labels),
            "probe": (probe(self.features).argmax(1) == self.queries.labels).float().mean().item(),
            "feature_spread": monitors.normalized_std(self.features),
            "rank_me": monitors.rank_me(self.features),
            **({"drift": drift(*pair)} if pair else {}),
            **health,
            "collapsed": float(reason is not None),
        }

    def write_snapshot(self, run: Run, epoch: int) -> None:
        """Write features of the held-out images, with their labels and their indices in the set."""
        arrays = {
            "features": self.features.half().cpu().numpy(),
            "labels": self.queries.labels.cpu().numpy(),
            "indices": self.queries.indices.numpy(),
        }
        if processes.is_first():
            runs.write_snapshot(run, epoch, arrays)

    @property
    def collapse(self) -> str | None:
        """Description of a collapse that has lasted for `PATIENCE` epochs; None if there is none."""
        return self.collapsed[-1] if len(self.collapsed) >= PATIENCE else None

    def stop_reason(self) -> str | None:
        """Return the collapse, where the recipe stops at one."""
        return self.collapse if self.recipe.on_collapse == "stop" else None

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of the backbone that is evaluated."""
        return self.stored(self.method).state_dict()

    def state_dict(self) -> dict[str, Any]:
        """Return all networks, the optimizer, and the collapsed epochs in a row."""
        return {
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "collapsed": self.collapsed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from `state_dict`."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.collapsed = list(state["collapsed"])

    def facts(self) -> dict[str, Any]:
        """Return the backbone's number of parameters, and the collapse."""
        return {"parameters": count_parameters(self.method.backbone.parameters()), "collapse": self.collapse}

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return backbone features and head outputs of unaugmented images, (N, D) and (N, K) float32."""
        in_training = self.module.training
        self.module.eval()
        features, outputs = [], []
        for part in processes.shard(images.split(self.evaluation_batch)):
            prepared = prepare_images(part.to(self.device), self.recipe.image_size, {}, {})
            with autocast(self.device, self.precision):
                found = self.method.backbone(prepared)
                outputs.append(self.method.head_output(found).float())
            features.append(found.float())
        self.module.train(in_training)
        return processes.gather(features), processes.gather(outputs)


def _monitored_on_office(course: CourseData, recipe: PretrainingRecipe, mini: Decoded) -> UnlabelledImages:
    office = course.office
    if office is None or office.val is None:
        raise FileNotFoundError(f"{course.root}: neither Mini-ImageNet nor Office has labels for the monitors")
    train, val = (data.decode(office, split, recipe.image_size) for split in ("train", "val"))
    queries = _at_most(val, np.arange(len(val.names)), QUERIES)
    images = mini.images
    if recipe.images_per_class is not None and recipe.images_per_class * MINI_CLASSES < len(images):
        images = images[evenly(len(images), recipe.images_per_class * MINI_CLASSES)]
    return UnlabelledImages(
        course=course,
        num_classes=len(office.class_names),
        fingerprint=f"{mini.fingerprint}-{train.fingerprint}-{val.fingerprint}",
        facts={"train_images": len(images), "val_images": len(queries.labels), "monitored": "office"},
        train=images,
        bank=_at_most(train, np.arange(len(train.names)), BANK),
        queries=queries,
    )


def _at_most(decoded: Decoded, rows: np.ndarray, count: int) -> LabelledImages:
    """Select at most `count` of the rows, evenly spaced."""
    return labelled(decoded, rows[evenly(len(rows), count).numpy()])


def _schedules(recipe: PretrainingRecipe, steps: int) -> tuple[list[float], list[float], list[float]]:
    """Return learning rate, weight decay and EMA momentum of every step."""
    settings = recipe.optimizer
    rates = schedules.cosine(
        settings.learning_rate, recipe.final_learning_rate, recipe.epochs, steps, recipe.warmup_epochs
    )
    final = settings.weight_decay if recipe.final_weight_decay is None else recipe.final_weight_decay
    decays = schedules.cosine(settings.weight_decay, final, recipe.epochs, steps)
    momenta = schedules.cosine(*recipe.momentum, recipe.epochs, steps)
    return rates.tolist(), decays.tolist(), momenta.tolist()
