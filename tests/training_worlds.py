"""Small data and recipes for the tests of training."""

from pathlib import Path

import numpy as np
from PIL import Image

from dlcvlib.recipes import Optimizer, Recipe, Schedule

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


def small_recipe(**changes: object) -> Recipe:
    """A recipe that trains in a second and uses dropout-free randomness of every kind: order, crops, mixing."""
    settings: dict = {
        "name": "small",
        "title": "Small",
        "report": "test",
        "dataset": "classification",
        "model": "vgg13_bn",
        "form": "smallest",
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
    return Recipe(**(settings | changes))
