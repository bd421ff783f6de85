"""Writing the toy sets, with the folders, file names and csv files of the course's 2023 edition."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from dlcvlib.data.palette import COLOURS
from dlcvlib.data.toy.landscapes import annotate, draw_cover, paint_cover, share_table
from dlcvlib.data.toy.objects import Concept, concepts, draw_object
from dlcvlib.data.toy.splits import WRONG_LABELS, Planned, plan
from dlcvlib.files.atomic import write_text
from dlcvlib.progress import progress_bar

NAMED_VALIDATION = (10, 13, 62, 65, 97, 104, 107)  # images whose masks the reports must show
CLASSIFICATION, MINI, OFFICE, SATELLITE = range(4)  # part of the seeds, so that each set has its own random stream
TRAIN, VALIDATION = range(2)
CONCEPTS = {CLASSIFICATION: concepts(2, 7), MINI: concepts(0, 3), OFFICE: concepts(1, 5)}
SIDES = {CLASSIFICATION: 32, MINI: 64, OFFICE: 96, SATELLITE: 128}
"""Width and height of the images, pixels."""


def draw_all(world: Path, seed: int, scale: float) -> None:
    """Draw every file of every set below `world`; see `dlcvlib.data.toy.draw`."""
    sets = (_classification, _mini, _office, _satellite)
    with progress_bar("drawing the toy world", None, "image") as progress:
        for draw_set in sets:
            for file, pixels in draw_set(world, seed, scale):
                _write_image(file, pixels)
                progress.update()


def _write_image(file: Path, pixels: np.ndarray) -> None:
    """Write an image, not atomically: the whole folder is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, quality=90)  # PNG ignores the quality


def _counts(kind: int, full: int, scale: float) -> np.ndarray:
    """Return the number of images of each class, which is the same for all."""
    return np.full(len(CONCEPTS[kind]), max(2, round(full * scale)))


def _write_csv(file: Path, header: str, rows: list[tuple[str, int | str]]) -> None:
    """Write rows of file name and label; a header that begins with `id` numbers them."""
    numbered = header.startswith("id,")
    lines = [f"{k},{name},{label}" if numbered else f"{name},{label}" for k, (name, label) in enumerate(rows)]
    write_text(file, "\n".join([header, *lines]) + "\n")


def _write_class_names(file: Path, classes: tuple[Concept, ...]) -> None:
    write_text(file, "".join(f"{concept.name}\n" for concept in classes))


def _pictures(
    kind: int, split: int, images: list[Planned], files: list[Path], seed: int
) -> Iterator[tuple[Path, np.ndarray]]:
    for k, (image, file) in enumerate(zip(images, files, strict=True)):
        generator = np.random.default_rng([seed, kind, split, k])
        yield file, draw_object(CONCEPTS[kind][image.shown], SIDES[kind], generator)


def _classification(world: Path, seed: int, scale: float) -> Iterator[tuple[Path, np.ndarray]]:
    """`train_50/{class}_{id}.png`, `val_50/…`, `val_gt.csv`, `classes.txt`; ids continue from train to val."""
    root, generator = world / "p1_data", np.random.default_rng([seed, CLASSIFICATION])
    counts = _counts(CLASSIFICATION, 40, scale)
    train = plan(counts, generator, wrong=WRONG_LABELS)
    val = plan(_counts(CLASSIFICATION, 12, scale), generator, first=counts)
    for split, folder, images in ((TRAIN, "train_50", train), (VALIDATION, "val_50", val)):
        files = [root / folder / f"{image.label}_{image.number}.png" for image in images]
        yield from _pictures(CLASSIFICATION, split, images, files, seed)
    _write_csv(root / "val_gt.csv", "filename,label", [(f"{i.label}_{i.number}.png", i.label) for i in val])
    _write_class_names(root / "classes.txt", CONCEPTS[CLASSIFICATION])


def _mini(world: Path, seed: int, scale: float) -> Iterator[tuple[Path, np.ndarray]]:
    """`train/{wnid}{id}.jpg` and `train.csv`, whose labels are names."""
    root, generator = world / "p2_data" / "mini", np.random.default_rng([seed, MINI])
    images = plan(_counts(MINI, 80, scale), generator, wrong=WRONG_LABELS)
    wnids = [f"n{image.label:08d}" for image in images]
    files = [root / "train" / f"{wnid}{image.number:08d}.jpg" for wnid, image in zip(wnids, images, strict=True)]
    yield from _pictures(MINI, TRAIN, images, files, seed)
    names = [CONCEPTS[MINI][image.label].name for image in images]
    _write_csv(root / "train.csv", "id,filename,label", [(f.name, name) for f, name in zip(files, names, strict=True)])


def _office(world: Path, seed: int, scale: float) -> Iterator[tuple[Path, np.ndarray]]:
    """`{train,val}/{class}_{id}.jpg`, `{train,val}.csv`, `classes.txt`; classes differ in size, rows are shuffled."""
    root, generator = world / "p2_data" / "office", np.random.default_rng([seed, OFFICE])
    counts = np.maximum(2, np.rint(scale * generator.integers(8, 13, len(CONCEPTS[OFFICE])))).astype(int)
    train = plan(counts, generator, wrong=WRONG_LABELS)
    val = plan(_counts(OFFICE, 12, scale), generator, first=counts)
    for split, folder, images in ((TRAIN, "train", train), (VALIDATION, "val", val)):
        files = [root / folder / f"{image.label}_{image.number}.jpg" for image in images]
        yield from _pictures(OFFICE, split, images, files, seed)
        rows: list[tuple[str, int | str]] = [(f"{i.label}_{i.number}.jpg", i.label) for i in images]
        _write_csv(root / f"{folder}.csv", "id,filename,label", [rows[k] for k in generator.permutation(len(rows))])
    _write_class_names(root / "classes.txt", CONCEPTS[OFFICE])


def _satellite(world: Path, seed: int, scale: float) -> Iterator[tuple[Path, np.ndarray]]:
    """`{train,validation}/{id:04d}_sat.jpg` and `_mask.png`; only training masks have annotation errors."""
    train = list(range(max(4, round(90 * scale))))
    others = [number for number in range(257) if number not in NAMED_VALIDATION]
    validation = [*NAMED_VALIDATION, *others[: max(0, round(16 * scale) - len(NAMED_VALIDATION))]]
    for split, folder, numbers in ((TRAIN, "train", train), (VALIDATION, "validation", validation)):
        table = share_table(len(numbers), np.random.default_rng([seed, SATELLITE, split]))
        order = np.argsort(-(table > 0.03).sum(axis=1), kind="stable")  # NAMED_VALIDATION get the most classes
        for number, shares in zip(numbers, table[order], strict=True):
            generator = np.random.default_rng([seed, SATELLITE, split, number])
            cover = draw_cover(shares, SIDES[SATELLITE], generator)
            path = world / "p3_data" / folder
            yield path / f"{number:04d}_sat.jpg", paint_cover(cover, generator)
            mask = annotate(cover, generator) if split == TRAIN else cover
            yield path / f"{number:04d}_mask.png", COLOURS[mask]
