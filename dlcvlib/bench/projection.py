"""How long the book's trainings would take here, from a few measured steps of each recipe."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

from dlcvlib import recipes, runs
from dlcvlib.bench.measuring import wait_for
from dlcvlib.bench.tasks import AnyTask, images_of, steps_of
from dlcvlib.recipes import ClassificationRecipe
from dlcvlib.runs import Run
from dlcvlib.training.device import choose_precision
from dlcvlib.training.tasks import Classification, from_random_weights
from dlcvlib.training.tasks.probing import fit_classifier

NOT_COUNTED = "maps of the feature space, figures, the chapters' own start and stand-ins for outside weights"


def trained_by(records: Path) -> tuple[str, ...]:
    """Names of the recipes that a book's records.yaml lists, and of those that they start from, each once.

    Args:
        records: for each chapter a list of recipes, two spaces and a dash before each (notebooks/records.yaml).

    Raises:
        FileNotFoundError: no such file.
        ValueError: it lists none, or one that is not known.
    """
    if not records.is_file():
        raise FileNotFoundError(f"{records} is not there; --records names the list of recipes that a book trains")
    listed = [line.strip() for line in records.read_text().splitlines()]
    names = [line.removeprefix("- ") for line in listed if line.startswith("- ")]
    if not names:
        raise ValueError(f"{records} lists no recipe; each stands on a line of its own, as `  - our_byol`")
    found: dict[str, None] = {}
    for name in names:
        found |= dict.fromkeys(_with_needed(name))
    return tuple(found)


def _with_needed(name: str) -> Iterator[str]:
    for needed in recipes.get(name).needs:
        yield from _with_needed(needed)
    yield name


def project(
    names: Iterable[str], profile: str, root: Path, device: torch.device, *, steps: int, deadline: float
) -> dict[str, Any]:
    """Minutes of every recipe at `profile`, all epochs and all seeds that the book trains.

    Returns:
        `profile`; `recipes`, for each name see `project_recipe`; `minutes`, their sum; `left_out`, what is not in it.
    """
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
    """What one recipe takes, from `steps` timed steps and the end of one epoch, which measures and writes a checkpoint.

    Returns:
        `images_per_second` (None where a frozen backbone's features are fitted at once: that is measured as a whole),
        `steps_an_epoch`, `epochs`, `seeds`, `seconds_an_epoch_end`, `minutes` of all epochs and seeds.
    """
    recipe = recipes.get(name).for_profile(profile)
    course_images = images_of(recipe, root)
    task = from_random_weights(recipe, course_images, device, choose_precision(device))
    seeds = recipes.seeds(name, profile)
    fitted = isinstance(recipe, ClassificationRecipe) and (recipe.trains == "classifier" or recipe.classifier_first)
    once = _seconds_of_fit(task, device) if fitted else 0.0
    if isinstance(recipe, ClassificationRecipe) and recipe.trains == "classifier":
        end = _seconds_of_epoch_end(task, device)
        shared = {"images_per_second": None, "steps_an_epoch": 0, "epochs": 1, "seconds_an_epoch_end": end}
        return shared | {"seeds": seeds, "minutes": seeds * (once + 2 * end) / 60}  # measured before and after
    a_step = _seconds_a_step(task, device, steps)
    end = _seconds_of_epoch_end(task, device)
    return {
        "images_per_second": task.batch_size / a_step,
        "steps_an_epoch": task.steps,
        "epochs": task.epochs,
        "seconds_an_epoch_end": end,
        "seeds": seeds,
        "minutes": seeds * (once + task.epochs * (task.steps * a_step + end)) / 60,
    }


def _seconds_a_step(task: AnyTask, device: torch.device, steps: int) -> float:
    loop = steps_of(task)
    next(loop)
    wait_for(device)
    started = time.perf_counter()
    for _ in range(steps):
        next(loop)
    wait_for(device)
    return (time.perf_counter() - started) / steps


def _seconds_of_epoch_end(task: AnyTask, device: torch.device) -> float:
    """Of the measures of an epoch, and of a checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        task.evaluate()
        runs.write_checkpoint(Run(Path(folder)), {"task": task.state_dict()})
        wait_for(device)
        return time.perf_counter() - started


def _seconds_of_fit(task: AnyTask, device: torch.device) -> float:
    assert isinstance(task, Classification)
    started = time.perf_counter()
    fit_classifier(task)
    wait_for(device)
    return time.perf_counter() - started


def lines(projection: dict[str, Any]) -> Iterator[str]:
    """As it is printed; `projection` is its part of the JSON."""
    columns = "{:<30}{:>12}{:>10}{:>12}{:>8}{:>12}"
    yield f"minutes of the book's trainings, profile {projection['profile']}, from measured steps"
    yield columns.format("", "images/s", "epochs", "epoch end s", "seeds", "minutes")
    for name, row in projection["recipes"].items():
        speed = "–" if row["images_per_second"] is None else f"{row['images_per_second']:,.1f}"
        end = f"{row['seconds_an_epoch_end']:.2f}"
        yield columns.format(name, speed, row["epochs"], end, row["seeds"], f"{row['minutes']:,.2f}")
    yield columns.format("all", "", "", "", "", f"{projection['minutes']:,.2f}")
    yield f"not counted: {projection['not_counted']}"
    for each in projection["left_out"]:
        yield f"left out: {each}"
