"""How cost grows: images a second over the size of the set, peak memory over the number of epochs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcvlib import data, recipes, training
from dlcvlib.bench import tasks
from dlcvlib.bench.measuring import MEGABYTE, Steps, in_own_process, median_ratio, peak_megabytes
from dlcvlib.bench.turns import Plan, Row, take_turns
from dlcvlib.recipes import PretrainingRecipe
from dlcvlib.training.device import Precision, choose_precision
from dlcvlib.training.tasks import from_random_weights
from dlcvlib.training.tasks.pretraining import UnlabelledImages

SETS = (1_000, 4_000, 16_000, 38_400)
EPOCHS = (1, 2, 4, 8)
FOR_MEMORY = "r1_small_cnn"
COPIED_AT_ONCE = 1000


def over_sets(recipe: PretrainingRecipe, root: Path, plan: Plan, counts: Sequence[int] = SETS) -> dict[str, Any]:
    """Images a second of our step on sets of `counts` Mini-ImageNet images, in turn.

    Where the data have fewer, theirs are repeated in a memory-mapped file: the loop reads as many as if they were new.

    Returns:
        `recipe` in words; `images`, how many the data have; `sets`, for each number: `images_per_second`,
        `ratio_to_smallest` (median over the rounds), `repeated`, `rounds`; `left_out`.

    Raises:
        FileNotFoundError: the data hold no Mini-ImageNet.
    """
    loaded = tasks.images_of(recipe, root)
    assert isinstance(loaded, UnlabelledImages)
    images = loaded.train
    precision = choose_precision(plan.device)
    with TemporaryDirectory() as temporary:
        rows = {
            str(count): Row(
                "ours", partial(_steps, recipe, loaded, as_many(images, count, Path(temporary)), plan.device, precision)
            )
            for count in counts
        }
        measured = take_turns(rows, plan)
    first = next(iter(measured.speeds.values()))
    sets = {
        count: {
            "images_per_second": float(np.median(speeds)),
            "ratio_to_smallest": median_ratio(speeds, first),
            "repeated": int(count) > len(images),
            "rounds": speeds,
        }
        for count, speeds in measured.speeds.items()
    }
    return {"images": len(images), "sets": sets, "left_out": measured.left_out}


def as_many(images: Tensor, count: int, folder: Path) -> Tensor:
    """The first `count` of `images` (N, 3, H, W) uint8; where N is less, a memory-mapped file in which they repeat."""
    if count <= len(images):
        return images[:count]
    path = folder / f"{count}.npy"
    shape = (count, *images.shape[1:])
    with path.open("wb") as file:  # written, not mapped: a full disk under a map kills the process
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for rows in torch.arange(count).split(COPIED_AT_ONCE):
            file.write(images[rows % len(images)].numpy().data)
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def _steps(
    recipe: PretrainingRecipe, loaded: UnlabelledImages, images: Tensor, device: torch.device, precision: Precision
) -> Steps:
    unlabelled = replace(loaded, train=images, rows=None, facts={"train_images": len(images)})
    yield from tasks.steps_of(from_random_weights(recipe, unlabelled, device, precision))


def over_epochs(device: torch.device, root: Path, epochs: Sequence[int] = EPOCHS) -> dict[str, Any]:
    """Peak megabytes of one training, with its record, over 1, 2, … epochs, each in a process of its own.

    Of the device on a GPU, else of the process.
    """
    peaks = {str(count): in_own_process(_peak_of_training, count, device.type, root) for count in epochs}
    return {"recipe": FOR_MEMORY, "peak_megabytes": peaks}


def _peak_of_training(epochs: int, device: str, root: Path) -> float:
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # training takes a GPU where it sees one
    course = data.find(root)
    recipe = replace(recipes.get(FOR_MEMORY).for_profile("quick"), epochs=epochs)
    with TemporaryDirectory() as runs:
        os.environ["DLCV_RUNS"] = runs
        training.train(recipe, profile="full", seed=0, data=course)
    return torch.cuda.max_memory_allocated() / MEGABYTE if device == "cuda" else peak_megabytes()


def lines(scale: dict[str, Any]) -> Iterator[str]:
    """As it is printed; `scale` is its part of the JSON."""
    sets, peaks = scale["over_sets"]["sets"], scale["over_epochs"]["peak_megabytes"]
    yield f"cost over the size of the set: {scale['words']}"
    yield "{:<24}{:>12}{:>18}".format("", "images/s", "to the smallest")
    for count, row in sets.items():
        name = f"{int(count):,} images" + (" (repeated)" if row["repeated"] else "")
        yield f"{name:<24}{row['images_per_second']:>12,.1f}{row['ratio_to_smallest']:>17.3f}x"
    if any(row["repeated"] for row in sets.values()):
        yield f"the data hold {scale['over_sets']['images']:,} images; larger sets repeat them in a memory-mapped file"
    yield f"peak memory over the number of epochs: {scale['over_epochs']['recipe']}, each in a process of its own"
    yield "{:<24}{:>12}{:>18}".format("", "peak MB", "to the first")
    first = next(iter(peaks.values()))
    for count, peak in peaks.items():
        yield f"{f'{count} epochs':<24}{peak:>12,.1f}{peak / first:>17.3f}x"
    for each in scale["over_sets"]["left_out"]:
        yield f"left out: {each}"
