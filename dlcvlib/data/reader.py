"""Reader of a set's folder: lists images, csv rows and classes, and collects problems."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dlcvlib.data.images import is_image
from dlcvlib.data.labels import Labelled, classes_of, numbered, range_in_words, shortened
from dlcvlib.data.sets import FileError, Problem, Split, is_printable
from dlcvlib.data.tables import UNREADABLE, Row, read_table, read_text


@dataclass
class Reader:
    """The folder of a set, and the problems found in it."""

    set_name: str
    root: Path
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, kind: str, path: Path, reason: str) -> None:
        """Append a problem."""
        self.problems.append(Problem(self.set_name, kind, path, reason))

    def images(self, folder: Path) -> dict[str, Path]:
        """Return the image files of a folder by name; a missing, unreadable or empty folder is a problem."""
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if is_image(entry.name)]
        except FileNotFoundError:
            self.add_problem("missing folder", folder, "this folder of the set is missing; unpack the archive again")
            return {}
        except OSError as error:
            self.add_problem("unreadable folder", folder, f"cannot be read ({error.strerror}); change its permissions")
            return {}
        if not names:
            self.add_problem("empty folder", folder, "holds no image (jpg, jpeg, png, webp, bmp, gif, tif, tiff)")
        for name in names:
            if not is_printable(name):
                self.add_problem("unreadable name", folder / name, "the name is not UTF-8 text; rename the file")
        return {name: folder / name for name in names if is_printable(name)}

    def rows(self, file: Path, name_columns: tuple[str, ...] = ("filename",)) -> list[tuple[str, str, int]]:
        """Return file name, label and line of each csv row; a missing file or column, and no row, are problems."""
        if not os.path.lexists(file):
            self.add_problem("missing csv", file, "this csv of the set is missing; unpack the archive again")
            return []
        try:
            header, table = read_table(file)
        except FileError as error:
            self.add_problem(UNREADABLE, file, error.reason)
            return []
        name_column = next((column for column in name_columns if column in header), None)
        if name_column is None or "label" not in header:
            columns = f"{' or '.join(name_columns)}, and label"
            self.add_problem(UNREADABLE, file, f"needs the columns {columns}; it has {shortened(', '.join(header))}")
            return []
        if not table:
            self.add_problem("empty csv", file, "holds no row below its header")
        name_at, label_at = header.index(name_column), header.index("label")
        whole = [row for row in table if self._is_whole(row, len(header), file)]
        return [(row.cells[name_at], row.cells[label_at], row.line) for row in whole]

    def _is_whole(self, row: Row, columns: int, file: Path) -> bool:
        if len(row.cells) != columns:
            self.add_problem(
                UNREADABLE, file, f"line {row.line} has {len(row.cells)} columns, the header has {columns}"
            )
        return len(row.cells) == columns

    def matched(self, files: dict[str, Path], rows: list[tuple[str, str, int]], csv_file: Path) -> list[Labelled]:
        """Return the images with their labels, in the order of the csv.

        A row without file, a file without row and a second row for a file are problems.
        """
        images: dict[str, Labelled] = {}
        by_stem: dict[str, str] = {}
        if any(entry not in files for entry, _, _ in rows):  # some csv files omit the suffix
            by_stem = {path.stem: name for name, path in files.items()}
        for entry, label, line in rows:
            name = entry if entry in files else by_stem.get(entry, entry)
            if name not in files:
                reason = f"names {shortened(entry)} (line {line}), which is not in the folder of images"
                self.add_problem("row without file", csv_file, reason)
            elif name in images:
                self.add_problem("repeated row", csv_file, f"names {shortened(entry)} more than once (line {line})")
            else:
                images[name] = Labelled(files[name], label, f"{csv_file.name}, line {line}")
        if rows:
            for name in files.keys() - images.keys():
                self.add_problem("file without row", files[name], f"has no row in {csv_file.name}")
        return list(images.values())

    def class_names(self, train_labels: list[str]) -> tuple[str, ...]:
        """Return the class names in the order of their ids: from `classes.txt` (one per line), else from the labels."""
        return self._listed_classes() or classes_of(self.set_name, train_labels)

    def _listed_classes(self) -> tuple[str, ...]:
        file = self.root / "classes.txt"
        if not os.path.lexists(file):
            return ()
        try:
            lines = read_text(file, "unreadable classes.txt").splitlines()
        except FileError as error:
            self.add_problem("unreadable classes.txt", file, error.reason)
            return ()
        return tuple(line.strip() for line in lines if line.strip())

    def written_labels(self, train_labels: list[str], class_names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the label of each class in the csv, in the order of their ids; () if the labels are the ids."""
        return class_names if train_labels and not numbered(train_labels) else ()

    def labelled(self, name: str, pairs: list[Labelled], class_names: tuple[str, ...]) -> Split:
        """Return a split with integer labels; a label out of range is a problem, and its file is left out."""
        id_of = {class_name: number for number, class_name in enumerate(class_names)}
        if os.path.lexists(self.root / "classes.txt"):  # the csv may hold integers or names
            id_of |= {str(number): number for number in range(len(class_names))}
        files, labels = [], []
        for pair in pairs:
            if pair.label in id_of:
                files.append(pair.path)
                labels.append(id_of[pair.label])
            else:
                source = f" ({pair.source})" if pair.source else ""
                reason = f"has the label {shortened(pair.label)}{source}, but {range_in_words(class_names)}"
                self.add_problem("label out of range", pair.path, reason)
        return Split(name, tuple(files), np.array(labels, dtype=np.int64))
