"""The table: each workload's rows against each other and against the floor."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from dlcvlib.bench import comparison
from dlcvlib.bench.measuring import Row, Settings, in_own_process, peak_of, take_turns
from dlcvlib.bench.workloads import WORKLOADS, Workload, build_rows, images_of
from dlcvlib.recipes import Recipe

SHARE_FOR_MEMORY = 0.3  # of a workload's time, for peak memory on a CPU, where each row needs its own process


def measure(settings: Settings, names: Sequence[str], root: Path) -> dict[str, Any]:
    """Measure and print the workloads; each gets its share of the time that is left."""
    end = time.monotonic() + 60 * settings.minutes
    sized = {name: WORKLOADS[name].sized(settings.sizes) for name in names}
    for recipe in sized.values():  # all, before the first is measured
        if (count := images_of(recipe, root).facts["train_images"]) < recipe.batch_size:
            few = f"{root} holds {count} images for {recipe.name}, fewer than a batch of {recipe.batch_size}"
            raise ValueError(f"{few}; --sizes takes smaller batches, --workloads others")
    print(
        f"each row in turn, {settings.rounds} rounds of {settings.steps} steps; images/s are medians, ratios are of "
        "these, with the lowest and the highest within a round; the floor is that of a row's own precision"
    )
    found: dict[str, Any] = {}
    for position, (name, recipe) in enumerate(sized.items()):
        now = time.monotonic()
        deadline = now + max(0.0, end - now) / (len(sized) - position)
        found[name] = _measure(WORKLOADS[name], recipe, settings, root, deadline)
        _print(name, found[name])
    return found


def _measure(workload: Workload, recipe: Recipe, settings: Settings, root: Path, deadline: float) -> dict[str, Any]:
    rows, missing = build_rows(workload, recipe, root, settings)
    on_cpu, now = settings.device.type == "cpu", time.monotonic()
    until = now + (deadline - now) * (1 - SHARE_FOR_MEMORY * (on_cpu and settings.peaks))
    speeds, megabytes, left_out = take_turns(rows, settings, recipe.batch_size, until)
    if not on_cpu:
        torch.cuda.empty_cache()
    elif not settings.peaks:
        left_out.append("peak memory (--quick)")
    else:
        megabytes = {
            name: in_own_process(peak_of, rows[name].open_loop) for name in speeds if time.monotonic() < deadline
        }
        if late := [f"'{name}'" for name in speeds if name not in megabytes]:
            left_out.append(f"peak memory of {', '.join(late)}")
    table = compared(rows, speeds, megabytes)
    found = {"words": workload.words(recipe), "batch_size": recipe.batch_size, "rows": table, "shares": shares(table)}
    mark = {"mark": workload.mark} if workload.mark and settings.sizes == "card" else {}
    return found | {"left_out": left_out + missing} | mark


def compared(rows: dict[str, Row], rounds: dict[str, list[float]], megabytes: dict[str, float]) -> dict[str, Any]:
    """Return each row's images a second, in every round and as their median.

    `of_its_floor` is the ratio of its median to that of the floor in its own precision, None without such a floor;
    `peak_megabytes` is None where not measured.
    """
    speeds = {name: statistics.median(each) for name, each in rounds.items()}
    table: dict[str, Any] = {}
    for name, each in rounds.items():
        floor = comparison.floor_of(name, rounds)
        row: dict[str, Any] = {"who": rows[name].who, "images_per_second": speeds[name]}
        row |= {"of_its_floor": None if floor is None else speeds[name] / speeds[floor]}
        table[name] = row | {"peak_megabytes": megabytes.get(name), "rounds": each}
    return table


def shares(table: Mapping[str, Any]) -> dict[str, float]:
    """Return shares of our step's time: `arithmetic`; gathering and augmenting `batches`; `updates` of weights."""
    speeds = {row["who"]: row["images_per_second"] for row in table.values()}
    arithmetic, without_batches = speeds["ours"] / speeds["floor"], speeds["ours"] / speeds["resident"]
    return {"arithmetic": arithmetic, "batches": 1 - without_batches, "updates": without_batches - arithmetic}


def _print(name: str, workload: Mapping[str, Any]) -> None:
    rows, part = workload["rows"], workload["shares"]
    ours = next(row for row in rows.values() if row["who"] == "ours")
    print(f"\n{name}: {workload['words']}")
    cells = comparison.cells(rows)
    print_rows(cells, dict.fromkeys(next(iter(cells.values())), "{}"), workload["left_out"])
    print(f"our step: {part['batches']:.1%} batches and augmentation, {part['updates']:.1%} optimizer and averages")
    if mark := workload.get("mark"):
        reached = ours["images_per_second"] / mark
        print(f"the mark is {mark:,.0f} images/s on one H200; ours is {reached:.2f} times that", flush=True)


def print_rows(rows: Mapping[str, Mapping[str, Any]], columns: Mapping[str, str], left_out: Sequence[str] = ()) -> None:
    """Print rows by name, a dash for a missing value, and what was left out; `columns` gives the format by key."""
    shown = {
        key.replace("_", " "): {name: "–" if row[key] is None else form.format(row[key]) for name, row in rows.items()}
        for key, form in columns.items()
    }
    print(pd.DataFrame(shown).to_string(col_space=10))
    print(*(f"left out: {each}\n" for each in left_out), sep="", end="", flush=True)
