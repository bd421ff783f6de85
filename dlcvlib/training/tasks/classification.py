"""Classification: one label for an image, cross-entropy, accuracy. Problem 1, and problem 2's settings A to E."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib import augment, models, processes, recipes, runs
from dlcvlib.data import CourseData
from dlcvlib.recipes import ClassificationRecipe
from dlcvlib.runs import Run
from dlcvlib.training import feed
from dlcvlib.training.device import Precision, autocast
from dlcvlib.training.images import LabelledImages, LabelledSplits, evenly, load_labelled
from dlcvlib.training.loop import Progress
from dlcvlib.training.mixing import build_mixing
from dlcvlib.training.networks import build_backbone, build_network
from dlcvlib.training.optimizers import plateau_schedule
from dlcvlib.training.start import (
    COURSE_BACKBONE,
    RANDOM,
    WeightSource,
    course_backbone,
    described,
    from_pretraining,
    from_record,
)
from dlcvlib.training.tasks import probing
from dlcvlib.training.tasks.base import Normalisation, prepare_images
from dlcvlib.training.tasks.supervised import SupervisedTask

MINI_SIDE = 84
"""Side of a Mini-ImageNet image in pixels."""
FITTED_IMAGES = 2000
"""Training images from which a layer computes its weights."""
TRAIN_SAMPLE = 2500
"""Largest number of training images in a snapshot."""


@runtime_checkable
class FitsToImages(Protocol):
    """A network with a layer that is computed from training images instead of trained."""

    def fit_to_images(self, images: Tensor) -> None:
        """Compute the layer from (N, 3, H, W) float, normalised."""


class Classification(SupervisedTask[ClassificationRecipe, LabelledSplits]):
    """Cross-entropy on augmented batches; settings D and E fit the classifier on cached features instead."""

    evaluation_batch: ClassVar[int] = 250

    def __init__(
        self,
        recipe: ClassificationRecipe,
        network: nn.Module,
        images: LabelledSplits,
        device: torch.device,
        precision: Precision,
        normalisation: Normalisation,
    ) -> None:
        augment.check_names(recipe.augmentation)
        self.train_images, self.val = images.train.to(device), images.val.to(device)
        super().__init__(recipe, network, images, device, precision, normalisation)
        self.plateau = plateau_schedule(self.optimizer, recipe.schedule)
        if self.plateau is not None and recipe.evaluate_every > 1:
            raise ValueError(
                f"{recipe.name}: a plateau schedule reads the validation loss of every epoch, so evaluate_every must "
                f"be 1, not {recipe.evaluate_every}"
            )
        self.mix = build_mixing(recipe, images.num_classes)
        self.hits = torch.zeros((), device=device)
        self.fits_at_once = recipe.trains == "classifier"

    @staticmethod
    def load_images(course: CourseData, recipe: ClassificationRecipe) -> LabelledSplits:
        """Decode both splits once; select the recipe's images.

        Most editions' Mini-ImageNet has no labels: then the toy world's stands in for it, and the record says so.

        Raises:
            FileNotFoundError: the data hold no such set.
            ValueError: the set has no labels.
        """
        return load_labelled(course, recipe, Classification.decoded_size(recipe))

    @staticmethod
    def decoded_size(recipe: ClassificationRecipe) -> int | None:
        """Side to decode to: Office images differ in size, and Mini's can be larger than the network needs."""
        if recipe.dataset == "office" or (recipe.dataset == "mini" and recipe.image_size < MINI_SIDE):
            return recipe.image_size
        return None

    @staticmethod
    def build_network(recipe: ClassificationRecipe, num_classes: int) -> nn.Module:
        """Build the network with its own head, or its backbone with a linear classifier."""
        if recipe.head == "own":
            return build_network(recipe, num_classes)
        return models.LinearClassifier(*build_backbone(recipe), num_classes)

    @staticmethod
    def load_start(network: nn.Module, recipe: ClassificationRecipe, source: WeightSource) -> dict[str, Any]:
        """Load a pre-training of ours, or outside weights; where those are absent, pre-train with labels on Mini."""
        backbone = network.backbone if isinstance(network, models.LinearClassifier) else network
        if recipe.start == "random":
            return RANDOM
        if recipe.start == "ssl":
            return from_pretraining(backbone, recipe, source)
        file = source.file or (course_backbone(source.course) if recipe.supplied == "mini" else None)
        if source.file is None and not recipe.takes_outside_weights:
            because = "outside weights do not fit the reduced network"
        elif recipe.supplied == "mini" and file is None:
            because = f"the course's {COURSE_BACKBONE} was not found"
        else:
            try:
                kind: Literal["imagenet", "dino"] = "dino" if recipe.supplied == "dino" else "imagenet"
                return described(models.pretrained(backbone, recipe.model, path=file, kind=kind))
            except models.NoWeightsError as error:
                because = str(error)
        stand_in = recipes.get(recipe.stand_in) if recipe.stand_in else recipes.supervised_on_mini(recipe)
        return from_record(backbone, source.train_record(stand_in), because)

    @staticmethod
    @torch.no_grad()
    def logits(
        network: nn.Module,
        images: Tensor,
        size: tuple[int, ...],
        recipe: ClassificationRecipe,
        normalisation: Normalisation,
        precision: Precision,
    ) -> Tensor:
        """Return scores (N, num_classes) float32 of uint8 images; `size` is not used."""
        return _features_and_scores(network, images, recipe, normalisation, precision)[1]

    @staticmethod
    def class_labels(data: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the words of the csv that the network was trained on, else the class ids."""
        labels = tuple(data.get("labels") or map(str, range(data["classes"])))
        if len(labels) != data["classes"] or not all(isinstance(label, str) for label in labels):
            raise ValueError(f"{data['classes']} classes have the labels {labels}")
        return labels

    def prepare_network(self) -> None:
        """Freeze the backbone, or compute a layer from training images, where the recipe or the network asks for it."""
        if self.recipe.trains == "classifier":
            assert isinstance(self.model, models.LinearClassifier)
            self.model.backbone.requires_grad_(False)
        if isinstance(self.model, FitsToImages):
            rows = torch.randperm(len(self.train_images.labels))[:FITTED_IMAGES]
            images = self.train_images.images[rows.to(self.train_images.images.device)]
            self.model.fit_to_images(self._prepare(images.to(self.device)))

    def prepare_start(self) -> None:
        """Fit the classifier on the frozen backbone first, where the recipe says so."""
        if self.recipe.classifier_first:
            probing.fit_classifier(self)

    def train(self, run: Run, *, seed: int, title: str, checkpoint: str | None) -> Progress:
        """Train epochs, or fit the classifier of a frozen backbone at once."""
        if self.fits_at_once:
            return probing.probe(self, run, seed)
        return super().train(run, seed=seed, title=title, checkpoint=checkpoint)

    def batches(self) -> Iterator[tuple[Tensor, ...]]:
        """Yield shuffled batches of uint8 images and labels; images that do not fill a batch are left out."""
        self.hits.zero_()
        tensors = (self.train_images.images, self.train_images.labels)
        yield from feed.batches(tensors, self.batch_size, self.device)

    def inputs(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Augment the images, then mix images and labels."""
        self.model.train()
        images = prepare_images(batch[0], self.recipe.image_size, self.normalisation, self.recipe.augmentation)
        return (images, batch[1]) if self.mix is None else self.mix(images, batch[1])

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of images (N, 3, H, W); `labels` (N,), or (N, num_classes) of mixed images."""
        with autocast(self.device, self.precision):
            logits = self.model(images)
        target_class = labels.argmax(1) if labels.ndim == 2 else labels
        self.hits += (logits.detach().argmax(1) == target_class).sum()
        return functional.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)

    def before_step(self, step: int) -> None:
        """Set the learning rate of the schedule; a plateau schedule sets it after the epoch."""
        if self.plateau is None:
            super().before_step(step)

    def after_epoch(self, measures: dict[str, float]) -> None:
        """Step a plateau schedule."""
        if self.plateau is not None:
            self.plateau.step(measures["val_loss"])

    def evaluate(self) -> dict[str, float]:
        """Compute loss and accuracy on the validation images, and the accuracy on the last epoch's batches."""
        self.features, scores = self._evaluate(self.val)
        self.scores = scores
        return {
            "val_loss": functional.cross_entropy(scores, self.val.labels).item(),
            "train_accuracy": processes.all_reduce_sum(self.hits).item() / (self.steps * self.batch_size),
            "val_accuracy": (scores.argmax(1) == self.val.labels).float().mean().item(),
        }

    def write_snapshot(self, run: Run, epoch: int) -> None:
        """Write features, predictions and confidences of the validation images, or of a sample of training images."""
        part, features, scores = self.val, self.features, self.scores
        if self.recipe.snapshot_of == "train":
            part = _sample(self.train_images)
            features, scores = self._evaluate(part)
        confidence, predicted = scores.softmax(1).max(1)
        arrays = {
            "features": features.numpy(),
            "labels": part.labels.cpu().numpy(),
            "indices": part.indices.numpy(),
            "predicted": predicted.cpu().numpy(),
            "confidence": confidence.half().cpu().numpy(),
        }
        if processes.is_first():
            runs.write_snapshot(run, epoch, arrays)

    def state_dict(self) -> dict[str, Any]:
        """Return network, optimizer, moving average and plateau schedule."""
        return super().state_dict() | {"plateau": self.plateau.state_dict() if self.plateau is not None else None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from `state_dict`."""
        super().load_state_dict(state)
        if self.plateau is not None:
            self.plateau.load_state_dict(state["plateau"])

    def _evaluate(self, part: LabelledImages) -> tuple[Tensor, Tensor]:
        """Return features (N, D) float16 on the CPU, and scores (N, num_classes)."""
        features, scores = [], []
        for images in processes.shard(part.images.split(self.evaluation_batch)):
            images = images.to(self.device, non_blocking=True)
            found = _features_and_scores(self.evaluated, images, self.recipe, self.normalisation, self.precision)
            features.append(found[0].half().cpu())
            scores.append(found[1])
        return processes.gather(features), processes.gather(scores)

    def _prepare(self, images: Tensor) -> Tensor:
        """Normalise unaugmented images."""
        return prepare_images(images, self.recipe.image_size, self.normalisation, {})


@torch.no_grad()
def _features_and_scores(
    network: nn.Module,
    images: Tensor,
    recipe: ClassificationRecipe,
    normalisation: Normalisation,
    precision: Precision,
) -> tuple[Tensor, Tensor]:
    """Return features (N, D) and scores (N, num_classes), float32, averaged over an image and its mirror if asked."""
    network.eval()
    prepared = prepare_images(images, recipe.image_size, normalisation, {})
    with autocast(images.device, precision):
        features, scores = models.penultimate(network, prepared)
        if recipe.flip_averaging:
            scores = (scores + network(prepared.flip(-1)).float()) / 2
    return features, scores


def _sample(images: LabelledImages) -> LabelledImages:
    """Return at most `TRAIN_SAMPLE` images, evenly spaced, the same at every epoch."""
    rows = evenly(len(images.labels), TRAIN_SAMPLE)
    return LabelledImages(images.images[rows], images.labels[rows], images.indices[rows])
