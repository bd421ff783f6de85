"""How each set lies in its folder: one reader a set, which returns what is sound and notes every problem.

Only names and csv files are read here, never an image; so this is quick, and `dlcv data check` can report every problem
rather than the first.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dlcvlib.data import palette
from dlcvlib.data.images import is_image, natural
from dlcvlib.data.sets import ImageSet, Problem, Split

CLASS_LIMITS = {"classification": 50, "office": 65}  # of the course; a classes.txt beside the csv files says otherwise


@dataclass
class Reader:
    """One set's folder, and what was found wrong in it."""

    set_name: str
    root: Path
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, kind: str, path: Path, reason: str) -> None:
        """Append a problem."""
        self.problems.append(Problem(self.set_name, kind, path, reason))

    def images(self, folder: Path) -> dict[str, Path]:
        """Image files of a folder by name; a folder that is missing or holds none is a problem."""
        if not folder.is_dir():
            self.wrong("missing folder", folder, "this folder of the set is missing; unpack the archive anew")
            return {}
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_image(entry.name)]
        if not names:
            self.wrong("empty folder", folder, "holds no image (jpg, jpeg, png, webp, bmp, gif, tif, tiff)")
        return {name: folder / name for name in names}

    def rows(self, file: Path, name_columns: tuple[str, ...] = ("filename",)) -> list[tuple[str, str]]:
        """(file name, label) of each row of a csv; a missing file or column, and a csv without rows, are problems."""
        if not file.is_file():
            self.wrong("missing csv", file, "this csv of the set is missing; unpack the archive anew")
            return []
        try:
            table = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
        except UnicodeDecodeError as error:
            self.wrong("unreadable csv", file, f"is not UTF-8 text ({error})")
            return []
        header = [column.strip().lower() for column in table[0]] if table else []
        name_column = next((column for column in name_columns if column in header), None)
        if name_column is None or "label" not in header:
            self.wrong(
                "unreadable csv", file, f"needs the columns {' or '.join(name_columns)}, and label; it has {header}"
            )
            return []
        name_at, label_at, rows = header.index(name_column), header.index("label"), []
        for number, row in enumerate(table[1:], start=2):
            if len(row) == len(header):
                rows.append((row[name_at].strip(), row[label_at].strip()))
            elif row:
                self.wrong(
                    "unreadable csv", file, f"line {number} has {len(row)} columns, the header has {len(header)}"
                )
        if not rows:
            self.wrong("empty csv", file, "holds no row below its header")
        return rows

    def matched(self, files: dict[str, Path], rows: list[tuple[str, str]], csv_file: Path) -> list[tuple[Path, str]]:
        """(file, label) in the order of the csv.

        A row without file, a file without row and a second row of one file are problems.
        """
        found: dict[str, tuple[Path, str]] = {}
        by_stem: dict[str, str] = {}
        if any(written not in files for written, _ in rows):  # some csv files leave the suffix out
            by_stem = {path.stem: name for name, path in files.items()}
        for written, label in rows:
            name = written if written in files else by_stem.get(written, written)
            if name not in files:
                self.wrong("row without file", csv_file, f"names {written!r}, which is not in the folder of images")
            elif name in found:
                self.wrong("repeated row", csv_file, f"names {written!r} more than once")
            else:
                found[name] = (files[name], label)
        if rows:
            for name in files.keys() - found.keys():
                self.wrong("file without row", files[name], f"has no row in {csv_file.name}")
        return list(found.values())

    def class_names(self, train_labels: list[str]) -> tuple[str, ...]:
        """Names of the classes, in the order of their ids.

        `classes.txt` (a name a line) where there is one; else the labels themselves: as many integers as the largest
        label of the training split that is within the course's range asks for, or the strings sorted.
        """
        file = self.root / "classes.txt"
        if file.is_file():
            return tuple(line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip())
        numbers = [int(label) for label in train_labels if _is_integer(label)]
        if 2 * len(numbers) < len(train_labels) or not train_labels:
            return tuple(sorted(set(train_labels) - {"", "None"}))
        within = [number for number in numbers if 0 <= number < CLASS_LIMITS.get(self.set_name, np.inf)]
        return tuple(str(number) for number in range(max(within, default=-1) + 1))

    def written_labels(self, train_labels: list[str], class_names: tuple[str, ...]) -> tuple[str, ...]:
        """How the csv writes each class, in the order of their ids; () where it writes the ids themselves."""
        numbers = [label for label in train_labels if _is_integer(label)]
        return () if 2 * len(numbers) >= len(train_labels) else class_names

    def labelled(self, name: str, pairs: list[tuple[Path, str]], class_names: tuple[str, ...]) -> Split:
        """A split with integer labels; a label out of range is a problem, its file is left out."""
        id_of = {class_name: number for number, class_name in enumerate(class_names)}
        if (self.root / "classes.txt").is_file():  # it may name integer labels, or list the string labels
            id_of |= {str(number): number for number in range(len(class_names))}
        files, labels = [], []
        for path, label in pairs:
            if label in id_of:
                files.append(path)
                labels.append(id_of[label])
            else:
                self.wrong("label out of range", path, f"has the label {label!r}, but {_range_in_words(class_names)}")
        return Split(name, tuple(files), np.array(labels, dtype=np.int64))


def _in_order(files: dict[str, Path]) -> list[tuple[str, Path]]:
    return sorted(files.items(), key=lambda item: natural(item[0]))


def _is_integer(label: str) -> bool:
    return re.fullmatch(r"-?[0-9]+", label) is not None


def _range_in_words(class_names: tuple[str, ...]) -> str:
    if not class_names:
        return "the training split names no class"
    if class_names[0] == "0":
        return f"the labels of this set are 0 to {len(class_names) - 1}"
    return f"the labels of this set are {class_names[0]!r} to {class_names[-1]!r} (0 to {len(class_names) - 1})"


def _labels_from_names(reader: Reader, files: dict[str, Path]) -> list[tuple[Path, str]]:
    pairs = []
    for name, path in _in_order(files):
        match = re.fullmatch(r"([0-9]+)_.+", name)
        if match:
            pairs.append((path, str(int(match[1]))))
        else:
            reader.wrong("unreadable name", path, "the name does not begin with a class, as 12_345.png does")
    return pairs


def read_classification(reader: Reader) -> ImageSet:
    """`train_50/{class}_{id}.png`, `val_50/`, `val_gt.csv` (`filename,label` or `image_id,label`).

    Without a val_gt.csv, which some copies lack, the validation labels too come from the names.
    """
    train = _labels_from_names(reader, reader.images(reader.root / "train_50"))
    val_files = reader.images(reader.root / "val_50")
    csv_file = next(
        (file for file in (reader.root / "val_gt.csv", reader.root / "val_50" / "val_gt.csv") if file.is_file()), None
    )
    if csv_file is None:
        val = _labels_from_names(reader, val_files)
    else:
        val = reader.matched(val_files, reader.rows(csv_file, ("filename", "image_id")), csv_file)
        val.sort(key=lambda pair: natural(pair[0].name))
    class_names = reader.class_names([label for _, label in train])
    return ImageSet(
        "classification",
        reader.root,
        reader.labelled("train", train, class_names),
        reader.labelled("val", val, class_names),
        class_names,
    )


def read_mini(reader: Reader) -> ImageSet:
    """`train/*.jpg` flat, `train.csv` (`id,filename,label`) only in the homework-4 edition."""
    files = reader.images(reader.root / "train")
    csv_file = reader.root / "train.csv"
    if not csv_file.is_file():
        return ImageSet(
            "mini", reader.root, Split("train", tuple(path for _, path in _in_order(files)), None), None, ()
        )
    pairs = reader.matched(files, reader.rows(csv_file), csv_file)
    written = [label for _, label in pairs]
    class_names = reader.class_names(written)
    train = reader.labelled("train", pairs, class_names)
    return ImageSet("mini", reader.root, train, None, class_names, reader.written_labels(written, class_names))


def read_office(reader: Reader) -> ImageSet:
    """`{train,val}/*.jpg`, `{train,val}.csv` (`id,filename,label`; integers or strings), optionally `classes.txt`."""
    pairs = {}
    for split in ("train", "val"):
        csv_file = reader.root / f"{split}.csv"
        pairs[split] = reader.matched(reader.images(reader.root / split), reader.rows(csv_file), csv_file)
    written = [label for _, label in pairs["train"]]
    class_names = reader.class_names(written)
    train, val = (reader.labelled(split, pairs[split], class_names) for split in ("train", "val"))
    return ImageSet("office", reader.root, train, val, class_names, reader.written_labels(written, class_names))


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
            reader.wrong("unreadable name", path, "the name is neither NNNN_sat nor NNNN_mask")
        elif number in kind:
            reader.wrong("repeated file", path, f"{kind[number].name} is there too; keep one of them")
        else:
            kind[number] = path
    for number in images.keys() - masks.keys():
        reader.wrong("missing mask", images[number], f"there is no {number}_mask.png beside it")
    for number in masks.keys() - images.keys():
        reader.wrong("missing image", masks[number], f"there is no {number}_sat.jpg beside it")
    both = [number for number in images if number in masks]  # in the natural order of the names
    return Split(split, tuple(images[number] for number in both), None, tuple(masks[number] for number in both))


READERS: dict[str, Callable[[Reader], ImageSet]] = {
    "classification": read_classification,
    "mini": read_mini,
    "office": read_office,
    "satellite": read_satellite,
}


def read_set(set_name: str, root: Path) -> tuple[ImageSet, list[Problem]]:
    """Read the folder of one set: what is sound in it, and the problems, in the natural order of their paths."""
    reader = Reader(set_name, root)
    image_set = READERS[set_name](reader)
    return image_set, sorted(reader.problems, key=lambda problem: natural(str(problem.path)))
