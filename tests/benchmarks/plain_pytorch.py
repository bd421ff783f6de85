"""What a plain PyTorch course loop loads its images with: torchvision's ImageFolder behind a DataLoader."""

import sys
from collections.abc import Callable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms
from torchvision.datasets import ImageFolder

from dlcvlib.augment import IMAGENET_MEAN, IMAGENET_STD
from dlcvlib.data import Split
from dlcvlib.recipes import View

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
