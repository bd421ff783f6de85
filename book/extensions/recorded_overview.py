"""Directives that open the page of recorded results: what they amount to, and the images that they are of.

- `recorded-overview`: a chart of ours beside the reported and the best known values, and a conclusion;
- `recorded-data`: a row for each set of images.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
from docutils import nodes
from records import NOTHING, Tables, html

from dlcvlib import runs
from dlcvlib.counting import counted
from dlcvlib.course import MEASURES, VALIDATION_IMAGES, mark_of
from dlcvlib.metrics import Difference, difference_of_shares
from dlcvlib.recipes import RECIPES
from dlcvlib.report import reported_beside, series_title
from dlcvlib.runs import Group
from dlcvlib.views import Picture, plotly_picture
from dlcvlib.views.palette import NEUTRAL, SERIES_COLOURS
from dlcvlib.views.style import style

LABEL = 20  # characters a line of a system's name
PIXELS = 64  # height of a system in the chart


def comparable(folder: Path) -> list[Group]:
    """Return the recorded results on the course's own validation images that have a reported value beside them.

    Raises:
        ValueError: a file in `folder` is no recorded result; the message names it.
    """
    groups = [group for group in runs.grouped(runs.read_results(folder)) if not group.mark]
    shown = [group for group in groups if (recipe := _recipe(group)) in RECIPES and reported_beside(RECIPES[recipe])]
    return sorted(shown, key=lambda group: -group.mean)


def chart(groups: Sequence[Group]) -> Picture:
    """Draw ours, the reported values and the best known one of each system."""
    names = ["<br>".join(textwrap.wrap(_title(group), LABEL)) for group in groups]
    figure = go.Figure()
    figure.add_bar(
        y=names,
        x=[group.mean for group in groups],
        orientation="h",
        name="ours",
        marker_color=SERIES_COLOURS[0],
        error_x={"type": "data", "array": [_error(group) for group in groups], "color": NEUTRAL},
        width=0.4,
        hovertemplate="ours: %{x:.4f}",
    )
    stated = [
        (name, report, value)
        for name, group in zip(names, groups, strict=True)
        for report, value in reported_beside(RECIPES[_recipe(group)]).items()
    ]
    known = [(name, mark.value, mark.how) for name, group in zip(names, groups, strict=True) if (mark := _mark(group))]
    for label, symbol, colour, points in (
        ("reported", "diamond", SERIES_COLOURS[1], [(name, value, report) for name, report, value in stated]),
        ("best known", "star", SERIES_COLOURS[2], known),
    ):
        figure.add_scatter(
            y=[name for name, *_ in points],
            x=[value for _, value, _ in points],
            customdata=[who for *_, who in points],
            mode="markers",
            name=label,
            marker={"symbol": symbol, "size": 12, "color": colour},
            hovertemplate=f"{label}: %{{x:.4f}} (%{{customdata}})",
        )
    figure.update_xaxes(range=[0, 1], title_text="accuracy, or mean IoU")
    figure.update_yaxes(autorange="reversed")
    style(figure, 150 + PIXELS * len(groups), legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    caption = (
        "Ours on the course's own validation images, beside what the reports state for the same problem and the best "
        "known value. The line at the end of a bar is one standard error, where one is known."
    )
    return plotly_picture(figure, caption=caption, alt=f"Bar chart. {' '.join(conclusions(groups))}")


def conclusions(groups: Sequence[Group]) -> list[str]:
    """Return a sentence for each system: ours against the reported values and the best known one."""
    return [f"{_title(group)}: {_in_words(group)}." for group in groups]


def orders(folder: Path) -> list[str]:
    """Return a sentence for each series of fine-tuning settings on other images: their order.

    Raises:
        ValueError: a file in `folder` is no recorded result; the message names it.
    """
    series: dict[str, list[Group]] = {}
    for group in runs.grouped(runs.read_results(folder)):
        if group.entry("recipe", "setting") and group.mark:
            series.setdefault(series_title(_recipe(group)) or _recipe(group), []).append(group)
    words = []
    for title, groups in series.items():
        ranked = sorted(groups, key=lambda group: group.mean)
        order = " < ".join(f"{group.entry('recipe', 'setting')} {group.mean:.3f}" for group in ranked)
        words.append(f"Fine-tuning settings, {title}{ranked[0].mark}, so compared with each other only: {order}.")
    return words


def data(folder: Path) -> list[dict[str, object]]:
    """Return a row for each set of images that a recorded result is of.

    Raises:
        ValueError: a file in `folder` is no recorded result; the message names it.
    """
    rows: dict[tuple[object, ...], dict[str, object]] = {}
    for group in runs.grouped(runs.read_results(folder)):
        info = group.infos[0]
        name, images = info["recipe"]["dataset"], group.images
        course = VALIDATION_IMAGES.get(name)
        rows.setdefault(
            (group.data, name, images),
            {
                "set": name,
                "training images": _thousands(info["data"].get("train_images")),
                "validation images": _thousands(images),
                "of the course": _thousands(course),
                "results on them": "compare with reported ones"
                if not group.mark and course
                else "compare with ours only",
            },
        )
    return [row for _, row in sorted(rows.items(), key=lambda item: str(item[0]))]


def _thousands(number: int | None) -> str:
    return NOTHING if number is None else f"{number:,}"


def _in_words(group: Group) -> str:
    measure, values = MEASURES[group.measure].name, reported_beside(RECIPES[_recipe(group)])
    error = _error(group)
    ours = f"{measure} {group.mean:.3f}" + (f" ± {error:.3f}" if error else ", of one seed")
    above = [report for report, value in values.items() if group.mean > value]
    report, best = max(values.items(), key=lambda item: item[1])
    share = f"{len(above)} of" if 0 < len(above) < len(values) else "all"
    place = f"{'above' if above else 'below'} {share} {counted(len(values), 'reported value')}"
    place += f" (the best is {best:.3f}, {report})"
    words = f"{ours}, {place}{_clearly(group, best)}"
    if mark := _mark(group):
        side = "above" if group.mean > mark.value else "below"
        words += f"; {side} the best known, {mark.value:.3f}{_clearly(group, mark.value)}"
    return f"{words}; {counted(len(group.infos), 'training')} of {group.minutes or 0:.0f} minutes on {group.hardware}"


def _clearly(group: Group, other: float) -> str:
    """Return how sure the difference from a value on the same images is, after a comma; "" if no error is known."""
    if group.measure != "val_accuracy" or not group.images:
        return ""
    difference: Difference = difference_of_shares(group.mean, group.images, other, group.images)
    return ", a clear difference" if difference.clear else ", which may be chance"


def _error(group: Group) -> float | None:
    """Standard error for the number of validation images, or of several seeds; None for mean IoU of one seed."""
    if group.measure == "val_accuracy":
        return group.error
    return None if group.std is None else group.std / len(group.infos) ** 0.5


def _title(group: Group) -> str:
    return str(group.entry("recipe", "title") or _recipe(group))


def _recipe(group: Group) -> str:
    return str(group.entry("recipe", "name"))


def _mark(group: Group):
    return mark_of(RECIPES[_recipe(group)])


class RecordedOverview(Tables):
    """`recorded-overview`."""

    nothing = "No result on the course's own images has been recorded yet; `dlcv train … --export` records one."

    def run(self) -> list[nodes.Node]:
        groups = comparable(self.book / "results")
        if not groups:
            return [nodes.paragraph(text=self.nothing)]
        said = [*conclusions(groups), *orders(self.book / "results")]
        lines = [nodes.list_item("", nodes.paragraph(text=line)) for line in said]
        return [html(chart(groups).html), nodes.bullet_list("", *lines)]


class RecordedData(Tables):
    """`recorded-data`."""

    nothing = "No result has been recorded yet."

    def tables(self) -> list[list[dict[str, object]]]:
        return [data(self.book / "results")]


def setup(app):
    app.add_directive("recorded-overview", RecordedOverview)
    app.add_directive("recorded-data", RecordedData)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
