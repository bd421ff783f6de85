"""Directive `recorded-segmentations`: mean IoU and IoU of each class, from the recorded results.

A row for each recipe, data set and profile: means over the seeds, at the best epoch of each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from records import NOTHING, Tables, number, reported

from dlcvlib import runs
from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.runs import Group
from dlcvlib.runs.starts import start_in_words


def segmentations(folder: Path) -> list[dict[str, str]]:
    """Return a row for each recipe, data set and profile, the highest mean IoU first.

    Raises:
        ValueError: a file in `folder` is no recorded result; the message names it.
    """
    groups = [group for group in runs.grouped(runs.read_results(folder)) if group.measure == "mean_iou"]
    return [_row(group) for group in sorted(groups, key=lambda group: -group.mean)]


def _row(group: Group) -> dict[str, str]:
    info, data = group.infos[0], group.infos[0]["data"]
    return {
        "recipe": info["recipe"]["name"],
        "starts from": start_in_words(info),
        "mean IoU": number(group.mean),
        "std": number(group.std),
        "seeds": str(len(group.infos)),
        "reported": reported(info["recipe"]["name"]),
        **{name: NOTHING if (iou := group.class_mean(name)) is None else f"{iou:.3f}" for name in LAND_CLASSES},
        "network": f"{info['recipe']['model']}, {info['recipe']['image_size']} px",
        "judged on": f"{data['val_images']} masks of {data['mask_pixels']} px, {data['root']}",
        "profile": group.profile,
    }


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
