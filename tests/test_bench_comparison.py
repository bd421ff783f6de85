"""Speeds are compared in one precision, and a ratio agrees with the two speeds beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dlcvlib.bench import comparison
from dlcvlib.bench.comparison import Ratio

RECORDED = sorted((Path(__file__).resolve().parent.parent / "book" / "results" / "bench").glob("*.json"))


def row(who: str, *rounds: float) -> dict[str, object]:
    return {"who": who, "rounds": list(rounds), "peak_megabytes": None}


def test_a_ratio_is_that_of_the_medians_with_its_range_within_a_round() -> None:
    ratio = Ratio.of([95.0, 106.0, 97.0], [93.0, 103.0, 110.0])
    assert ratio.value == 97 / 103 and (ratio.lowest, ratio.highest) == (97 / 110, 106 / 103)
    assert ratio.times == "0.94 × (0.88 to 1.03)" and ratio.percent == "94.2% (88.2 to 102.9)"
    assert Ratio.of([50.0], [100.0]).times == "0.50 ×", "one round has no range"
    with pytest.raises(ValueError, match="at least one round"):
        Ratio.of([], [])


def test_each_row_stands_beside_the_floor_of_its_own_precision() -> None:
    rows = {
        "floor: forward + backward, bf16": row("floor", 200.0),
        "ours, bf16": row("ours", 180.0),
        "floor, fp32": row("choice", 100.0),
        "floor, bf16, not channels_last": row("choice", 150.0),
        "plain loop, fp32, 4 workers": row("plain", 90.0),
    }
    cells = comparison.cells(rows)
    assert [each["of its floor"] for each in cells.values()] == ["100.0%", "90.0%", "100.0%", "75.0%", "90.0%"]
    assert cells["floor, bf16, not channels_last"]["ours is"] == "1.20 ×"
    assert cells["plain loop, fp32, 4 workers"]["ours is"] == "2.00 ×, bf16 against fp32", "not silently"
    del rows["floor, fp32"]  # there was no time left for it
    assert comparison.cells(rows)["plain loop, fp32, 4 workers"]["of its floor"] == "–"
    with pytest.raises(ValueError, match="no precision"):
        comparison.precision_of("ours")


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_recorded_ratios_agree_with_the_speeds_that_are_shown(file: Path) -> None:
    for workload in json.loads(file.read_text())["workloads"].values():
        cells = comparison.cells(workload["rows"])
        speeds = {name: float(each["images/s"].replace(",", "")) for name, each in cells.items()}
        ours = next(name for name, each in workload["rows"].items() if each["who"] == "ours")
        for name, each in cells.items():
            shown = float(re.match(r"[0-9.]+", each["ours is"])[0])
            assert shown == pytest.approx(speeds[ours] / speeds[name], rel=0.01)
            floor = comparison.floor_of(name, cells)
            assert floor is not None and comparison.precision_of(floor) == comparison.precision_of(name)
            share = float(re.match(r"[0-9.]+", each["of its floor"])[0])
            assert share == pytest.approx(100 * speeds[name] / speeds[floor], rel=0.01)
