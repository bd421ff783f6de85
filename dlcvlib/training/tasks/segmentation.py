"""Semantic segmentation: one class for a pixel, judged by the course's mean IoU. Problem 3."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib import augment, data, models, processes, runs
from dlcvlib.data import CourseData, Decoded
from dlcvlib.data.palette import CLASS_NAMES
from dlcvlib.metrics import IoU, course_iou
from dlcvlib.recipes import SegmentationRecipe
from dlcvlib.runs import Run
from dlcvlib.training import feed
from dlcvlib.training.criterion import build_loss, of_shared_batch
from dlcvlib.training.device import Precision, autocast
from dlcvlib.training.feed import resident
from dlcvlib.training.images import Images
from dlcvlib.training.networks import build_network
from dlcvlib.training.start import RANDOM, WeightSource, described, from_pretraining
from dlcvlib.training.tasks.base import Normalisation, prepare_images
from dlcvlib.training.tasks.supervised import SupervisedTask


@dataclass(frozen=True)
class Tiles:
    """Satellite images and their masks, in memory or mapped from disk.

    `images` uint8 (N, 3, H, W); `masks` uint8 (N, H', W'), class ids 0..6, of the images' size for training;
    `names` of the images, such as "0013".
    """

    images: Tensor
    masks: Tensor
    names: tuple[str, ...]

    def to(self, device: torch.device) -> Tiles:
        """Return a copy on `device`; what does not fit there, and all on a CPU, stays mapped from disk."""
        images, masks = resident((self.images, self.masks), device)
        return Tiles(images, masks, self.names)


@dataclass(frozen=True, kw_only=True)
class TileSplits(Images):
    """Training and validation tiles."""

    train: Tiles
    val: Tiles


class Segmentation(SupervisedTask[SegmentationRecipe, TileSplits]):
    """The recipe's loss on tiles, image and mask augmented alike."""

    evaluation_batch: ClassVar[int] = 8  # whose logits are as large as their masks: 7 x 512 x 512 floats each

    def __init__(
        self,
        recipe: SegmentationRecipe,
        network: nn.Module,
        images: TileSplits,
        device: torch.device,
        precision: Precision,
        normalisation: Normalisation,
    ) -> None:
        augment.check_pair_names(recipe.augmentation)
        self.criterion = build_loss(recipe, images.train.masks, device)
        self.batch_criterion = of_shared_batch(recipe, self.criterion)
        self.train_images, self.val = images.train.to(device), images.val.to(device)
        super().__init__(recipe, network, images, device, precision, normalisation)
        self.shown = _named(recipe.named_images, images.val.names)
        self.predicted = torch.zeros(images.val.masks.shape, dtype=torch.uint8)

    @staticmethod
    def load_images(course: CourseData, recipe: SegmentationRecipe) -> TileSplits:
        """Decode both splits once: images as the network sees them, validation masks as they lie on disk.

        Raises:
            FileNotFoundError: the data hold no satellite images with masks.
            DataError: a file is missing or damaged, or a mask differs in size from its image; the message names it.
        """
        found = course.satellite
        if found is None or found.val is None:
            raise FileNotFoundError(
                f"{course.root} holds no satellite images with masks for training and validation, which {recipe.name} "
                "needs; `dlcv data check` says what was found there"
            )
        size = recipe.image_size
        train, val, judged = (
            data.decode(found, "train", size),
            data.decode(found, "val", size),
            data.decode(found, "val"),
        )
        assert train.masks is not None and judged.masks is not None  # a satellite set has masks
        count = min(recipe.train_images or len(train.names), len(train.names))
        return TileSplits(
            course=course,
            num_classes=len(CLASS_NAMES),
            fingerprint=f"{train.fingerprint}-{judged.fingerprint}",
            facts={"train_images": count, "val_images": len(val.names), "mask_pixels": judged.masks.shape[-1]},
            train=Tiles(train.images[:count], train.masks[:count], _stems(train)[:count]),
            val=Tiles(val.images, judged.masks, _stems(val)),
        )

    @staticmethod
    def build_network(recipe: SegmentationRecipe, num_classes: int) -> nn.Module:
        """Build the recipe's segmentation network."""
        return build_network(recipe, num_classes)

    @staticmethod
    def load_start(network: nn.Module, recipe: SegmentationRecipe, source: WeightSource) -> dict[str, Any]:
        """Load the backbone from a pre-training of ours or from ImageNet, or the whole network from COCO."""
        if recipe.start == "random":
            return RANDOM
        name = models.backbone_of(recipe.model)
        if name is None:
            raise ValueError(f"the recipe {recipe.name} names a start, but {recipe.model} has no backbone for it")
        backbone = network.get_submodule("backbone")
        if recipe.start == "ssl":
            return from_pretraining(backbone, recipe, source)
        if source.file is None and not recipe.takes_outside_weights:
            return RANDOM | {"because": "outside weights do not fit the reduced network"}
        if recipe.start == "coco" and source.file is None:
            return described(models.pretrained(network, recipe.model))
        return described(models.pretrained(backbone, name, path=source.file))

    @staticmethod
    @torch.no_grad()
    def logits(
        network: nn.Module,
        images: Tensor,
        size: tuple[int, ...],
        recipe: SegmentationRecipe,
        normalisation: Normalisation,
        precision: Precision,
    ) -> Tensor:
        """Return logits (N, 7, *size) float32 of uint8 images, averaged over the eight views if the recipe says so."""
        network.eval()
        prepared = prepare_images(images, recipe.image_size, normalisation, {})
        with autocast(images.device, precision):
            if recipe.dihedral_averaging:
                logits = augment.undo_dihedral(network(augment.dihedral_views(prepared))).float().mean(0)
            else:
                logits = network(prepared)
        return functional.interpolate(logits.float(), size, mode="bilinear", align_corners=False)

    def batches(self) -> Iterator[tuple[Tensor, ...]]:
        """Yield shuffled batches of uint8 images and masks; tiles that do not fill a batch are left out."""
        tensors = (self.train_images.images, self.train_images.masks)
        yield from feed.batches(tensors, self.batch_size, self.device)

    def inputs(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Augment images and masks alike."""
        self.model.train()
        recipe = self.recipe
        images, masks = augment.prepare_pairs(
            batch[0], batch[1], recipe.tile, recipe.augmentation, **self.normalisation
        )
        return images.contiguous(memory_format=torch.channels_last), masks

    def loss(self, images: Tensor, masks: Tensor) -> Tensor:
        """Return the loss of images (N, 3, H, W) float and masks (N, H, W), the auxiliary head's added."""
        weight = self.recipe.auxiliary_weight
        with autocast(self.device, self.precision):
            outputs = self.model(images, with_auxiliary=True) if weight else (self.model(images),)
        main, *auxiliary = (self.batch_criterion(logits, masks) for logits in outputs)
        return main + weight * sum(auxiliary)

    def evaluate(self) -> dict[str, float]:
        """Compute loss and IoU on the validation images, at the size of their masks on disk.

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
        """Write the predicted masks of the named validation images."""
        masks = processes.all_reduce_sum(self.predicted[self.shown]).numpy()
        if processes.is_first():
            names = [self.val.names[row] for row in self.shown]
            runs.write_masks(run, epoch, dict(zip(names, masks, strict=True)))

    def finish(self, run: Run) -> None:
        """Write the masks that the best epoch's network predicts for every validation image."""
        processes.barrier()  # until the first process has written the best weights
        self.evaluated.load_state_dict(run.weights())
        self._evaluate()
        predicted = processes.all_reduce_sum(self.predicted).numpy()
        if processes.is_first():
            runs.write_best_masks(run, dict(zip(self.val.names, predicted, strict=True)))

    @torch.no_grad()
    def _evaluate(self) -> tuple[float, IoU]:
        """Return the mean loss of a pixel and the IoU over all validation images.

        Stores the predicted masks in `predicted`; zeros for those that another rank predicts.
        """
        total = torch.zeros((), device=self.device)
        nothing = self.val.masks[:0].to(self.device)
        iou = course_iou(nothing, nothing)
        self.predicted.zero_()
        for start in processes.shard(range(0, len(self.val.names), self.evaluation_batch)):
            rows = slice(start, start + self.evaluation_batch)
            images, masks = (part[rows].to(self.device) for part in (self.val.images, self.val.masks))
            logits = self._logits(images, masks.shape[-2:])
            total += self.criterion(logits, masks) * len(masks)
            predicted = logits.argmax(1).to(torch.uint8)
            iou = iou + course_iou(predicted, masks)
            self.predicted[rows] = predicted.cpu()
        return processes.all_reduce_sum(total).item() / len(self.val.names), IoU(processes.all_reduce_sum(iou.table))

    def _logits(self, images: Tensor, size: tuple[int, ...]) -> Tensor:
        return self.logits(self.evaluated, images, size, self.recipe, self.normalisation, self.precision)


def _stems(decoded: Decoded) -> tuple[str, ...]:
    """Return names of images as the reports write them: "0013" for 0013_sat.jpg."""
    return tuple(Path(name).stem.removesuffix("_sat") for name in decoded.names)


def _named(wanted: tuple[str, ...], names: tuple[str, ...]) -> list[int]:
    """Return the indices of the named images; of the first, middle and last image if none is there."""
    rows = [names.index(name) for name in wanted if name in names]
    return rows or sorted({0, len(names) // 2, len(names) - 1})
