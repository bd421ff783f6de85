"""Look at every file of every set, and report all that is wrong with them.

Everything found counts as wrong, and `dlcv data check` then ends with exit status 1; a set that is absent does not. So
do undocumented mask colours: training reads pure red as Unknown and any other colour by its thresholds (`palette`),
which is a rule and no error, yet worth knowing.
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
from dlcvlib.data.sets import SET_NAMES, DataError, ImageSet, Problem, Split

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

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def text(self) -> str:
        """Readable in a terminal; alike problems are capped, `as_json` holds all."""
        lines = [f"{self.root}", ""]
        for name in SET_NAMES:
            lines += _set_lines(name, self.sets[name], self.root) if name in self.sets else [f"{name}: absent", ""]
        return "\n".join(lines + _problem_lines(self.problems, self.root)) + "\n"

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
            "problems": [
                {
                    "set": problem.set_name,
                    "kind": problem.kind,
                    "file": _relative(problem.path, self.root),
                    "reason": problem.reason,
                }
                for problem in self.problems
            ],
        }


@dataclass(frozen=True)
class _Seen:
    """What one image, with its mask, turned out to be."""

    size: str | None  # None where undecodable
    mask_pixels: np.ndarray | None  # int64 (7,)
    problems: tuple[Problem, ...]


def check(root: str | Path, progress: Callable[[str, int], None] | None = None) -> Report:
    """Decode every image and mask below `root`, and collect every problem.

    Args:
        root: as for `dlcvlib.data.find`.
        progress: called with a split's title and its number of images before it is read.

    Raises:
        DataError: `root` is no folder, or nothing in it is recognised. Every other problem is in the report.
    """
    found = scan(root)
    problems = list(found.problems)
    reports = {}
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as executor:
        for name, image_set in found.sets.items():
            splits = {}
            for part in (image_set.train, image_set.val):
                if part is not None:
                    if progress is not None:
                        progress(f"{name} {part.name}", len(part.files))
                    splits[part.name], wrong = _check_split(image_set, part, executor)
                    problems += wrong
            reports[name] = SetReport(image_set.root, len(image_set.class_names), splits)
    return Report(found.root, reports, tuple(problems))


def _check_split(image_set: ImageSet, part: Split, executor: ThreadPoolExecutor) -> tuple[SplitReport, list[Problem]]:
    masks = part.masks if part.masks is not None else (None,) * len(part.files)

    def look_at(indices: range) -> list[_Seen]:
        return [_look(image_set.name, part.files[index], masks[index]) for index in indices]

    count = len(part.files)
    tasks = [range(start, min(start + 64, count)) for start in range(0, count, 64)]
    seen = [one for chunk in executor.map(look_at, tasks) for one in chunk]
    pixels = [one.mask_pixels for one in seen if one.mask_pixels is not None]
    report = SplitReport(
        images=count,
        class_counts=()
        if part.labels is None
        else tuple(np.bincount(part.labels, minlength=len(image_set.class_names)).tolist()),
        sizes=dict(Counter(one.size for one in seen if one.size is not None).most_common()),
        mask_pixels=tuple(np.sum(pixels, axis=0).tolist()) if pixels else (),
    )
    return report, [problem for one in seen for problem in one.problems]


def _look(set_name: str, path: Path, mask_path: Path | None) -> _Seen:
    problems, size, pixels = [], None, None
    try:
        image = decode_rgb(read_bytes(path), path)
        size = f"{image.width}x{image.height}"
    except DataError as error:
        problems.append(_undecodable(set_name, path, error))
    if mask_path is not None:
        try:
            mask = decode_rgb(read_bytes(mask_path), mask_path)
        except DataError as error:
            problems.append(_undecodable(set_name, mask_path, error))
        else:
            rgb = np.asarray(mask)
            pixels = np.bincount(palette.class_ids(rgb).ravel(), minlength=len(palette.CLASS_NAMES))
            if size is not None and size != f"{mask.width}x{mask.height}":
                reason = f"is {mask.width}x{mask.height} pixels, but its image {path.name} is {size}"
                problems.append(Problem(set_name, "mask of another size than its image", mask_path, reason))
            if colours := palette.undocumented(rgb):
                problems.append(Problem(set_name, "undocumented mask colour", mask_path, _colours_in_words(colours)))
    return _Seen(size, pixels, tuple(problems))


def _undecodable(set_name: str, path: Path, error: DataError) -> Problem:
    return Problem(set_name, "undecodable file", path, str(error).removeprefix(f"{path}: "))


def _colours_in_words(colours: dict[tuple[int, int, int], int]) -> str:
    first = ", ".join(
        f"{colour} in {count} pixel{'s' if count > 1 else ''}" for colour, count in list(colours.items())[:3]
    )
    more = f" and {len(colours) - 3} more" if len(colours) > 3 else ""
    return f"has colours that the course does not document: {first}{more}"


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


def _problem_lines(problems: tuple[Problem, ...], root: Path) -> list[str]:
    if not problems:
        return ["Nothing is wrong."]
    kinds: dict[tuple[str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.set_name, problem.kind].append(problem)
    lines = [f"{len(problems):,} problem{'s' if len(problems) > 1 else ''}:"]
    for (set_name, kind), alike in kinds.items():
        lines.append(f"  {set_name}, {kind}: {len(alike):,}")
        lines += [f"    {_relative(problem.path, root)} {problem.reason}" for problem in alike[:SHOWN]]
        if len(alike) > SHOWN:
            lines.append(f"    … and {len(alike) - SHOWN:,} more (--json FILE names all)")
    return lines


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
