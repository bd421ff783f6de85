"""Directive `recorded-settings`: the settings A to E of each series, from the results that the book keeps.

One table a series, profile and data set: mean and spread over the seeds, with the reported value beside.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from records import Tables, kept_in, table

from dlcvlib.metrics import share_error
from dlcvlib.recipes import EXTRA, SETTINGS

ORDER = [*SETTINGS, *EXTRA]
NOTHING = "–"


def settings(folder: Path) -> dict[str, list[dict[str, str]]]:
    """From a title to the rows of its table, for every series of settings among the results in `folder`.

    Raises:
        ValueError: a file in `folder` is no recorded result; the message names it.
    """
    groups: dict[tuple[str, str, str], dict[str, list[dict[str, Any]]]] = {}
    for file in sorted(folder.glob("*.json")):
        with kept_in(file) as kept:
            row = kept["recipe"].get("setting")
            if row is not None:
                series = kept["recipe"]["title"].partition("(")[2].removesuffix(")")
                group = groups.setdefault((series, kept["data"]["root"], kept["profile"]), {})
                group.setdefault(row, []).append(kept)
                _title(series, "", "", {row: [kept]}), _rows({row: [kept]})  # what it lacks is told with its file
    return {_title(*name, group): _rows(group) for name, group in sorted(groups.items())}


def _title(series: str, data: str, profile: str, group: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    one = next(iter(group.values()))[0]
    form = ", reduced network" if one["recipe"]["form"] == "reduced" else ""
    return (
        f"{series}: {one['recipe']['model']}{form} at {one['recipe']['image_size']} px, on {data} "
        f"({one['data']['val_images']} validation images), profile {profile}"
    )


def _rows(group: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, str]]:
    return [_row(name, group[name]) for name in sorted(group, key=ORDER.index)]


def _row(name: str, kept: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    accuracies = [each["best"]["val_accuracy"] for each in kept]
    mean, reported = statistics.mean(accuracies), kept[0]["recipe"]["reported"]
    return {
        "setting": name,
        "accuracy": f"{mean:.4f}",
        "spread": f"{statistics.stdev(accuracies):.4f}" if len(kept) > 1 else NOTHING,
        "error": f"{share_error(mean, kept[0]['data']['val_images']):.4f}",
        "seeds": str(len(kept)),
        "reported": NOTHING if reported is None else f"{reported:.4f}",
        "minutes a seed": f"{statistics.mean(each['timings']['minutes'] for each in kept):.1f}",
        "trains": "classifier" if kept[0]["recipe"]["trains"] == "classifier" else "whole network",
        "starts from": kept[0]["start"].get("title", "random weights"),
    }


class RecordedSettings(Tables):
    """`recorded-settings`."""

    nothing = "No fine-tuning setting has been recorded yet; `dlcv train … --export` records one."

    def run(self) -> list[nodes.Node]:
        found = settings(self.book / "results")
        if not found:
            return [nodes.paragraph(text=self.nothing)]
        return [
            node
            for title, rows in found.items()
            for node in (nodes.paragraph("", "", nodes.strong(text=title)), table(rows))
        ]


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("recorded-settings", RecordedSettings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
