"""Other loops in fp32, whose images are augmented one by one in PIL behind a DataLoader.

The plain loops are written as in course notebooks. `reference` trains a segmentation as torchvision's references/
segmentation/{presets,transforms,train}.py do (https://github.com/pytorch/vision): transforms, optimizer, schedule and
losses. Number of workers, batch size, network and crop are those of the other rows.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import PolynomialLR
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import transforms
from torchvision.transforms import InterpolationMode, functional

from dlcvlib.augment import IMAGENET_MEAN, IMAGENET_STD
from dlcvlib.bench.measuring import Steps
from dlcvlib.data import ImageSet, Split, palette
from dlcvlib.recipes import ClassificationRecipe, PretrainingRecipe, Recipe, View
from dlcvlib.training.tasks import task_class

MOMENTUM = 0.99
WINDOW = (0.0625, 0.444)  # share of an image's area in a crop: a tile of half the image's side, scaled by 2 to 0.75
IGNORED = 255
JITTER = transforms.ColorJitter(0.3, 0.3, 0.3, 0.05)
QUARTER_TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
TO_NORMALISED = (transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD))

Transform = Callable[..., Any]


class Samples(Dataset[tuple[Any, Any]]):
    """Transformed images with their labels (0 without), or images and masks that `transform` changes together."""

    def __init__(self, split: Split, transform: Transform) -> None:
        self.split, self.transform = split, transform

    def __len__(self) -> int:
        return len(self.split.files)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = Image.open(self.split.files[index]).convert("RGB")
        if self.split.masks is not None:
            return self.transform(image, Image.open(self.split.masks[index]).convert("RGB"))
        return self.transform(image), 0 if self.split.labels is None else int(self.split.labels[index])


def batches(image_set: ImageSet, transform: Transform, batch_size: int, workers: int) -> DataLoader[Any]:
    """Return shuffled batches of the training images, without end."""
    samples = Samples(image_set.train, transform)
    sampler = RandomSampler(samples, num_samples=sys.maxsize)
    return DataLoader(samples, batch_size, sampler=sampler, num_workers=workers)


def classification(recipe: ClassificationRecipe, image_set: ImageSet, workers: int, device: torch.device) -> Steps:
    """Train a classifier on crops and flips."""
    crop, flip = transforms.RandomCrop(recipe.image_size, padding=4), transforms.RandomHorizontalFlip()
    return _supervised(recipe, image_set, transforms.Compose([crop, flip, *TO_NORMALISED]), workers, device)


def segmentation(recipe: Any, image_set: ImageSet, workers: int, device: torch.device) -> Steps:
    """Train a segmentation network on tiles."""
    return _supervised(recipe, image_set, partial(tile_and_mask, recipe.tile), workers, device, palette.UNKNOWN)


def _supervised(
    recipe: Any, image_set: ImageSet, transform: Transform, workers: int, device: torch.device, ignored: int = -100
) -> Steps:
    network = _network(recipe, image_set, device)
    optimizer = torch.optim.AdamW(network.parameters(), recipe.optimizer.learning_rate)
    for images, targets in batches(image_set, transform, recipe.batch_size, workers):
        optimizer.zero_grad()
        cross_entropy(network(images.to(device)), targets.to(device), ignore_index=ignored).backward()
        optimizer.step()
        yield


def pretraining(recipe: PretrainingRecipe, image_set: ImageSet, workers: int, device: torch.device) -> Steps:
    """Train BYOL or DINO: our networks and losses, torchvision's views, an EMA parameter by parameter."""
    method = _network(recipe, image_set, device)
    optimizer = torch.optim.AdamW(method.parameters(), recipe.optimizer.learning_rate)
    target, online = method.target_and_online
    augmentations = [augment for view in recipe.views for augment in [view_augmentation(view)] * view.count]
    for views, _ in batches(image_set, partial(draw_views, augmentations), recipe.batch_size, workers):
        optimizer.zero_grad()
        method.loss([view.to(device) for view in views], 0).backward()
        optimizer.step()
        with torch.no_grad():
            for averaged, current in zip(target.parameters(), online.parameters(), strict=True):
                averaged.mul_(MOMENTUM).add_(current, alpha=1 - MOMENTUM)
        yield


def reference(recipe: Any, image_set: ImageSet, workers: int, device: torch.device) -> Steps:
    """Train a segmentation as torchvision's reference does."""
    model = _network(recipe, image_set, device)
    auxiliary = set(model.aux_classifier.parameters()) if recipe.auxiliary_weight else set()
    groups: list[dict[str, Any]] = [{"params": [each for each in model.parameters() if each not in auxiliary]}]
    if auxiliary:
        groups.append({"params": list(auxiliary), "lr": 0.1})
    optimizer = torch.optim.SGD(groups, lr=0.01, momentum=0.9, weight_decay=1e-4)
    schedule = PolynomialLR(optimizer, recipe.epochs * len(image_set.train.files), power=0.9)
    transform = partial(reference_tile_and_mask, recipe.image_size, recipe.tile)
    for images, masks in batches(image_set, transform, recipe.batch_size, workers):
        images, masks = images.to(device), masks.to(device)
        outputs = model(images, with_auxiliary=True) if auxiliary else [model(images)]
        main, *rest = (cross_entropy(logits, masks, ignore_index=IGNORED) for logits in outputs)
        loss = main + 0.5 * sum(rest)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        loss.item()  # the reference prints it
        yield


def _network(recipe: Recipe, image_set: ImageSet, device: torch.device) -> Any:
    return task_class(recipe).build_network(recipe, len(image_set.class_names)).to(device).train()


def tile_and_mask(tile: int, image: Image.Image, mask: Image.Image) -> tuple[Tensor, Tensor]:
    """Crop, flip and turn image and mask alike, jitter the image: return (3, tile, tile) float and (tile, tile)."""
    box, size = transforms.RandomResizedCrop.get_params(image, WINDOW, (1.0, 1.0)), [tile, tile]
    image = functional.resized_crop(image, *box, size)
    mask = functional.resized_crop(mask, *box, size, interpolation=InterpolationMode.NEAREST)
    if random.random() < 0.5:
        image, mask = functional.hflip(image), functional.hflip(mask)
    if random.random() < 0.75:
        turn = random.choice(QUARTER_TURNS)
        image, mask = image.transpose(turn), mask.transpose(turn)
    if random.random() < 0.8:
        image = JITTER(image)
    pixels = functional.normalize(functional.to_tensor(image), IMAGENET_MEAN, IMAGENET_STD)
    return pixels, torch.from_numpy(palette.class_ids(np.asarray(mask))).long()


def reference_tile_and_mask(base: int, crop: int, image: Image.Image, mask: Image.Image) -> tuple[Tensor, Tensor]:
    """Resize, flip, pad and crop image and mask alike: return (3, crop, crop) float and class ids (crop, crop)."""
    ids = palette.class_ids(np.asarray(mask))
    mask = Image.fromarray(np.where(ids == palette.UNKNOWN, IGNORED, ids).astype(np.uint8))
    size = random.randint(base // 2, 2 * base)
    image = functional.resize(image, [size])
    mask = functional.resize(mask, [size], interpolation=InterpolationMode.NEAREST)
    if random.random() < 0.5:
        image, mask = functional.hflip(image), functional.hflip(mask)
    padding = [0, 0, max(0, crop - image.width), max(0, crop - image.height)]
    if any(padding):
        image, mask = functional.pad(image, padding), functional.pad(mask, padding, fill=IGNORED)
    box = transforms.RandomCrop.get_params(image, (crop, crop))
    image, mask = functional.crop(image, *box), functional.crop(mask, *box)
    pixels = functional.convert_image_dtype(functional.pil_to_tensor(image), torch.float)
    return functional.normalize(pixels, IMAGENET_MEAN, IMAGENET_STD), functional.pil_to_tensor(mask)[0].long()


def draw_views(augmentations: Sequence[Callable[..., Tensor]], image: Image.Image) -> list[Tensor]:
    """Draw one view of an image by each augmentation, (3, size, size)."""
    return [augment(image) for augment in augmentations]


def view_augmentation(view: View) -> transforms.Compose:
    """Return a view's augmentation by torchvision."""
    given = {name: dict(arguments) for name, arguments in view.augmentation.items()}
    probability = {name: arguments.pop("probability", 0.5) for name, arguments in given.items()}
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(view.size, **given["random_resized_crop"]),
            transforms.RandomHorizontalFlip(probability["horizontal_flip"]),
            transforms.RandomApply([transforms.ColorJitter(**given["colour_jitter"])], probability["colour_jitter"]),
            transforms.RandomGrayscale(probability["grey"]),
            transforms.RandomApply([transforms.GaussianBlur(**given["gaussian_blur"])], probability["gaussian_blur"]),
            transforms.RandomSolarize(128, probability.get("solarize", 0.0)),
            *TO_NORMALISED,
        ]
    )
