"""A segmentation as course notebooks train it: PIL, pair by pair, behind a DataLoader, fp32, torch's AdamW."""

from __future__ import annotations

import random
import sys

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as losses
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import transforms
from torchvision.transforms import functional

from dlcvlib.augment import IMAGENET_MEAN, IMAGENET_STD
from dlcvlib.bench.measuring import Steps
from dlcvlib.data import Split, palette
from dlcvlib.data.palette import CLASS_NAMES
from dlcvlib.recipes import SegmentationRecipe
from dlcvlib.training.tasks import Segmentation

WINDOW = (0.0625, 0.444)
"""Of a crop's area: what a tile of half the image's side, scaled by 2 to 0.75, covers."""
QUARTER_TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


class PairedTiles(Dataset[tuple[Tensor, Tensor]]):
    """Images (3, tile, tile) and masks (tile, tile), each pair read, cropped, flipped, turned and tinted by PIL."""

    def __init__(self, split: Split, tile: int) -> None:
        assert split.masks is not None  # a satellite set without masks is not found as one
        self.files = list(zip(split.files, split.masks, strict=True))
        self.tile = tile
        self.jitter = transforms.ColorJitter(0.3, 0.3, 0.3, 0.05)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        image, mask = (Image.open(file).convert("RGB") for file in self.files[place])
        box, size = transforms.RandomResizedCrop.get_params(image, WINDOW, (1.0, 1.0)), [self.tile, self.tile]
        image = functional.resized_crop(image, *box, size)
        mask = functional.resized_crop(mask, *box, size, interpolation=transforms.InterpolationMode.NEAREST)
        if random.random() < 0.5:
            image, mask = functional.hflip(image), functional.hflip(mask)
        if random.random() < 0.75:
            turn = random.choice(QUARTER_TURNS)
            image, mask = image.transpose(turn), mask.transpose(turn)
        if random.random() < 0.8:
            image = self.jitter(image)
        pixels = functional.normalize(functional.to_tensor(image), IMAGENET_MEAN, IMAGENET_STD)
        ids = palette.class_ids(np.asarray(mask))
        return pixels, torch.from_numpy(ids).long()


def tile_loader(split: Split, tile: int, batch_size: int, workers: int) -> DataLoader[tuple[Tensor, Tensor]]:
    """Shuffled batches without end."""
    pairs = PairedTiles(split, tile)
    return DataLoader(pairs, batch_size, sampler=RandomSampler(pairs, num_samples=sys.maxsize), num_workers=workers)


def segmentation(recipe: SegmentationRecipe, split: Split, workers: int, device: torch.device) -> Steps:
    """The recipe's network and tiles."""
    assert recipe.tile is not None
    model = Segmentation.build_network(recipe, len(CLASS_NAMES)).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), recipe.optimizer.learning_rate)
    for images, masks in tile_loader(split, recipe.tile, recipe.batch_size, workers):
        optimizer.zero_grad()
        losses.cross_entropy(model(images.to(device)), masks.to(device), ignore_index=palette.UNKNOWN).backward()
        optimizer.step()
        yield
