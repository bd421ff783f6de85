"""Segmentation as torchvision's reference trains it: its transforms in their order, its optimizer and its losses.

Source of the settings: references/segmentation/{presets,transforms,train}.py of https://github.com/pytorch/vision: the
shorter side drawn between half and twice the base size, a flip, a crop padded with the ignored value where need be;
SGD at .01 with momentum .9 and weight decay 1e-4, ten times that rate for the auxiliary head; the rate falls as
(1 - t) ** .9, step by step; the auxiliary loss counts half; the loss is read at every step; fp32. Its own
DataLoader has 16 workers and batches of 8: both are as in the other rows here, as are network and crop.
"""

from __future__ import annotations

import random
import sys

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as losses
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision.transforms import InterpolationMode, RandomCrop, functional

from dlcvlib.augment import IMAGENET_MEAN, IMAGENET_STD
from dlcvlib.bench.measuring import Steps
from dlcvlib.data import Split, palette
from dlcvlib.data.palette import CLASS_NAMES
from dlcvlib.recipes import SegmentationRecipe
from dlcvlib.training.tasks import Segmentation

IGNORED = 255
LEARNING_RATE = 0.01
AUXILIARY_WEIGHT = 0.5


class ReferenceTiles(Dataset[tuple[Tensor, Tensor]]):
    """Pairs of an image (3, crop, crop) and its class ids (crop, crop), both by way of PIL."""

    def __init__(self, split: Split, base: int, crop: int) -> None:
        assert split.masks is not None  # a satellite set without masks is not found as one
        self.files = list(zip(split.files, split.masks, strict=True))
        self.sizes = (base // 2, 2 * base)
        self.crop = crop

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        image, coloured = (Image.open(file).convert("RGB") for file in self.files[place])
        ids = palette.class_ids(np.asarray(coloured))
        mask = Image.fromarray(np.where(ids == palette.UNKNOWN, IGNORED, ids).astype(np.uint8))
        size = random.randint(*self.sizes)
        image = functional.resize(image, [size])
        mask = functional.resize(mask, [size], interpolation=InterpolationMode.NEAREST)
        if random.random() < 0.5:
            image, mask = functional.hflip(image), functional.hflip(mask)
        missing = [0, 0, max(0, self.crop - image.width), max(0, self.crop - image.height)]
        if any(missing):
            image, mask = functional.pad(image, missing), functional.pad(mask, missing, fill=IGNORED)
        box = RandomCrop.get_params(image, (self.crop, self.crop))
        image, mask = functional.crop(image, *box), functional.crop(mask, *box)
        pixels = functional.convert_image_dtype(functional.pil_to_tensor(image), torch.float)
        return functional.normalize(pixels, IMAGENET_MEAN, IMAGENET_STD), functional.pil_to_tensor(mask)[0].long()


def segmentation(recipe: SegmentationRecipe, split: Split, workers: int, device: torch.device) -> Steps:
    """The reference's training loop."""
    assert recipe.tile is not None
    tiles = ReferenceTiles(split, recipe.image_size, recipe.tile)
    endless = RandomSampler(tiles, num_samples=sys.maxsize)
    model = Segmentation.build_network(recipe, len(CLASS_NAMES)).to(device).train()
    optimizer = torch.optim.SGD(_groups(model), LEARNING_RATE, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.PolynomialLR(optimizer, recipe.epochs * len(tiles), power=0.9)
    for images, masks in DataLoader(tiles, recipe.batch_size, sampler=endless, num_workers=workers, drop_last=True):
        loss = _loss(recipe, model, images.to(device), masks.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        loss.item()  # the reference prints it
        yield


def _groups(model: nn.Module) -> list[dict[str, object]]:
    auxiliary = getattr(model, "aux_classifier", None)
    of_auxiliary = list(auxiliary.parameters()) if auxiliary is not None else []
    apart = set(map(id, of_auxiliary))
    others = [parameter for parameter in model.parameters() if id(parameter) not in apart]
    groups: list[dict[str, object]] = [{"params": others}]
    return [*groups, {"params": of_auxiliary, "lr": 10 * LEARNING_RATE}] if of_auxiliary else groups


def _loss(recipe: SegmentationRecipe, model: nn.Module, images: Tensor, masks: Tensor) -> Tensor:
    if not recipe.auxiliary_weight:
        return losses.cross_entropy(model(images), masks, ignore_index=IGNORED)
    main, auxiliary = (
        losses.cross_entropy(logits, masks, ignore_index=IGNORED) for logits in model(images, with_auxiliary=True)
    )
    return main + AUXILIARY_WEIGHT * auxiliary
