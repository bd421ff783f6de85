"""Folder layouts: one function per set, which reads names and csv files but no image, and collects all problems."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from dlcvlib.data import palette
from dlcvlib.data.images import natural
from dlcvlib.data.labels import Labelled
from dlcvlib.data.reader import Reader
from dlcvlib.data.sets import ImageSet, Problem, Split


def _in_order(files: dict[str, Path]) -> list[tuple[str, Path]]:
    return sorted(files.items(), key=lambda item: natural(item[0]))


def _labels_from_names(reader: Reader, files: dict[str, Path]) -> list[Labelled]:
    pairs = []
    for name, path in _in_order(files):
        match = re.fullmatch(r"([0-9]+)_.+", name)
        if match:
            pairs.append(Labelled(path, str(int(match[1]))))
        else:
            reader.add_problem("unreadable name", path, "the name does not begin with a class, as 12_345.png does")
    return pairs


def read_classification(reader: Reader) -> ImageSet:
    """`train_50/{class}_{id}.png`, `val_50/`, `val_gt.csv` (`filename,label` or `image_id,label`).

    Without a val_gt.csv, which some copies lack, the validation labels come from the names, too.
    """
    train = _labels_from_names(reader, reader.images(reader.root / "train_50"))
    val_files = reader.images(reader.root / "val_50")
    csv_file = next(
        (file for file in (reader.root / "val_gt.csv", reader.root / "val_50" / "val_gt.csv") if os.path.lexists(file)),
        None,
    )
    if csv_file is None:
        val = _labels_from_names(reader, val_files)
    else:
        val = reader.matched(val_files, reader.rows(csv_file, ("filename", "image_id")), csv_file)
        val.sort(key=lambda pair: natural(pair.path.name))
    class_names = reader.class_names([image.label for image in train])
    return ImageSet(
        "classification",
        reader.root,
        reader.labelled("train", train, class_names),
        reader.labelled("val", val, class_names),
        class_names,
    )


def read_mini(reader: Reader) -> ImageSet:
    """`train/*.jpg`, without subfolders; `train.csv` (`id,filename,label`) only in the homework-4 edition."""
    files = reader.images(reader.root / "train")
    csv_file = reader.root / "train.csv"
    if not os.path.lexists(csv_file):
        return ImageSet(
            "mini", reader.root, Split("train", tuple(path for _, path in _in_order(files)), None), None, ()
        )
    pairs = reader.matched(files, reader.rows(csv_file), csv_file)
    labels = [image.label for image in pairs]
    class_names = reader.class_names(labels)
    train = reader.labelled("train", pairs, class_names)
    return ImageSet("mini", reader.root, train, None, class_names, reader.written_labels(labels, class_names))


def read_office(reader: Reader) -> ImageSet:
    """`{train,val}/*.jpg`, `{train,val}.csv` (`id,filename,label`; integers or strings), optionally `classes.txt`."""
    pairs = {}
    for split in ("train", "val"):
        csv_file = reader.root / f"{split}.csv"
        pairs[split] = reader.matched(reader.images(reader.root / split), reader.rows(csv_file), csv_file)
    labels = [image.label for image in pairs["train"]]
    class_names = reader.class_names(labels)
    train, val = (reader.labelled(split, pairs[split], class_names) for split in ("train", "val"))
    return ImageSet("office", reader.root, train, val, class_names, reader.written_labels(labels, class_names))


def read_satellite(reader: Reader) -> ImageSet:
    """`{train,validation}/NNNN_sat.jpg` and `NNNN_mask.png`."""
    train, val = _pairs(reader, "train", "train"), _pairs(reader, "val", "validation")
    return ImageSet("satellite", reader.root, train, val, palette.CLASS_NAMES)


def _pairs(reader: Reader, split: str, folder: str) -> Split:
    images: dict[str, Path] = {}
    masks: dict[str, Path] = {}
    for _, path in _in_order(reader.images(reader.root / folder)):
        number, _, role = path.stem.rpartition("_")
        kind = {"sat": images, "mask": masks}.get(role.lower())
        if kind is None or not number:
            reader.add_problem("unreadable name", path, "the name is neither NNNN_sat nor NNNN_mask")
        elif number in kind:
            reader.add_problem("repeated file", path, f"{kind[number].name} exists, too; keep one of them")
        else:
            kind[number] = path
    for number in images.keys() - masks.keys():
        reader.add_problem("missing mask", images[number], f"there is no {number}_mask.png beside it")
    for number in masks.keys() - images.keys():
        reader.add_problem("missing image", masks[number], f"there is no {number}_sat.jpg beside it")
    both = [number for number in images if number in masks]  # in natural order
    return Split(split, tuple(images[number] for number in both), None, tuple(masks[number] for number in both))


READERS: dict[str, Callable[[Reader], ImageSet]] = {
    "classification": read_classification,
    "mini": read_mini,
    "office": read_office,
    "satellite": read_satellite,
}


def read_set(set_name: str, root: Path) -> tuple[ImageSet, list[Problem]]:
    """Read the folder of a set; return its valid images, and the problems in natural order of their paths."""
    reader = Reader(set_name, root)
    image_set = READERS[set_name](reader)
    return image_set, sorted(reader.problems, key=lambda problem: natural(str(problem.path)))
