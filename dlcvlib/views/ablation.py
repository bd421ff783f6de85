"""Sentence about an ablation: the part of a segmenter that is missed most, and the class that is hit hardest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.runs import Run, group_of
from dlcvlib.views.differences import difference_in_words


def ablation_in_words(complete: Sequence[Run], ablated: Mapping[str, Sequence[Run]]) -> str:
    """Say without which part the mean IoU is lowest, and which class changes most then, as Markdown.

    Args:
        complete: runs of the complete network, of at least two seeds.
        ablated: runs without a part, of at least two seeds, by the name of the part.

    Raises:
        ValueError: no ablated network, or a run without a mean IoU.
    """
    if not ablated:
        raise ValueError("an ablation needs at least one network without a part")
    whole = group_of(complete, "mean_iou")
    groups = {part: group_of(runs, "mean_iou") for part, runs in ablated.items()}
    part = min(groups, key=lambda name: groups[name].mean)
    if groups[part].mean >= whole.mean:
        return f"None of the parts is missed here: the mean IoU is no lower without any of {', '.join(groups)}."
    changes = {
        name: without - before
        for name in LAND_CLASSES
        if (without := groups[part].class_mean(name)) is not None and (before := whole.class_mean(name)) is not None
    }
    hit = min(changes, key=lambda name: changes[name])
    of_mean, of_class = (
        difference_in_words(ablated[part], complete, measure) for measure in ("mean_iou", f"iou_{hit.lower()}")
    )
    return (
        f"The mean IoU is lowest without **{part}**; against the complete network it changes by {of_mean}. The class "
        f"that is hit hardest is **{hit}**, with {of_class}."
    )
