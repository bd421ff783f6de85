"""Comparison of measured speeds: ratios of the speeds in a table, and rows beside the floor of their precision."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

MISSING = "–"


@dataclass(frozen=True)
class Ratio:
    """Ratio of two medians over the rounds, with the lowest and the highest ratio within a round."""

    value: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, speeds: Sequence[float], to: Sequence[float]) -> Ratio:
        """Compare the speeds of two rows, in images a second, measured in turn in the same rounds.

        Raises:
            ValueError: the rows have no rounds, or not the same number.
        """
        within = [speed / other for speed, other in zip(speeds, to, strict=True)]
        if not within:
            raise ValueError("a ratio of speeds needs at least one round")
        return cls(median(speeds) / median(to), min(within), max(within))

    @property
    def times(self) -> str:
        """The ratio as "1.94 ×", and its range over several rounds."""
        between = f" ({self.lowest:.2f} to {self.highest:.2f})" if self.lowest < self.highest else ""
        return f"{self.value:.2f} ×{between}"

    @property
    def percent(self) -> str:
        """The ratio as "96.0%", and its range over several rounds."""
        between = f" ({100 * self.lowest:.1f} to {100 * self.highest:.1f})" if self.lowest < self.highest else ""
        return f"{self.value:.1%}{between}"


def precision_of(row: str) -> str:
    """Return the precision in the name of a row: bf16 or fp32.

    Raises:
        ValueError: the name has none.
    """
    found = re.search(r"\b(bf16|fp32)\b", row)
    if found is None:
        raise ValueError(f"row {row!r} names no precision, bf16 or fp32")
    return found[1]


def floor_of(row: str, rows: Mapping[str, Any]) -> str | None:
    """Return the name of the floor in the precision of `row`, the first of `rows`; None if it was not measured."""
    return next((name for name in rows if name.startswith("floor") and precision_of(name) == precision_of(row)), None)


def cells(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Return the cells of a workload's table, by the name of the row.

    Args:
        rows: as `dlcvlib.bench.table.compared` returns them, with `who`, `rounds` and `peak_megabytes`.

    Raises:
        StopIteration: no row is ours.
    """
    ours = next(name for name, row in rows.items() if row["who"] == "ours")
    return {name: _cells(name, ours, rows) for name in rows}


def _cells(name: str, ours: str, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    row, floor = rows[name], floor_of(name, rows)
    peak = row["peak_megabytes"]
    return {
        "images/s": f"{median(row['rounds']):,.1f}",
        "of its floor": MISSING if floor is None else Ratio.of(row["rounds"], rows[floor]["rounds"]).percent,
        "ours is": Ratio.of(rows[ours]["rounds"], row["rounds"]).times + _across(ours, name),
        "peak MB": MISSING if peak is None else f"{peak:,.0f}",
    }


def _across(ours: str, name: str) -> str:
    """Name the precisions if they differ, since then the ratio is that of two changes at once."""
    first, second = precision_of(ours), precision_of(name)
    return "" if first == second else f", {first} against {second}"
