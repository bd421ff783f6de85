"""Look at every file of every set, and report all that is wrong with them.

Everything that training would refuse counts as wrong, and `dlcv data check` then ends with exit status 1; a set that is
absent does not. A remark is no error, yet worth knowing: a few pixels of a mask in colours that the course does not
document, a folder that was passed over.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dlcvlib.data import palette
from dlcvlib.data.editions import scan
from dlcvlib.data.images import decode_rgb, read_bytes
from dlcvlib.data.masks import UNDOCUMENTED, in_words, read_mask, require_size_of
from dlcvlib.data.sets import SET_NAMES, FileError, ImageSet, Problem, Split, printable

SHOWN = 12  # problems of one kind that the text names before "… and n more"


@dataclass(frozen=True)
class SplitReport:
    """What one split holds."""

    images: int
    class_counts: tuple[int, ...]  # images a class; () where unlabelled
    sizes: dict[str, int]  # images of each size, "WIDTHxHEIGHT", the most frequent first
    mask_pixels: tuple[int, ...]  # pixels of each class 0..6; () without masks


@dataclass(frozen=True)
class SetReport:
    """What one set holds."""

    folder: Path
    classes: int
    splits: dict[str, SplitReport]


@dataclass(frozen=True)
class Report:
    """What lies below a root and what is wrong with it."""

    root: Path
    sets: dict[str, SetReport]
    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def text(self) -> str:
        """Readable in a terminal; alike problems are capped, `as_json` holds all."""
        lines = [f"{self.root}", ""]
        for name in SET_NAMES:
            lines += _set_lines(name, self.sets[name], self.root) if name in self.sets else [f"{name}: absent", ""]
        lines += _problem_lines("problem", self.problems, self.root) or ["Nothing is wrong."]
        return "\n".join(lines + _problem_lines("remark", self.remarks, self.root)) + "\n"

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON values; paths are relative to the root."""
        return {
            "root": str(self.root),
            "sound": self.sound,
            "sets": {
                name: {
                    "folder": _relative(report.folder, self.root),
                    "classes": report.classes,
                    "splits": {split: vars(part) for split, part in report.splits.items()},
                }
                for name, report in self.sets.items()
            },
            "problems": [_problem_as_json(problem, self.root) for problem in self.problems],
            "remarks": [_problem_as_json(remark, self.root) for remark in self.remarks],
        }


@dataclass(frozen=True)
class _Seen:
    """What one image, with its mask, turned out to be."""

    size: str | None  # None where undecodable
    mask_pixels: np.ndarray | None  # int64 (7,)
    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...]


def check(root: str | Path, progress: Callable[[str, int], None] | None = None) -> Report:
    """Decode every image and mask below `root`, and collect every problem.

    Args:
        root: as for `dlcvlib.data.find`.
        progress: called with a split's title and its number of images before it is read.

    Raises:
        DataError: `root` is no folder, or nothing in it is recognised. Every other problem is in the report.
    """
    found = scan(root)
    problems, remarks = list(found.problems), list(found.remarks)
    reports = {}
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as executor:
        for name, image_set in found.sets.items():
            splits = {}
            for part in (image_set.train, image_set.val):
                if part is not None:
                    if progress is not None:
                        progress(f"{name} {part.name}", len(part.files))
                    seen = _look_at_all(image_set.name, part, executor)
                    problems += [problem for one in seen for problem in one.problems]
                    remarks += [remark for one in seen for remark in one.remarks]
                    splits[part.name] = _split_report(image_set, part, seen)
            reports[name] = SetReport(image_set.root, len(image_set.class_names), splits)
    return Report(found.root, reports, tuple(problems), tuple(remarks))


def _look_at_all(set_name: str, part: Split, executor: ThreadPoolExecutor) -> list[_Seen]:
    masks = part.masks if part.masks is not None else (None,) * len(part.files)

    def look_at(indices: range) -> list[_Seen]:
        return [_look(set_name, part.files[index], masks[index]) for index in indices]

    count = len(part.files)
    tasks = [range(start, min(start + 64, count)) for start in range(0, count, 64)]
    return [one for chunk in executor.map(look_at, tasks) for one in chunk]


def _split_report(image_set: ImageSet, part: Split, seen: list[_Seen]) -> SplitReport:
    pixels = [one.mask_pixels for one in seen if one.mask_pixels is not None]
    return SplitReport(
        images=len(part.files),
        class_counts=()
        if part.labels is None
        else tuple(np.bincount(part.labels, minlength=len(image_set.class_names)).tolist()),
        sizes=dict(Counter(one.size for one in seen if one.size is not None).most_common()),
        mask_pixels=tuple(np.sum(pixels, axis=0).tolist()) if pixels else (),
    )


def _look(set_name: str, path: Path, mask_path: Path | None) -> _Seen:
    problems, remarks, pixels = [], [], None
    image = mask = None
    try:
        image = decode_rgb(read_bytes(path), path)
    except FileError as error:
        problems.append(Problem(set_name, error.kind, path, error.reason))
    if mask_path is not None:
        try:
            mask = read_mask(read_bytes(mask_path), mask_path)
            if image is not None:
                require_size_of(mask, mask_path, image, path)
        except FileError as error:
            problems.append(Problem(set_name, error.kind, mask_path, error.reason))
    if mask_path is not None and mask is not None:
        pixels = np.bincount(mask.ids.ravel(), minlength=len(palette.CLASS_NAMES))
        if mask.stray:
            remarks.append(Problem(set_name, UNDOCUMENTED, mask_path, in_words(mask.stray)))
    size = None if image is None else f"{image.width}x{image.height}"
    return _Seen(size, pixels, tuple(problems), tuple(remarks))


def _problem_as_json(problem: Problem, root: Path) -> dict[str, str]:
    file = _relative(problem.path, root)
    return {"set": problem.set_name, "kind": problem.kind, "file": file, "reason": problem.reason}


def _set_lines(name: str, report: SetReport, root: Path) -> list[str]:
    counts = " + ".join(f"{part.images:,}" for part in report.splits.values())
    lines = [f"{name}: {counts} images in {_relative(report.folder, root)}"]
    for split, part in report.splits.items():
        sizes = [f"{size} ({count:,})" for size, count in part.sizes.items()]
        words = ", ".join(sizes[:4]) + (f" and {len(sizes) - 4} more sizes" if len(sizes) > 4 else "")
        lines.append(f"  {split:<6}{part.images:>7,} images, {words or 'none decodable'}")
        if part.class_counts:
            fewest, most = min(part.class_counts), max(part.class_counts)
            each = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            lines.append(f"  {'':<6}{report.classes:>7} classes, {each} images a class")
        if part.mask_pixels:
            total = sum(part.mask_pixels)
            shares = ", ".join(
                f"{title} {count / total:.2%}"
                for title, count in zip(palette.CLASS_NAMES, part.mask_pixels, strict=True)
            )
            lines.append(f"  {'':<6}{report.classes:>7} classes: {shares}")
    return [*lines, ""]


def _problem_lines(title: str, problems: tuple[Problem, ...], root: Path) -> list[str]:
    """Lines of all problems, or remarks, by set and kind; none where there is none."""
    if not problems:
        return []
    kinds: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.set_name, problem.kind].append(problem)
    lines = [f"{len(problems):,} {title}{'s' if len(problems) > 1 else ''}:"]
    for (set_name, kind), alike in kinds.items():
        lines.append(f"  {set_name}, {kind}: {len(alike):,}" if set_name else f"  {kind}: {len(alike):,}")
        lines += [f"    {_relative(problem.path, root)} {problem.reason}" for problem in alike[:SHOWN]]
        if len(alike) > SHOWN:
            lines.append(f"    … and {len(alike) - SHOWN:,} more (--json FILE names all)")
    return lines


def _relative(path: Path, root: Path) -> str:
    return printable(path.relative_to(root) if path.is_relative_to(root) else path)
