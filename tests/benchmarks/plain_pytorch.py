"""What a plain PyTorch course loop loads its images with: torchvision's ImageFolder behind a DataLoader."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from dlcvlib.augment import IMAGENET_MEAN, IMAGENET_STD
from dlcvlib.data import Split


def class_folders(split: Split, root: Path) -> Path:
    """A tree of links to the images of `split`, a folder a class, which is how ImageFolder wants them."""
    for file, label in zip(split.files, split.labels, strict=True):
        folder = root / f"{label:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).symlink_to(file.absolute())
    return root


def loader(
    root: Path,
    batch_size: int,
    workers: int,
    augmentation: tuple[Callable[[Image.Image], Image.Image], ...] = (),
    drop_last: bool = False,
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Shuffled batches of augmented and normalised images, float32 (N, 3, H, W), with their labels (N,)."""
    normalise = transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)
    transform = transforms.Compose([*augmentation, transforms.ToTensor(), normalise])
    return DataLoader(ImageFolder(root, transform), batch_size, shuffle=True, num_workers=workers, drop_last=drop_last)
