"""Check of every file of every set, for `dlcv data check`.

A problem is anything that training would raise an error for; a missing set is not a problem. A remark is harmless: a
few mask pixels in undocumented colours, or a folder that was skipped.
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

SHOWN = 12  # maximum number of problems of one kind in the text


@dataclass(frozen=True)
class SplitReport:
    """Statistics of a split."""

    images: int
    class_counts: tuple[int, ...]  # images per class; () if unlabelled
    sizes: dict[str, int]  # number of images of each size "WIDTHxHEIGHT", most frequent first
    mask_pixels: tuple[int, ...]  # pixels of each class 0..6; () without masks


@dataclass(frozen=True)
class SetReport:
    """Statistics of a set."""

    folder: Path
    classes: int
    splits: dict[str, SplitReport]


@dataclass(frozen=True)
class Report:
    """Statistics and problems of all sets below a root."""

    root: Path
    sets: dict[str, SetReport]
    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...] = ()

    @property
    def sound(self) -> bool:
        """True if there is no problem."""
        return not self.problems

    def text(self) -> str:
        """Return the report for a terminal, with at most `SHOWN` problems of each kind."""
        lines = [f"{self.root}", ""]
        for name in SET_NAMES:
            lines += _set_lines(name, self.sets[name], self.root) if name in self.sets else [f"{name}: absent", ""]
        lines += _problem_lines("problem", self.problems, self.root) or ["No problem found."]
        return "\n".join(lines + _problem_lines("remark", self.remarks, self.root)) + "\n"

    def as_json(self) -> dict[str, Any]:
        """Return the whole report as JSON values, with paths relative to the root."""
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
class _FileReport:
    """Check of one image and its mask."""

    size: str | None  # None if undecodable
    mask_pixels: np.ndarray | None  # int64 (7,)
    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...]


def check(root: str | Path, progress: Callable[[str, int], None] | None = None) -> Report:
    """Decode every image and mask below `root`, and collect all problems.

    Args:
        root: see `dlcvlib.data.find`.
        progress: called before each split with its title and number of images.

    Raises:
        DataError: `root` is not a folder, or holds no known set. Every other problem is in the report.
    """
    layout = scan(root)
    problems, remarks = list(layout.problems), list(layout.remarks)
    reports = {}
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as executor:
        for name, image_set in layout.sets.items():
            splits = {}
            for part in (image_set.train, image_set.val):
                if part is not None:
                    if progress is not None:
                        progress(f"{name} {part.name}", len(part.files))
                    files = _check_files(image_set.name, part, executor)
                    problems += [problem for file in files for problem in file.problems]
                    remarks += [remark for file in files for remark in file.remarks]
                    splits[part.name] = _split_report(image_set, part, files)
            reports[name] = SetReport(image_set.root, len(image_set.class_names), splits)
    return Report(layout.root, reports, tuple(problems), tuple(remarks))


def _check_files(set_name: str, part: Split, executor: ThreadPoolExecutor) -> list[_FileReport]:
    masks = part.masks if part.masks is not None else (None,) * len(part.files)

    def check_range(indices: range) -> list[_FileReport]:
        return [_check_file(set_name, part.files[index], masks[index]) for index in indices]

    count = len(part.files)
    tasks = [range(start, min(start + 64, count)) for start in range(0, count, 64)]
    return [file for chunk in executor.map(check_range, tasks) for file in chunk]


def _split_report(image_set: ImageSet, part: Split, files: list[_FileReport]) -> SplitReport:
    pixels = [file.mask_pixels for file in files if file.mask_pixels is not None]
    return SplitReport(
        images=len(part.files),
        class_counts=()
        if part.labels is None
        else tuple(np.bincount(part.labels, minlength=len(image_set.class_names)).tolist()),
        sizes=dict(Counter(file.size for file in files if file.size is not None).most_common()),
        mask_pixels=tuple(np.sum(pixels, axis=0).tolist()) if pixels else (),
    )


def _check_file(set_name: str, path: Path, mask_path: Path | None) -> _FileReport:
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
    return _FileReport(size, pixels, tuple(problems), tuple(remarks))


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
            lines.append(f"  {'':<6}{report.classes:>7} classes, {each} images per class")
        if part.mask_pixels:
            total = sum(part.mask_pixels)
            shares = ", ".join(
                f"{title} {count / total:.2%}"
                for title, count in zip(palette.CLASS_NAMES, part.mask_pixels, strict=True)
            )
            lines.append(f"  {'':<6}{report.classes:>7} classes: {shares}")
    return [*lines, ""]


def _problem_lines(title: str, problems: tuple[Problem, ...], root: Path) -> list[str]:
    """Return the lines of all problems, or remarks, grouped by set and kind."""
    if not problems:
        return []
    kinds: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.set_name, problem.kind].append(problem)
    lines = [f"{len(problems):,} {title}{'s' if len(problems) > 1 else ''}:"]
    for (set_name, kind), group in kinds.items():
        lines.append(f"  {set_name}, {kind}: {len(group):,}" if set_name else f"  {kind}: {len(group):,}")
        lines += [f"    {_relative(problem.path, root)} {problem.reason}" for problem in group[:SHOWN]]
        if len(group) > SHOWN:
            lines.append(f"    … and {len(group) - SHOWN:,} more (--json FILE lists all)")
    return lines


def _relative(path: Path, root: Path) -> str:
    return printable(path.relative_to(root) if path.is_relative_to(root) else path)
