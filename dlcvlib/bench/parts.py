"""The three parts of `dlcv bench`, each within its minutes: measured, printed, and returned as JSON holds it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dlcvlib.bench import projection, scale, sizes
from dlcvlib.bench.measuring import peak_memory
from dlcvlib.bench.rows import WITHOUT_LIGHTLY, open_rows, require_images
from dlcvlib.bench.table import DINO_MARK, compared, lines, shares
from dlcvlib.bench.turns import Plan, take_turns
from dlcvlib.recipes import PretrainingRecipe, Recipe

SHARE_FOR_MEMORY = 0.3
"""Of a workload's time, on a CPU, where each row's peak needs a process of its own."""


@dataclass(frozen=True)
class Asked:
    """How the parts are measured."""

    device: torch.device
    sizes: str
    """A key of `dlcvlib.bench.sizes.SIZES`."""
    minutes: float
    """For each part."""
    rounds: int
    steps: int
    """Timed steps a turn."""
    workers: tuple[int, ...]
    """Of the others' DataLoaders, each number a row."""
    peaks: bool = True
    """Whether peak memory is measured on a CPU too, where it needs a process a row."""


def workloads(asked: Asked, names: Sequence[str], root: Path) -> dict[str, Any]:
    """The table of each workload named; each gets its share of the time that is left."""
    end = time.monotonic() + 60 * asked.minutes
    asked_for = {name: sizes.RECIPES[name](sizes.SIZES[asked.sizes]) for name in names}
    for recipe in asked_for.values():
        require_images(recipe, root)  # all before the first is measured
    found = {}
    print(f"each row in turn, {asked.rounds} rounds of {asked.steps} steps, medians; 'ours is' compares within a round")
    for place, (name, recipe) in enumerate(asked_for.items()):
        now = time.monotonic()
        deadline = now + max(0.0, end - now) / (len(asked_for) - place)
        found[name] = _workload(recipe, root, asked, deadline)
        if name == "dino" and asked.sizes == "card":
            found[name]["mark"] = DINO_MARK
        print("", *lines(name, found[name]), sep="\n", flush=True)
    return found


def _workload(recipe: Recipe, root: Path, asked: Asked, deadline: float) -> dict[str, Any]:
    device = asked.device
    with open_rows(recipe, root, device, asked.workers) as rows:
        now = time.monotonic()
        until = deadline if device.type == "cuda" else now + (deadline - now) * (1 - SHARE_FOR_MEMORY * asked.peaks)
        measured = take_turns(rows, Plan(asked.rounds, asked.steps, recipe.batch_size, device, until))
        if device.type == "cpu" and not asked.peaks:
            measured.left_out.append("peak memory (--quick)")
        elif device.type == "cpu":
            late = []
            for name in measured.speeds:
                if time.monotonic() > deadline:
                    late.append(f"'{name}'")
                else:
                    measured.megabytes[name] = peak_memory(rows[name].open_loop)
            if late:
                measured.left_out.append(f"peak memory of {', '.join(late)}")
        if device.type == "cuda":
            torch.cuda.empty_cache()
        if isinstance(recipe, PretrainingRecipe) and WITHOUT_LIGHTLY:
            measured.left_out.append(WITHOUT_LIGHTLY)
        return {
            "words": sizes.in_words(recipe),
            "batch_size": recipe.batch_size,
            "rows": compared(rows, measured),
            "shares": shares(rows, measured),
            "left_out": measured.left_out,
        }


def cost_growth(asked: Asked, root: Path) -> dict[str, Any]:
    """Of our BYOL over the size of the set, and of a training's memory over its epochs."""
    recipe = sizes.byol(sizes.SIZES[asked.sizes])
    deadline = time.monotonic() + 60 * asked.minutes
    plan = Plan(asked.rounds, asked.steps, recipe.batch_size, asked.device, deadline)
    found = {
        "words": sizes.in_words(recipe),
        "over_sets": scale.over_sets(recipe, root, plan),
        "over_epochs": scale.over_epochs(asked.device, root),
    }
    print("", *scale.lines(found), sep="\n", flush=True)
    return found


def projected(asked: Asked, profile: str, records: Path, root: Path) -> dict[str, Any]:
    """Minutes of every training that `records` lists."""
    names = projection.trained_by(records)
    deadline = time.monotonic() + 60 * asked.minutes
    found = projection.project(names, profile, root, asked.device, steps=asked.steps, deadline=deadline)
    print("", *projection.lines(found), sep="\n", flush=True)
    return found
