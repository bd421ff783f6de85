"""Training against a plain PyTorch loop, and against the network's step alone: images a second.

Run as `python tests/benchmarks/bench_training.py`; `--model` takes another network, `--json FILE` keeps the numbers.
All train as recipe r4_vgg13_bn does, on the classification set that `dlcvlib.data.find` finds. The step alone (forward,
backward, optimizer, on one batch that stays on the device) is the floor, which no loading can beat; its four rows show
whether bf16 and channels_last pay on this machine. fp32 is as torch leaves it: on a GPU, convolutions compute in TF32.
"""

import argparse
import statistics
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from torchvision import transforms

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from measuring import Measured, Rows, Steps, machine, median_ratio, take_turns
from plain_pytorch import class_folders, loader, normalised

from dlcvlib import augment, data, models, recipes
from dlcvlib.files import write_json
from dlcvlib.recipes import Recipe
from dlcvlib.training.classification import Classification
from dlcvlib.training.device import PRECISIONS, Precision, autocast, choose_device, choose_precision, hardware
from dlcvlib.training.optimizers import build_optimizer
from dlcvlib.training.prepare import Images, build_model, labelled_set, load_images

MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def plain_loop(recipe: Recipe, num_classes: int, folders: Path, workers: int, device: torch.device) -> Steps:
    """A loop as course notebooks have it: images augmented one by one in PIL, fp32, torch's default AdamW."""
    crop_and_flip = (transforms.RandomCrop(recipe.image_size, padding=4), transforms.RandomHorizontalFlip())
    batches = loader(folders, recipe.batch_size, workers, normalised(*crop_and_flip), endless=True)
    model = build_model(recipe, num_classes).to(device).train()
    settings = recipe.optimizer
    optimizer = torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    for images, labels in batches:
        optimizer.zero_grad()
        functional.cross_entropy(model(images.to(device)), labels.to(device)).backward()
        optimizer.step()
        yield


def our_loop(recipe: Recipe, images: Images, device: torch.device, precision: Precision) -> Steps:
    """The steps of `dlcvlib.training`."""
    model = build_model(recipe, images.num_classes)
    task = Classification(recipe, model, images.train, images.val, images.num_classes, device, precision)
    while True:
        for batch in task.batches():
            task.optimizer.zero_grad(set_to_none=True)
            task.loss(batch).backward()
            task.optimizer.step()
            task.after_step()
            yield


def step_alone(
    recipe: Recipe, images: Images, device: torch.device, precision: Precision, memory_format: torch.memory_format
) -> Steps:
    """Forward, backward and optimizer on one batch that stays on the device."""
    rows = torch.randperm(len(images.train.labels))[: recipe.batch_size]
    batch = augment.prepare(images.train.images[rows].to(device), recipe.image_size, {})
    batch = batch.contiguous(memory_format=memory_format)
    labels = images.train.labels[rows].to(device)
    model = build_model(recipe, images.num_classes).to(device).to(memory_format=memory_format).train()
    optimizer = build_optimizer(model.parameters(), recipe.optimizer)
    while True:
        optimizer.zero_grad(set_to_none=True)
        with autocast(device, precision):
            logits = model(batch)
        functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()
        yield


def all_rows(recipe: Recipe, images: Images, folders: Path, workers: list[int], device: torch.device) -> Rows:
    """Name of each row to its loop."""
    precision = choose_precision(device)
    rows = {
        f"plain loop, fp32, {number} workers": partial(plain_loop, recipe, images.num_classes, folders, number, device)
        for number in workers
    }
    rows[f"ours, {precision}, channels_last"] = partial(our_loop, recipe, images, device, precision)
    for name in PRECISIONS.values():
        for form, memory_format in MEMORY_FORMATS.items():
            rows[f"step alone, {name}, {form}"] = partial(step_alone, recipe, images, device, name, memory_format)
    return rows


def compared(measured: Measured, floor: str) -> dict[str, dict[str, Any]]:
    """Medians over the rounds: of images a second, and of the ratios to the first row and to `floor` in each round."""
    first = next(iter(measured.values()))
    return {
        name: {
            "images_per_second": statistics.median(each),
            "ratio": median_ratio(each, first),
            "of_the_floor": median_ratio(each, measured[floor]),
            "rounds": each,
        }
        for name, each in measured.items()
    }


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=models.names(), default="vgg13_bn", help="the network, in its report's form")
    parser.add_argument("--steps", type=int, default=100 if torch.cuda.is_available() else 5, help="timed steps a turn")
    parser.add_argument("--rounds", type=int, default=3, help="rounds in which each row has its turn")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="of the plain loop's DataLoader")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, versions and numbers to FILE")
    arguments = parser.parse_args()
    if min(arguments.steps, arguments.rounds) < 1:
        parser.error("--steps and --rounds must be at least 1")
    return arguments


def main() -> None:
    arguments = read_arguments()
    device = choose_device()
    recipe = replace(recipes.get("r4_vgg13_bn").for_profile("full"), model=arguments.model)
    course = data.find()
    image_set = labelled_set(course, recipe)
    images = load_images(image_set, recipe)
    recipe = replace(recipe, batch_size=min(recipe.batch_size, len(images.train.labels)))

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as temporary:
        folders = class_folders(image_set.train, Path(temporary))
        rows = all_rows(recipe, images, folders, arguments.workers, device)
        measured = take_turns(rows, arguments.rounds, arguments.steps, recipe.batch_size, device)

    floor = f"step alone, {choose_precision(device)}, channels_last"
    table = compared(measured, floor)
    print(
        f"{arguments.model}, {recipe.image_size} px, batches of {recipe.batch_size}, on {hardware(device)}; medians of"
    )
    print(f"{arguments.rounds} rounds of {arguments.steps} steps, each row in turn; ratio is to the first row,")
    print(f"the floor is '{floor}'")
    print(("{:<33}" + "{:>14}" * 3).format("", "images/s", "ratio", "of the floor"))
    for name, row in table.items():
        shown = (row["images_per_second"], row["ratio"], row["of_the_floor"])
        print("{:<33}{:>14,.0f}{:>13.2f}x{:>14.1%}".format(name, *shown))

    if arguments.json:
        settings = {
            "model": arguments.model,
            "image_size": recipe.image_size,
            "batch_size": recipe.batch_size,
            "steps": arguments.steps,
            "rounds": arguments.rounds,
        }
        found = {"root": course.root.name, "is_toy": course.is_toy, "train_images": len(images.train.labels)}
        write_json(arguments.json, {"machine": machine(device), "settings": settings, "data": found, "rows": table})


if __name__ == "__main__":
    main()
