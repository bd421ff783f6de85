"""Names of the measures that results are compared by."""

from __future__ import annotations

from dataclasses import dataclass

AT_BEST = "on the validation images, at the best epoch, which is chosen on the same images"


@dataclass(frozen=True)
class Measure:
    """A measure in words."""

    name: str
    taken: str
    """Images and epoch that it is taken of."""


MEASURES = {
    "val_accuracy": Measure("accuracy", AT_BEST),
    "mean_iou": Measure("mean IoU", AT_BEST),
    "knn": Measure("kNN accuracy", "of held-out images after the last epoch, from features that saw no label"),
}
"""Measures by the column of the history, which is `Recipe.measure`."""
