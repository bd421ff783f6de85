"""Training a segmentation against a plain PyTorch loop with PIL augmentation, and against the network's step alone.

Run as `python tests/benchmarks/bench_segmentation.py`; `--model` takes another network, `--json FILE` keeps the
numbers. All train DeepLabV3+ on ResNet18 as recipe our_deeplabv3plus does, on tiles of 128 px cut from images of twice
that side. The step alone (forward, loss, backward, optimizer, on one batch that stays on the device) is the floor,
which no loading can beat. Peak memory is that of a process that does nothing else, its children left out: of the device
on a GPU, else of the process.
"""

import argparse
import multiprocessing
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from measuring import Measured, Steps, machine, median_ratio, peak_megabytes, take_turns
from plain_segmentation import tile_loader

from dlcvlib import augment, data, models, recipes
from dlcvlib.files import write_json
from dlcvlib.recipes import SegmentationRecipe
from dlcvlib.training.criterion import build_loss
from dlcvlib.training.device import Precision, autocast, choose_device, choose_precision, hardware
from dlcvlib.training.optimizers import build_optimizer
from dlcvlib.training.satellite import build_segmenter, satellite_images
from dlcvlib.training.segmentation import Segmentation

STEPS_FOR_MEMORY = 2
OpenLoop = Callable[[], Steps]


def plain_loop(recipe: SegmentationRecipe, workers: int, device: torch.device) -> Steps:
    """A loop as course notebooks have it: pairs augmented one by one in PIL, fp32, torch's default AdamW."""
    satellite = data.find().satellite
    assert satellite is not None and recipe.tile is not None
    model = build_segmenter(recipe).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), recipe.optimizer.learning_rate)
    for images, masks in tile_loader(satellite.train, recipe.tile, recipe.batch_size, workers):
        optimizer.zero_grad()
        functional.cross_entropy(model(images.to(device)), masks.to(device), ignore_index=6).backward()
        optimizer.step()
        yield


def our_loop(recipe: SegmentationRecipe, device: torch.device, precision: Precision) -> Steps:
    """The steps of `dlcvlib.training`."""
    images = satellite_images(data.find(), recipe)
    task = Segmentation(recipe, build_segmenter(recipe), images.train, images.val, device, precision)
    while True:
        for batch in task.batches():
            task.optimizer.zero_grad(set_to_none=True)
            task.loss(batch).backward()
            task.optimizer.step()
            task.after_step()
            yield


def step_alone(recipe: SegmentationRecipe, device: torch.device, precision: Precision) -> Steps:
    """Forward, loss, backward and optimizer on one batch that stays on the device."""
    train = satellite_images(data.find(), recipe).train
    rows = slice(0, recipe.batch_size)
    images, masks = augment.prepare_pairs(
        train.images[rows].to(device), train.masks[rows].to(device), recipe.tile, {"random_scale_crop": {}}
    )
    images = images.contiguous(memory_format=torch.channels_last)
    model = build_segmenter(recipe).to(device).to(memory_format=torch.channels_last).train()
    criterion = build_loss(recipe, train.masks, device)
    optimizer = build_optimizer(model.parameters(), recipe.optimizer)
    while True:
        optimizer.zero_grad(set_to_none=True)
        with autocast(device, precision):
            logits = model(images)
        criterion(logits, masks).backward()
        optimizer.step()
        yield


def all_rows(recipe: SegmentationRecipe, workers: list[int], device: torch.device) -> dict[str, OpenLoop]:
    """Name of each row to its loop; the last is the floor."""
    precision = choose_precision(device)
    plain = {f"plain loop, fp32, {number} workers": partial(plain_loop, recipe, number, device) for number in workers}
    ours = {f"ours, {precision}": partial(our_loop, recipe, device, precision)}
    return plain | ours | {f"step alone, {precision}": partial(step_alone, recipe, device, precision)}


def peak_memory(open_loop: OpenLoop) -> float:
    """Megabytes at the peak of a few steps, in a process of its own, whose peak nothing else has raised."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_peak_of, open_loop).result()


def _peak_of(open_loop: OpenLoop) -> float:
    loop = open_loop()
    for _ in range(STEPS_FOR_MEMORY):
        next(loop)
    return torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else peak_megabytes()


def compared(measured: Measured, memory: dict[str, float]) -> dict[str, dict[str, Any]]:
    """Medians over the rounds, each ratio within its round."""
    first, floor = next(iter(measured.values())), list(measured.values())[-1]
    return {
        name: {
            "tiles_per_second": statistics.median(each),
            "ratio": median_ratio(each, first),
            "of_the_floor": median_ratio(each, floor),
            "peak_megabytes": memory[name],
            "rounds": each,
        }
        for name, each in measured.items()
    }


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    segmenters = models.names("segmentation")
    parser.add_argument("--model", choices=segmenters, default="deeplabv3plus_resnet18", help="the network")
    parser.add_argument("--form", default="report", help="its form, report or smallest")
    parser.add_argument("--tile", type=int, default=128, help="side of the tiles in pixels")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=50 if torch.cuda.is_available() else 5, help="timed steps a turn")
    parser.add_argument("--rounds", type=int, default=3, help="rounds in which each row has its turn")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="of the plain loop's DataLoader")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, versions and numbers to FILE")
    arguments = parser.parse_args()
    if min(arguments.steps, arguments.rounds, arguments.batch_size) < 1:
        parser.error("--steps, --rounds and --batch-size must be at least 1")
    return arguments


def main() -> None:
    arguments = read_arguments()
    device = choose_device()
    recipe = replace(
        recipes.get("our_deeplabv3plus").for_profile("full"),
        model=arguments.model,
        form=arguments.form,
        model_options={},
        auxiliary_weight=0.0,
        image_size=2 * arguments.tile,
        tile=arguments.tile,
        batch_size=arguments.batch_size,
    )
    course = data.find()
    found = len(satellite_images(course, recipe).train.names)
    if found < recipe.batch_size:
        sys.exit(f"--batch-size {recipe.batch_size} is more than the {found} images of {course.root}")
    torch.manual_seed(0)
    rows = all_rows(recipe, arguments.workers, device)
    measured = take_turns(rows, arguments.rounds, arguments.steps, recipe.batch_size, device)
    table = compared(measured, {name: peak_memory(open_loop) for name, open_loop in rows.items()})

    print(f"{arguments.model}, tiles of {recipe.tile} px, batches of {recipe.batch_size}, on {hardware(device)};")
    print(
        f"medians of {arguments.rounds} rounds of {arguments.steps} steps, each row in turn; ratio is to the first row,"
    )
    print(f"the floor is '{list(rows)[-1]}'")
    print(("{:<33}" + "{:>14}" * 4).format("", "tiles/s", "ratio", "of the floor", "peak MB"))
    for name, row in table.items():
        shown = (row["tiles_per_second"], row["ratio"], row["of_the_floor"], row["peak_megabytes"])
        print("{:<33}{:>14,.1f}{:>13.2f}x{:>14.1%}{:>14,.0f}".format(name, *shown))

    if arguments.json:
        settings = {name: value for name, value in vars(arguments).items() if name != "json"}
        on = {"root": course.root.name, "is_toy": course.is_toy, "train_images": found}
        write_json(arguments.json, {"machine": machine(device), "settings": settings, "data": on, "rows": table})


if __name__ == "__main__":
    main()
