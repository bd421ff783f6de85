"""Minutes of the book's trainings on this machine, from a few measured steps of each recipe."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from dlcvlib import recipes, runs
from dlcvlib.bench.measuring import Settings, wait_for
from dlcvlib.bench.our_steps import images_of, ours
from dlcvlib.bench.table import print_left_out, print_rows
from dlcvlib.runs import Run
from dlcvlib.training.device import choose_precision
from dlcvlib.training.tasks import from_random_weights

NOT_COUNTED = "maps of the feature space, figures, the chapters' own start and stand-ins for outside weights"
COLUMNS = {
    "images_per_second": ("images/s", "{:,.1f}"),
    "epochs": ("epochs", "{}"),
    "seconds_an_epoch_end": ("epoch end s", "{:.2f}"),
    "seeds": ("seeds", "{}"),
    "minutes": ("minutes", "{:,.2f}"),
}


def trained_by(records: Path) -> tuple[str, ...]:
    """Return the recipes that a book's records.yaml lists, and those that they start from first, each once.

    Args:
        records: for each chapter a list of recipes (notebooks/records.yaml).

    Raises:
        FileNotFoundError: no such file.
        ValueError: it lists none, or one that is not known.
    """
    if not records.is_file():
        raise FileNotFoundError(f"{records} is not there; --records names the list of recipes that a book trains")
    lines = [line.strip() for line in records.read_text().splitlines()]
    names = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    if not names:
        raise ValueError(f"{records} lists no recipe; each stands on a line of its own, as `  - our_byol`")
    return tuple(dict.fromkeys(each for name in names for each in _with_needed(name)))


def _with_needed(name: str) -> Iterator[str]:
    for needed in recipes.get(name).needs:
        yield from _with_needed(needed)
    yield name


def measure(settings: Settings, profile: str, records: Path, root: Path) -> dict[str, Any]:
    """Measure and print the minutes of every recipe that `records` lists."""
    deadline = time.monotonic() + 60 * settings.minutes
    found = project(trained_by(records), profile, root, settings.device, steps=settings.steps, deadline=deadline)
    print(f"\nminutes of the book's trainings, profile {profile}, from measured steps")
    print_rows(found["recipes"], COLUMNS)
    print(f"all: {found['minutes']:,.2f} minutes; not counted: {NOT_COUNTED}")
    print_left_out(found)
    return found


def project(
    names: Iterable[str], profile: str, root: Path, device: torch.device, *, steps: int, deadline: float
) -> dict[str, Any]:
    """Measure recipes at `profile`, and add up their minutes for all epochs and all seeds that the book trains."""
    found: dict[str, dict[str, Any]] = {}
    left_out = []
    for name in names:
        if time.monotonic() > deadline:
            left_out.append(f"{name}: no time left to measure it")
            continue
        try:
            found[name] = project_recipe(name, profile, root, device, steps)
        except FileNotFoundError as error:
            left_out.append(f"{name}: {error}")
    minutes = sum(row["minutes"] for row in found.values())
    return {"profile": profile, "recipes": found, "minutes": minutes, "left_out": left_out, "not_counted": NOT_COUNTED}


def project_recipe(name: str, profile: str, root: Path, device: torch.device, steps: int) -> dict[str, Any]:
    """Measure `steps` steps and the end of one epoch, or as a whole what is fitted at once (no `images_per_second`)."""

    def seconds(function: Callable[[], object]) -> float:
        started = time.perf_counter()
        function()
        wait_for(device)
        return time.perf_counter() - started

    recipe = recipes.get(name).for_profile(profile)
    task = from_random_weights(recipe, images_of(recipe, root), device, choose_precision(device))
    row: dict[str, Any] = {"images_per_second": None, "steps_an_epoch": 0, "epochs": 1}
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder))
        taken = seconds(task.prepare_start)
        if task.fits_at_once:
            taken += seconds(lambda: task.train(run, seed=0, title=name, checkpoint=None))
        else:
            loop = ours(task)
            next(loop)
            a_step = seconds(lambda: [next(loop) for _ in range(steps)]) / steps
            row = {"images_per_second": task.batch_size / a_step, "steps_an_epoch": task.steps, "epochs": task.epochs}
            taken += task.epochs * task.steps * a_step
        end = seconds(task.evaluate) + seconds(lambda: runs.write_checkpoint(run, {"task": task.state_dict()}))
    seeds = recipes.seeds(name, profile)
    minutes = seeds * (taken + (0 if task.fits_at_once else task.epochs * end)) / 60
    return row | {"seconds_an_epoch_end": end, "seeds": seeds, "minutes": minutes}
