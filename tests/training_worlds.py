"""Small data and recipes for the tests of training."""

from pathlib import Path

import numpy as np
from PIL import Image

from dlcvlib.data.palette import COLOURS
from dlcvlib.recipes import ClassificationRecipe, Optimizer, PretrainingRecipe, Schedule, SegmentationRecipe, View

CLASSES = 3


def write_classification(root: Path, per_class: int = 8, side: int = 32, seed: int = 0) -> Path:
    """A classification set of three classes, stripes of three directions in noise, in the course's layout."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    patterns = [np.sin(rows), np.sin(columns), np.sin(rows + columns)]
    for folder, first, count in (("train_50", 0, per_class), ("val_50", per_class, per_class)):
        (root / "p1_data" / folder).mkdir(parents=True)
        for label, pattern in enumerate(patterns):
            for number in range(first, first + count):
                noise = generator.normal(0, 30, (side, side, 3))
                pixels = np.clip(128 + 60 * pattern[..., None] + noise, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / "p1_data" / folder / f"{label}_{number}.png")
    lines = [f"{label}_{number}.png,{label}" for label in range(CLASSES) for number in range(per_class, 2 * per_class)]
    (root / "p1_data" / "val_gt.csv").write_text("\n".join(["filename,label", *lines]) + "\n")
    return root


def small_recipe(**changes: object) -> ClassificationRecipe:
    """A recipe that trains in a second and uses dropout-free randomness of every kind: order, crops, mixing."""
    settings: dict = {
        "name": "small",
        "title": "Small",
        "report": "test",
        "dataset": "classification",
        "model": "vgg13_bn",
        "form": "reduced",
        "model_options": {"width": 4, "dropout": 0.2},
        "epochs": 4,
        "batch_size": 8,
        "optimizer": Optimizer("sgd", 0.05),
        "schedule": Schedule("cosine"),
        "image_size": 32,
        "augmentation": {"random_crop": {"size": 32, "padding": 4}, "horizontal_flip": {}, "random_erasing": {}},
        "mixup_alpha": 0.2,
        "cutmix_alpha": 0.2,
        "weight_average": 0.5,
    }
    return ClassificationRecipe(**(settings | changes))


def write_mini_and_office(root: Path, labelled: bool = True, seed: int = 0, times: int = 1) -> Path:
    """Mini-ImageNet and Office of three classes of stripes, `times` 36, 18 and 9 images, in the course's layout."""
    mini, office = root / "p2_data" / "mini", root / "p2_data" / "office"
    names = _stripes(mini / "train", 12 * times, 40, seed, "n{label:08d}{number:08d}.jpg")
    if labelled:
        _write_labels(mini / "train.csv", names, "n{:08d}")
    for split, per_class in (("train", 6), ("val", 3)):
        names = _stripes(office / split, per_class * times, 40, seed + per_class, "{label}_{number}.jpg")
        _write_labels(office / f"{split}.csv", names, "{}")
    return root


def _stripes(folder: Path, per_class: int, side: int, seed: int, name: str) -> list[tuple[str, int]]:
    """Write images of stripes of three directions in noise; their names and classes."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    written = []
    for label, pattern in enumerate((np.sin(rows), np.sin(columns), np.sin(rows + columns))):
        for number in range(per_class):
            noise = generator.normal(0, 30, (side, side, 3))
            pixels = np.clip(128 + 60 * pattern[..., None] + noise, 0, 255).astype(np.uint8)
            written.append((name.format(label=label, number=number), label))
            Image.fromarray(pixels).save(folder / written[-1][0])
    return written


def _write_labels(file: Path, names: list[tuple[str, int]], label: str) -> None:
    lines = [f"{number},{name},{label.format(kind)}" for number, (name, kind) in enumerate(names)]
    file.write_text("\n".join(["id,filename,label", *lines]) + "\n")


PRETRAINING_VIEWS = {
    "byol": (View(24, {"random_resized_crop": {}, "colour_jitter": {"brightness": 0.4, "hue": 0.1}}, count=2),),
    "dino": (
        View(24, {"random_resized_crop": {}, "horizontal_flip": {}}, count=2),
        View(16, {"random_resized_crop": {"scale": (0.1, 0.4)}, "gaussian_blur": {"kernel_size": 3}}, count=2),
    ),
}
PRETRAINING_VIEWS["simsiam"] = PRETRAINING_VIEWS["byol"]
SMALL_HEADS = {
    "byol": {"hidden": 16, "out": 8},
    "dino": {"hidden": 16, "out_dim": 32, "bottleneck": 8},
    "simsiam": {"hidden": 16, "out": 8, "bottleneck": 4},
}


def small_pretraining(method: str, **changes: object) -> PretrainingRecipe:
    """A pre-training of a second that draws chance of every kind and changes everything that a schedule changes."""
    settings: dict = {
        "name": f"small_{method}",
        "title": f"Small {method.upper()}",
        "report": "test",
        "dataset": "mini",
        "model": "resnet18",
        "form": "reduced",
        "model_options": {"width": 8},
        "method": method,
        "method_options": SMALL_HEADS[method],
        "views": PRETRAINING_VIEWS[method],
        "epochs": 4,
        "batch_size": 8,
        "optimizer": Optimizer("adamw", 1e-3, weight_decay=0.05, decay="matrices"),
        "final_weight_decay": 0.2,
        "warmup_epochs": 1,
        "momentum": (0.9, 1.0),
        "image_size": 24,
        "on_collapse": "flag",
    }
    return PretrainingRecipe(**(settings | changes))


def write_satellite(root: Path, pairs: int = 4, side: int = 32, seed: int = 0) -> Path:
    """`pairs` images for validation, thrice as many for training: four land classes and a little Unknown."""
    rng = np.random.default_rng(seed)
    tints = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40), (90, 90, 90)], dtype=np.float64)
    ids_of = np.array([0, 1, 3, 4, 6], dtype=np.uint8)
    for folder, count in (("train", 3 * pairs), ("validation", pairs)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            kinds = np.kron(rng.integers(0, 4, (2, 2)), np.ones((side // 2, side // 2), dtype=np.int64))
            kinds[:2, :2] = 4
            image = (tints[kinds] + rng.normal(0, 10, (side, side, 3))).clip(0, 255).astype(np.uint8)
            Image.fromarray(image).save(root / folder / f"{number:04d}_sat.jpg", quality=95)
            Image.fromarray(COLOURS[ids_of[kinds]]).save(root / folder / f"{number:04d}_mask.png")
    return root


def small_segmentation(**changes: object) -> SegmentationRecipe:
    """A recipe that trains a tiny U-Net in seconds, on half the resolution of `write_satellite`."""
    settings: dict[str, object] = {
        "name": "small_segmentation",
        "title": "Small segmentation",
        "report": "ours",
        "dataset": "satellite",
        "model": "unet",
        "form": "reduced",
        "epochs": 3,
        "batch_size": 4,
        "optimizer": Optimizer("adamw", 1e-2),
        "schedule": Schedule("poly", gamma=0.9),
        "image_size": 16,
        "augmentation": {"random_dihedral": {}},
        "weight_average": 0.5,
    }
    return SegmentationRecipe(**(settings | changes))
