"""Directive `recorded-segmentations`: mean IoU and each class's, from the results that the book keeps.

A row a recipe, data set and profile: means over the seeds, at the best epoch of each.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from records import Tables, kept_in

from dlcvlib.metrics.course_iou import LAND_CLASSES

NOTHING = "–"


def segmentations(folder: Path) -> list[dict[str, str]]:
    """A row a recipe, data set and profile, the highest mean IoU first.

    Raises:
        ValueError: a file in `folder` is no recorded result; the message names it.
    """
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for file in sorted(folder.glob("*.json")):
        with kept_in(file) as kept:
            if "mean_iou" in kept["best"]:
                _row([kept])  # what it lacks is told while its file is known
                groups.setdefault((kept["recipe"]["name"], kept["data"]["root"], kept["profile"]), []).append(kept)
    best_first = sorted(groups.values(), key=lambda group: -_mean(group, "mean_iou"))
    return [_row(group) for group in best_first]


def _row(group: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    first, data = group[0], group[0]["data"]
    recipe, values = first["recipe"], [kept["best"]["mean_iou"] for kept in group]
    return {
        "recipe": recipe["name"],
        "starts from": first["start"].get("title", "random weights"),
        "mean IoU": f"{statistics.mean(values):.4f}",
        "spread": f"{statistics.stdev(values):.4f}" if len(values) > 1 else NOTHING,
        "seeds": str(len(values)),
        **{name: _class(group, name) for name in LAND_CLASSES},
        "network": f"{recipe['model']}, {recipe['image_size']} px",
        "judged on": f"{data['val_images']} masks of {data['mask_pixels']} px, {data['root']}",
        "profile": first["profile"],
    }


def _class(group: Sequence[Mapping[str, Any]], name: str) -> str:
    column = f"iou_{name.lower()}"
    return f"{_mean(group, column):.3f}" if all(column in kept["best"] for kept in group) else NOTHING


def _mean(group: Sequence[Mapping[str, Any]], column: str) -> float:
    return statistics.mean(kept["best"][column] for kept in group)


class RecordedSegmentations(Tables):
    """`recorded-segmentations`."""

    nothing = (
        "No segmentation has been recorded yet; `dlcv train our_deeplabv3plus --profile hour --export` records one."
    )

    def tables(self) -> list[list[dict[str, str]]]:
        return [segmentations(self.book / "results")]


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("recorded-segmentations", RecordedSegmentations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
