"""Differences between segmentations in words: mean IoU, and the classes that gain and lose."""

from __future__ import annotations

from collections.abc import Sequence

from dlcvlib.metrics import Difference
from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.runs import Group, Run, group_of
from dlcvlib.runs.starts import listed, shared_start_in_words
from dlcvlib.views.differences import (
    difference_over_seeds,
    in_words,
    interval_in_words,
    of_class,
    seeds_in_words,
    signed,
)
from dlcvlib.views.records import title_of
from dlcvlib.views.shared_rows import shared_rows


def iou_in_words(rows: Sequence[Sequence[Run]]) -> str:
    """Return the differences in mean IoU from the first system, and the classes that gained and lost, as Markdown.

    Intervals are of 95 %: of the paired differences where both systems have the same seeds, else Welch's.

    Args:
        rows: for each system its runs, of at least two seeds.

    Raises:
        ValueError: fewer than two systems, or a system with one seed.
    """
    if len(rows) < 2:
        raise ValueError("there is nothing to compare: give at least two systems")
    groups = {title_of(runs[0]): group_of(runs, "mean_iou") for runs in rows}
    (base, first), *others = groups.items()
    lines = []
    for title, group in others:
        if len(shared_rows([first.runs, group.runs], "mean_iou")) == 1:
            words = "one run here, since this profile makes their settings equal"
            lines.append(f"- **{title}** against {base}: {words}.")
            continue
        mean = in_words(difference_over_seeds(group, first), seeds_in_words(group, first))
        lines.append(f"- **{title}** against {base}, mean IoU: {mean}. {_classes_in_words(group, first)}")
    shared = shared_start_in_words(groups)
    return "\n".join([*lines, *([f"- {shared}"] if shared else [])])


def _classes_in_words(group: Group, first: Group) -> str:
    """Return the classes whose IoU clearly rose and fell; where none did, the largest rise or fall as not clear."""
    differences = {
        name: difference_over_seeds(of_class(group, name), of_class(first, name))
        for name in LAND_CLASSES
        if group.class_mean(name) is not None and first.class_mean(name) is not None
    }
    if not differences:
        return "No class has an IoU in all records."
    return f"Classes: {_one_way(differences, 1)}; {_one_way(differences, -1)}."


def _one_way(differences: dict[str, Difference], sign: int) -> str:
    """Return the classes that clearly changed in one direction, and the one that changed most if it is not clear."""
    word = "higher" if sign > 0 else "lower"
    moved = {name: each for name, each in differences.items() if sign * each.value > 0}
    if not moved:
        return f"none {word}"
    ranked = sorted(moved, key=lambda name: sign * moved[name].value, reverse=True)
    clear = [f"{name} {signed(moved[name].value)}" for name in ranked if moved[name].clear]
    told = f"clearly {word} {listed(clear)}" if clear else f"none clearly {word}"
    most = ranked[0]
    if moved[most].clear:
        return told
    return f"{told}, most but not clear {most} {signed(moved[most].value)} ({interval_in_words(moved[most])})"
