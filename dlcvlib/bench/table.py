"""The one table: each workload's rows against each other and against the floor."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

from dlcvlib.bench.measuring import median_ratio
from dlcvlib.bench.turns import Measured, Row

Table = dict[str, dict[str, Any]]
COLUMNS = "{:<42}{:>12}{:>13}{:>14}{:>16}{:>10}"
HEAD = COLUMNS.format("", "images/s", "ours is", "of the floor", "not arithmetic", "peak MB")
DINO_MARK = 2590.0
"""Source images a second on one H200: ten times the 259 at which a DINO of this course is known to have run (L40S)."""


def compared(rows: Mapping[str, Row], measured: Measured) -> Table:
    """Of each row medians over the rounds, each ratio within its round.

    `images_per_second`; `ratio_to` every row; `of_the_floor`; `not_arithmetic`, the share of its time that the floor
    does without; `peak_megabytes`, None where not measured; `rounds`, the images a second of each.
    """
    floor = _speeds(rows, measured, "floor")
    return {
        name: {
            "who": rows[name].who,
            "images_per_second": statistics.median(each),
            "ratio_to": {other: median_ratio(each, theirs) for other, theirs in measured.speeds.items()},
            "of_the_floor": median_ratio(each, floor),
            "not_arithmetic": 1 - median_ratio(each, floor),
            "peak_megabytes": measured.megabytes.get(name),
            "rounds": each,
        }
        for name, each in measured.speeds.items()
    }


def shares(rows: Mapping[str, Row], measured: Measured) -> dict[str, float]:
    """What our step's time goes into, as shares of it.

    `arithmetic`; `batches`: choosing, fetching and augmenting them; `updates`: optimizer, gradients' clipping, moving
    averages, schedules.
    """
    floor, resident, ours = (_speeds(rows, measured, who) for who in ("floor", "resident", "ours"))
    arithmetic, without_batches = median_ratio(ours, floor), median_ratio(ours, resident)
    return {"arithmetic": arithmetic, "batches": 1 - without_batches, "updates": without_batches - arithmetic}


def _speeds(rows: Mapping[str, Row], measured: Measured, who: str) -> list[float]:
    return next(speeds for name, speeds in measured.speeds.items() if rows[name].who == who)


def lines(title: str, workload: Mapping[str, Any]) -> Iterator[str]:
    """A workload as it is printed; `workload` is its part of the JSON."""
    table: Table = workload["rows"]
    yield f"{title}: {workload['words']}"
    yield HEAD
    ours = next(name for name, row in table.items() if row["who"] == "ours")
    for name, row in table.items():
        peak = row["peak_megabytes"]
        yield COLUMNS.format(
            name,
            f"{row['images_per_second']:,.1f}",
            f"{table[ours]['ratio_to'][name]:.2f}x",
            f"{row['of_the_floor']:.1%}",
            f"{row['not_arithmetic']:.1%}",
            "–" if peak is None else f"{peak:,.0f}",
        )
    part = workload["shares"]
    yield f"our step: {part['batches']:.1%} batches and augmentation, {part['updates']:.1%} optimizer and averages"
    if "mark" in workload:
        reached = table[ours]["images_per_second"] / workload["mark"]
        yield f"the mark is {workload['mark']:,.0f} images/s on one H200; ours is {reached:.2f} times that"
    for each in workload["left_out"]:
        yield f"left out: {each}"
