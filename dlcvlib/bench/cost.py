"""Cost of training over the size of the set and the number of epochs, and of all trainings of the book."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcvlib import data, recipes, runs, training
from dlcvlib.bench.comparison import Ratio
from dlcvlib.bench.measuring import Row, Settings, Steps, gpu_peak, in_own_process, peak_megabytes, take_turns, wait_for
from dlcvlib.bench.table import print_rows
from dlcvlib.bench.workloads import WORKLOADS, images_of, ours
from dlcvlib.recipes import Recipe
from dlcvlib.runs import Run
from dlcvlib.training.device import choose_precision
from dlcvlib.training.loop import evaluated_epochs, snapshot_epochs
from dlcvlib.training.tasks import from_random_weights

SETS = (1_000, 4_000, 16_000, 38_400)
EPOCHS = (1, 2, 4, 8)
FOR_MEMORY = "r1_small_cnn"
NOT_COUNTED = "maps of the feature space, figures, the chapters' own start and stand-ins for outside weights"


def measure_growth(settings: Settings, root: Path) -> dict[str, Any]:
    """Measure and print how the cost of our BYOL grows over the set, and a training's memory over its epochs."""
    recipe = WORKLOADS["byol"].sized(settings.sizes)
    words = WORKLOADS["byol"].words(recipe)
    sets = over_sets(recipe, root, settings)
    epochs = over_epochs(settings.device, root)
    print(f"\ncost over the size of the set, of which the data hold {sets['images']:,}: {words}")
    named = {f"{int(n):,} images{' (repeated)' if row['repeated'] else ''}": row for n, row in sets["sets"].items()}
    smallest = next(iter(named.values()))["rounds"]
    cells = {
        name: {
            "images/s": f"{row['images_per_second']:,.1f}",
            "to the smallest": Ratio.of(row["rounds"], smallest).times,
        }
        for name, row in named.items()
    }
    print_rows(cells, {"images/s": "{}", "to the smallest": "{}"}, sets["left_out"])
    print(f"\npeak memory over the number of epochs: {FOR_MEMORY}, each in a process of its own")
    peaks = {f"{number} epochs": {"peak_megabytes": peak} for number, peak in epochs["peak_megabytes"].items()}
    print_rows(peaks, {"peak_megabytes": "{:,.1f}"})
    return {"words": words, "over_sets": sets, "over_epochs": epochs}


def over_sets(recipe: Recipe, root: Path, settings: Settings, counts: Sequence[int] = SETS) -> dict[str, Any]:
    """Measure images a second on `counts` Mini-ImageNet images, in turn; where the data hold fewer, they repeat."""
    deadline = time.monotonic() + 60 * settings.minutes
    loaded: Any = images_of(recipe, root)
    with TemporaryDirectory() as folder:
        rows = {}
        for count in counts:
            images = as_many(loaded.train, count, Path(folder))
            part = replace(loaded, train=images, rows=None, facts={"train_images": count})
            rows[str(count)] = Row("ours", partial(_open, recipe, part, settings.device))
        speeds, _, left_out = take_turns(rows, settings, recipe.batch_size, deadline)
    sets: dict[str, Any] = {}
    for name, each in speeds.items():
        speed = {"images_per_second": statistics.median(each), "rounds": each}
        sets[name] = speed | {"repeated": int(name) > len(loaded.train)}
    return {"images": len(loaded.train), "sets": sets, "left_out": left_out}


def _open(recipe: Recipe, images: Any, device: torch.device) -> Steps:
    return ours(from_random_weights(recipe, images, device, choose_precision(device)))


def as_many(images: Tensor, count: int, folder: Path) -> Tensor:
    """Return the first `count` of `images` (N, 3, H, W) uint8; if N is less, a memory-mapped file that repeats them."""
    if count <= len(images):
        return images[:count]
    path = folder / f"{count}.npy"
    np.save(path, images[torch.arange(count) % len(images)].numpy())
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def over_epochs(device: torch.device, root: Path, epochs: Sequence[int] = EPOCHS) -> dict[str, Any]:
    """Measure the peak megabytes, of the GPU or else of the process, of trainings of 1, 2, … epochs."""
    peaks = {str(count): in_own_process(_peak_of_training, count, device.type, root) for count in epochs}
    return {"recipe": FOR_MEMORY, "peak_megabytes": peaks}


def _peak_of_training(epochs: int, device: str, root: Path) -> float:
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # training takes a GPU where it sees one
    recipe = recipes.changed(FOR_MEMORY, profile="quick", epochs=epochs)
    with TemporaryDirectory() as folder:
        os.environ["DLCV_RUNS"] = folder
        training.train(recipe, profile="quick", seed=0, data=data.find(root))
    return gpu_peak(torch.device(device)) or peak_megabytes()


def project(settings: Settings, profile: str, records: Path, root: Path) -> dict[str, Any]:
    """Measure and print the minutes of every recipe that `records` lists, for all epochs and seeds of the book."""
    deadline = time.monotonic() + 60 * settings.minutes
    rows: dict[str, dict[str, Any]] = {}
    left_out = []
    for name in recipes.representatives(trained_by(records), profile):
        if time.monotonic() > deadline:
            left_out.append(f"{name}: no time left to measure it")
            continue
        try:
            rows[name] = _project_recipe(name, profile, root, settings.device, settings.steps)
        except FileNotFoundError as error:
            left_out.append(f"{name}: {error}")
    minutes = sum(row["minutes"] for row in rows.values())
    print(f"\nminutes of the book's trainings, profile {profile}, from measured steps")
    columns = {"images_per_second": "{:,.1f}", "epochs": "{}", "seconds_an_epoch_end": "{:.2f}", "seeds": "{}"}
    print_rows(rows, columns | {"minutes": "{:,.2f}"}, left_out)
    print(f"all: {minutes:,.2f} minutes; not counted: {NOT_COUNTED}", flush=True)
    return {"profile": profile, "recipes": rows, "minutes": minutes, "left_out": left_out, "not_counted": NOT_COUNTED}


def trained_by(records: Path) -> tuple[str, ...]:
    """Return the recipes that a book's records.yaml lists, each once and after those that it starts from."""
    if not records.is_file():
        raise FileNotFoundError(f"{records} is not there; --records names the list of recipes that a book trains")
    lines = [line.strip() for line in records.read_text().splitlines()]
    names = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    if not names:
        raise ValueError(f"{records} lists no recipe; each stands on a line of its own, as `  - our_byol`")
    return tuple(dict.fromkeys(each for name in names for each in _with_needed(name)))


def _with_needed(name: str) -> list[str]:
    return [*(each for needed in recipes.get(name).needs for each in _with_needed(needed)), name]


def _project_recipe(name: str, profile: str, root: Path, device: torch.device, steps: int) -> dict[str, Any]:
    """Measure `steps` steps and the end of one epoch, or as a whole what is fitted at once (no `images_per_second`)."""

    def seconds(function: Callable[[], object]) -> float:
        started = time.perf_counter()
        function()
        wait_for(device)
        return time.perf_counter() - started

    recipe = recipes.get(name).for_profile(profile)
    task = from_random_weights(recipe, images_of(recipe, root), device, choose_precision(device))
    row: dict[str, Any] = {"images_per_second": None, "steps_an_epoch": 0, "epochs": 1}
    with TemporaryDirectory() as folder:
        run = Run(Path(folder))
        taken = seconds(task.prepare_start)
        if task.fits_at_once:
            taken += seconds(lambda: task.train(run, seed=0, title=name, checkpoint=None))
        else:
            loop = ours(task)
            seconds(lambda: next(loop))  # the first step is slow
            a_step = seconds(lambda: [next(loop) for _ in range(steps)]) / steps
            row = {"images_per_second": task.batch_size / a_step, "steps_an_epoch": task.steps, "epochs": task.epochs}
            taken += task.epochs * task.steps * a_step
        evaluation = seconds(task.evaluate)
        checkpoint = seconds(lambda: runs.write_checkpoint(run, {"task": task.state_dict()}))
    if not task.fits_at_once:
        evaluated = evaluated_epochs(task.epochs, recipe.evaluate_every, snapshot_epochs(task.epochs, recipe.snapshots))
        taken += len(evaluated) * evaluation + task.epochs * checkpoint
    seeds = recipes.seeds(name, profile)
    return row | {"seconds_an_epoch_end": evaluation + checkpoint, "seeds": seeds, "minutes": seeds * taken / 60}
