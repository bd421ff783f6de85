"""Growth of cost: images a second over the size of the set, peak memory over the number of epochs."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from dlcvlib import data, recipes, training
from dlcvlib.bench import our_steps
from dlcvlib.bench.measuring import (
    MEGABYTE,
    Row,
    Settings,
    Steps,
    in_own_process,
    peak_megabytes,
    take_turns,
)
from dlcvlib.bench.table import print_left_out, print_rows
from dlcvlib.bench.workloads import WORKLOADS
from dlcvlib.recipes import Recipe
from dlcvlib.training.device import choose_precision
from dlcvlib.training.tasks import from_random_weights

SETS = (1_000, 4_000, 16_000, 38_400)
EPOCHS = (1, 2, 4, 8)
FOR_MEMORY = "r1_small_cnn"


def measure(settings: Settings, root: Path) -> dict[str, Any]:
    """Measure and print how the cost of our BYOL grows over the set, and a training's memory over its epochs."""
    workload = WORKLOADS["byol"]
    recipe = workload.sized(settings.sizes)
    sets = over_sets(recipe, root, settings, time.monotonic() + 60 * settings.minutes)
    print(f"\ncost over the size of the set, of which the data hold {sets['images']:,}: {workload.words(recipe)}")
    named = {f"{int(n):,} images{' (repeated)' if row['repeated'] else ''}": row for n, row in sets["sets"].items()}
    speed, ratio = ("images/s", "{:,.1f}"), ("to the smallest", "{:.3f}x")
    print_rows(named, {"images_per_second": speed, "ratio_to_smallest": ratio})
    print_left_out(sets)
    epochs = over_epochs(settings.device, root)
    print(f"\npeak memory over the number of epochs: {FOR_MEMORY}, each in a process of its own")
    peaks = {f"{number} epochs": {"peak": peak} for number, peak in epochs["peak_megabytes"].items()}
    print_rows(peaks, {"peak": ("peak MB", "{:,.1f}")})
    return {"words": workload.words(recipe), "over_sets": sets, "over_epochs": epochs}


def over_sets(
    recipe: Recipe, root: Path, settings: Settings, deadline: float, counts: Sequence[int] = SETS
) -> dict[str, Any]:
    """Measure images a second of our pre-training on `counts` Mini-ImageNet images, in turn.

    Where the data hold fewer, they are repeated in a memory-mapped file, so that as many are read.

    Raises:
        FileNotFoundError: the data hold no Mini-ImageNet.
    """
    loaded: Any = our_steps.images_of(recipe, root)
    with TemporaryDirectory() as folder:
        rows = {}
        for count in counts:
            images = as_many(loaded.train, count, Path(folder))
            part = replace(loaded, train=images, rows=None, facts={"train_images": count})
            rows[str(count)] = Row("ours", partial(_open, recipe, part, settings.device))
        measured = take_turns(rows, settings, recipe.batch_size, deadline)
    speeds = pd.DataFrame(measured.speeds)
    ratios = speeds.div(speeds.iloc[:, 0], axis=0).median()
    sets = {
        count: {
            "images_per_second": float(speeds[count].median()),
            "ratio_to_smallest": float(ratios[count]),
            "repeated": int(count) > len(loaded.train),
            "rounds": each,
        }
        for count, each in measured.speeds.items()
    }
    return {"images": len(loaded.train), "sets": sets, "left_out": measured.left_out}


def as_many(images: Tensor, count: int, folder: Path) -> Tensor:
    """Return the first `count` of `images` (N, 3, H, W) uint8; if N is less, a memory-mapped file that repeats them."""
    if count <= len(images):
        return images[:count]
    path = folder / f"{count}.npy"
    np.save(path, images[torch.arange(count) % len(images)].numpy())
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def _open(recipe: Recipe, images: Any, device: torch.device) -> Steps:
    return our_steps.ours(from_random_weights(recipe, images, device, choose_precision(device)))


def over_epochs(device: torch.device, root: Path, epochs: Sequence[int] = EPOCHS) -> dict[str, Any]:
    """Measure the peak megabytes, of the GPU or else of the process, of trainings of 1, 2, … epochs."""
    peaks = {str(count): in_own_process(_peak_of_training, count, device.type, root) for count in epochs}
    return {"recipe": FOR_MEMORY, "peak_megabytes": peaks}


def _peak_of_training(epochs: int, device: str, root: Path) -> float:
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # training takes a GPU where it sees one
    recipe = recipes.changed(FOR_MEMORY, profile="quick", epochs=epochs)
    with TemporaryDirectory() as runs:
        os.environ["DLCV_RUNS"] = runs
        training.train(recipe, profile="quick", seed=0, data=data.find(root))
    return torch.cuda.max_memory_allocated() / MEGABYTE if device == "cuda" else peak_megabytes()
