"""Tiny course data of every edition, for the tests of `dlcvlib.data`."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = [(0, 255, 255), (255, 255, 0), (255, 0, 255), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)]


def pixels(seed: int, height: int = 12, width: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_image(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def write_csv(path: Path, header: str, rows: Iterable[Iterable[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return path


def classification(
    root: Path, *, classes: int = 3, suffix: str = ".png", header: str | None = "filename,label"
) -> Path:
    for label in range(classes):
        for number in (0, 2, 10):
            write_image(root / "train_50" / f"{label}_{number}{suffix}", pixels(label * 100 + number, 8, 8))
        write_image(root / "val_50" / f"{label}_450{suffix}", pixels(label * 100 + 50, 8, 8))
    if header:
        write_csv(root / "val_gt.csv", header, [(f"{label}_450{suffix}", label) for label in reversed(range(classes))])
    return root


def mini(root: Path, *, labelled: bool = True, suffix: str = ".jpg") -> Path:
    names = [f"n{wnid:08d}{number:08d}{suffix}" for number in (7, 3) for wnid in (1558993, 1532829)]
    for seed, name in enumerate(names):
        write_image(root / "train" / name, pixels(seed, 10, 10))
    if labelled:
        write_csv(root / "train.csv", "id,filename,label", [(i, name, name[:9]) for i, name in enumerate(names)])
    return root


def office(root: Path, *, strings: bool = False, suffix: str = ".jpg") -> Path:
    titles = ["Couch", "Alarm_Clock", "Bike"]
    for split, numbers in (("train", (15, 4)), ("val", (21,))):
        rows: list[tuple[int, str, object]] = []
        for number in numbers:
            for label, title in enumerate(titles):
                name = f"{title}{number:05d}{suffix}" if strings else f"{label}_{number}{suffix}"
                write_image(root / split / name, pixels(label * 50 + number, 12 + label, 16))
                rows.append((len(rows), name, title if strings else label))
        write_csv(root / f"{split}.csv", "id,filename,label", rows)
    return root


def mask(seed: int = 0, height: int = 12, width: int = 16) -> np.ndarray:
    """Return a mask in the course's colours, uint8 (H, W, 3)."""
    ids = np.random.default_rng(seed).integers(0, 7, (height, width))
    return np.array(COLOURS, dtype=np.uint8)[ids]


def satellite(root: Path, *, suffix: str = ".jpg", pairs: int = 3) -> Path:
    for folder in ("train", "validation"):
        for number in range(pairs):
            write_image(root / folder / f"{number:04d}_sat{suffix}", pixels(number))
            write_image(root / folder / f"{number:04d}_mask.png", mask(number))
    return root


def edition(root: Path, year: str) -> tuple[Path, dict[str, Path]]:
    """Write the layout of an edition below `root`; return its folder, and the folder of each set."""
    home = root / {"2022hw4": "hw4_data", "2025": "data_2025"}.get(year, "hw1_data")
    layout = {
        "2021": {"classification": "p1_data", "satellite": "p2_data"},
        "2022": {"classification": "p1_data", "satellite": "p2_data"},
        "2022hw4": {"mini": "mini", "office": "office"},
        "2023": {
            "classification": "p1_data",
            "mini": "p2_data/mini",
            "office": "p2_data/office",
            "satellite": "p3_data",
        },
        "2024": {"mini": "p1_data/mini", "office": "p1_data/office", "satellite": "p2_data"},
        "2025": {"mini": "p1_data/mini", "office": "p1_data/office", "satellite": "p2_data"},
    }[year]
    folders = {name: home / folder for name, folder in layout.items()}
    for name, folder in folders.items():
        if name == "classification":
            classification(folder, header="image_id,label" if year == "2021" else "filename,label")
        elif name == "mini":
            mini(folder, labelled=year == "2022hw4")
        elif name == "office":
            office(folder, strings=year == "2022hw4")
        else:
            satellite(folder)
    return home, folders
