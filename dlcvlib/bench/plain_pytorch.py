"""Loops as course notebooks have them: images augmented one by one in PIL behind a DataLoader, fp32, torch's AdamW."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms
from torchvision.datasets import ImageFolder

from dlcvlib.augment import IMAGENET_MEAN, IMAGENET_STD
from dlcvlib.bench.measuring import Steps
from dlcvlib.data import Split
from dlcvlib.recipes import ClassificationRecipe, PretrainingRecipe, View
from dlcvlib.training.tasks import Classification, Pretraining

MOMENTUM = 0.99

TO_NORMALISED = (transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD))


def class_folders(split: Split, root: Path) -> Path:
    """A tree of links to the images of `split`, a folder a class (one for all without labels), as ImageFolder wants."""
    labels = repeat(0, len(split.files)) if split.labels is None else split.labels
    for file, label in zip(split.files, labels, strict=True):
        folder = root / f"{label:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).symlink_to(file.absolute())
    return root


def loader(
    root: Path,
    batch_size: int,
    workers: int,
    transform: Callable[[Image.Image], Any],
    endless: bool = False,
) -> DataLoader[Any]:
    """Shuffled batches of transformed images with their labels (N,); the epoch of an endless loader has no end."""
    images = ImageFolder(root, transform)
    sampler = RandomSampler(images, num_samples=sys.maxsize if endless else None)
    return DataLoader(images, batch_size, sampler=sampler, num_workers=workers)


def normalised(*augmentation: Callable[[Image.Image], Image.Image]) -> transforms.Compose:
    """From an image to a normalised float32 tensor (3, H, W), augmented before."""
    return transforms.Compose([*augmentation, *TO_NORMALISED])


class ManyViews:
    """The views of one image that a recipe asks for, each (3, size, size), made by torchvision."""

    def __init__(self, views: Sequence[View]) -> None:
        self.transforms = [transform for view in views for transform in [view_transform(view)] * view.count]

    def __call__(self, image: Image.Image) -> list[Tensor]:
        """Views in the recipe's order."""
        return [transform(image) for transform in self.transforms]


def view_transform(view: View) -> transforms.Compose:
    """BYOL's and DINO's augmentations of one image."""
    given = {name: dict(arguments) for name, arguments in view.augmentation.items()}
    chance = {name: arguments.pop("probability", 0.5) for name, arguments in given.items()}
    return normalised(
        transforms.RandomResizedCrop(view.size, **given["random_resized_crop"]),
        transforms.RandomHorizontalFlip(chance["horizontal_flip"]),
        transforms.RandomApply([transforms.ColorJitter(**given["colour_jitter"])], chance["colour_jitter"]),
        transforms.RandomGrayscale(chance["grey"]),
        transforms.RandomApply([transforms.GaussianBlur(**given["gaussian_blur"])], chance["gaussian_blur"]),
        transforms.RandomSolarize(128, chance.get("solarize", 0.0)),
    )


def classification(
    recipe: ClassificationRecipe, num_classes: int, folders: Path, workers: int, device: torch.device
) -> Steps:
    """A classifier from scratch, cropped and flipped."""
    crop_and_flip = (transforms.RandomCrop(recipe.image_size, padding=4), transforms.RandomHorizontalFlip())
    model = Classification.build_network(recipe, num_classes).to(device).train()
    optimizer = _adamw(model, recipe)
    for images, labels in loader(folders, recipe.batch_size, workers, normalised(*crop_and_flip), endless=True):
        optimizer.zero_grad()
        functional.cross_entropy(model(images.to(device)), labels.to(device)).backward()
        optimizer.step()
        yield


def pretraining(recipe: PretrainingRecipe, folders: Path, workers: int, device: torch.device) -> Steps:
    """BYOL or DINO: our networks and losses; views and moving average as one writes them first."""
    method = Pretraining.build_network(recipe, 0)
    method.to(device).train()
    optimizer = _adamw(method, recipe)
    assert method.target_and_online
    target, online = method.target_and_online
    for views, _ in loader(folders, recipe.batch_size, workers, ManyViews(recipe.views), endless=True):
        optimizer.zero_grad()
        method.loss([view.to(device) for view in views], 0).backward()
        optimizer.step()
        with torch.no_grad():
            for behind, ahead in zip(target.parameters(), online.parameters(), strict=True):
                behind.mul_(MOMENTUM).add_(ahead, alpha=1 - MOMENTUM)
        yield


def _adamw(model: nn.Module, recipe: ClassificationRecipe | PretrainingRecipe) -> torch.optim.Optimizer:
    settings = recipe.optimizer
    return torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
