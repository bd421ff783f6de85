"""Directive `recorded-settings`: the settings A to E of each series, from the recorded results.

A table for each series, data set and profile: mean and standard deviation over the seeds, beside the reported value.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from records import Tables, folded, number, reported, table

from dlcvlib import runs
from dlcvlib.course import EXTRA, SETTINGS
from dlcvlib.report import series_title
from dlcvlib.runs import Group
from dlcvlib.runs.starts import start_in_words

ORDER = [*SETTINGS, *EXTRA]


def settings(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Return the rows of a table by its title, for every series of settings among the recorded results.

    Raises:
        ValueError: a file in `folder` is no recorded result; the message names it.
    """
    series: dict[tuple[str, str, str], list[Group]] = {}
    for group in runs.grouped(runs.read_results(folder)):
        if group.entry("recipe", "setting") is not None:
            title = series_title(group.entry("recipe", "name")) or str(group.entry("recipe", "report"))
            series.setdefault((title, group.data, group.profile), []).append(group)
    return {_title(key[0], groups[0]): _rows(groups) for key, groups in sorted(series.items())}


def _title(series: str, group: Group) -> str:
    recipe, data = group.infos[0]["recipe"], group.infos[0]["data"]
    form = ", reduced network" if group.is_reduced else ""
    return (
        f"{series}: {recipe['model']}{form} at {recipe['image_size']} px, on {data['root']} "
        f"({data['val_images']} validation images), profile {group.profile}"
    )


def _rows(groups: list[Group]) -> list[dict[str, str]]:
    return [_row(group) for group in sorted(groups, key=lambda group: ORDER.index(group.entry("recipe", "setting")))]


def _row(group: Group) -> dict[str, str]:
    info = group.infos[0]
    return {
        "setting": info["recipe"]["setting"],
        "accuracy": f"{number(group.mean)}{group.mark}",
        "std": number(group.std),
        "error": number(group.error),
        "seeds": str(len(group.infos)),
        "reported": reported(info["recipe"]["name"]),
        "minutes a seed": f"{group.minutes:.1f}",
        "trains": "classifier" if info["recipe"]["trains"] == "classifier" else "whole network",
        "starts from": start_in_words(info),
    }


class RecordedSettings(Tables):
    """`recorded-settings`."""

    nothing = "No fine-tuning setting has been recorded yet; `dlcv train … --export` records one."

    def run(self) -> list[nodes.Node]:
        found = settings(self.book / "results")
        if not found:
            return [nodes.paragraph(text=self.nothing)]
        return [folded(title, table(rows)) for title, rows in found.items()]


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("recorded-settings", RecordedSettings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
