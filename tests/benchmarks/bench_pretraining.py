"""A step of BYOL and of DINO against a plain PyTorch loop, against lightly, and against the networks' step alone.

Run as `python tests/benchmarks/bench_pretraining.py`; `--size` and others take other crops, `--json FILE` keeps the
numbers. An image counts once, however many views are made of it. All rows train the same backbone with heads of the
same sizes on the Mini-ImageNet that `dlcvlib.data.find` finds:

- plain loop: our networks and losses, views made image by image with torchvision, fp32, torch's default AdamW;
- lightly: its transforms, modules and losses as its own examples use them, in fp32 and in our precision;
- ours: a step of `dlcvlib.training`;
- step alone: ours on views that are already there (forward, backward, optimizer, moving average), which no loading and
  no augmentation can beat: the floor.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from measuring import Measured, Rows, Steps, fastest, machine, median_ratio, take_turns
from plain_pytorch import ManyViews, class_folders, loader

from dlcvlib import data, models, recipes
from dlcvlib.files import write_json
from dlcvlib.recipes import Pretraining
from dlcvlib.recipes.pretraining import byol_views, dino_views
from dlcvlib.training.device import PRECISIONS, Precision, autocast, choose_device, choose_precision, hardware
from dlcvlib.training.prepare import build_method, unlabelled_images
from dlcvlib.training.pretraining import SelfSupervised, UnlabelledImages

try:
    import lightly_examples
except ImportError as missing:
    WITHOUT_LIGHTLY = f"lightly's rows are left out ({missing}); `pip install -e '.[bench]'` installs it"
else:
    WITHOUT_LIGHTLY = ""

HEADS: dict[str, dict[str, Any]] = {
    "byol": {"hidden": 4096, "out": 256},
    "dino": {"hidden": 2048, "bottleneck": 256, "out_dim": 2048},
}
MOMENTUM = 0.99


def recipe_of(method: str, arguments: argparse.Namespace) -> Pretraining:
    """Our recipe of the method, with the crops, batch and network asked for."""
    recipe: Pretraining = recipes.get(f"our_{method}")
    kernel_size = arguments.size // 20 * 2 + 1  # a tenth of the side, as in the BYOL paper
    if method == "byol":
        views = byol_views(arguments.size, scale=(0.2, 1.0), kernel_size=kernel_size)
    else:
        views = dino_views(
            arguments.size,
            arguments.local_size,
            arguments.local_views,
            global_scale=(0.25, 1.0),
            local_scale=(0.05, 0.25),
            kernel_size=kernel_size,
        )
    return replace(
        recipe.for_profile("full"),
        model=arguments.model,
        image_size=arguments.size,
        batch_size=arguments.batch_size,
        views=views,
        method_options=dict(recipe.method_options) | HEADS[method],
    )


def plain_loop(recipe: Pretraining, batches: DataLoader[Any], device: torch.device) -> Steps:
    """A loop as course notebooks have it."""
    method = build_method(recipe)
    assert isinstance(method, nn.Module)
    method.to(device).train()
    settings = recipe.optimizer
    optimizer = torch.optim.AdamW(method.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    target, online = method.follower
    for views, _ in batches:
        optimizer.zero_grad()
        method.loss([view.to(device) for view in views], 0).backward()
        optimizer.step()
        with torch.no_grad():
            for behind, ahead in zip(target.parameters(), online.parameters(), strict=True):
                behind.mul_(MOMENTUM).add_(ahead, alpha=1 - MOMENTUM)
        yield


def our_loop(recipe: Pretraining, images: UnlabelledImages, device: torch.device, precision: Precision) -> Steps:
    """The steps of `dlcvlib.training.loop`."""
    task = SelfSupervised(recipe, build_method(recipe), images, device, precision)
    step = 0
    while True:
        for batch in task.batches():
            task.before_step(step)
            task.optimizer.zero_grad(set_to_none=True)
            task.loss(batch).backward()
            task.after_backward()
            task.optimizer.step()
            task.after_step()
            step += 1
            yield


def step_alone(recipe: Pretraining, images: UnlabelledImages, device: torch.device, precision: Precision) -> Steps:
    """The same step again and again on the views of one batch."""
    task = SelfSupervised(recipe, build_method(recipe), images, device, precision)
    task.before_step(0)
    task.module.train()
    views = task.views(next(iter(task.batches())))
    while True:
        task.optimizer.zero_grad(set_to_none=True)
        with autocast(device, precision):
            loss = task.method.loss(views, task.epoch)
        loss.backward()
        task.after_backward()
        task.optimizer.step()
        task.after_step()
        yield


def rows_of(
    recipe: Pretraining, images: UnlabelledImages, folders: Path, workers: list[int], device: torch.device
) -> dict[str, Rows]:
    """The rows of one method, by who runs them."""
    precision = choose_precision(device)

    def loaders(transform: Callable[[Image.Image], list[Tensor]]) -> dict[str, DataLoader[Any]]:
        return {
            f"{number} workers": loader(folders, recipe.batch_size, number, transform, endless=True)
            for number in workers
        }

    rows: dict[str, Rows] = {
        "plain loop": {
            f"plain loop, fp32, {loaded}": partial(plain_loop, recipe, batches, device)
            for loaded, batches in loaders(ManyViews(recipe.views)).items()
        }
    }
    if not WITHOUT_LIGHTLY:
        their_loop = lightly_examples.LOOPS[recipe.method]
        their_batches = loaders(lightly_examples.views_of(recipe))
        for name in dict.fromkeys((PRECISIONS["fp32"], precision)):
            rows[f"lightly {name}"] = {
                f"lightly, {name}, {loaded}": partial(their_loop, recipe, batches, device, name)
                for loaded, batches in their_batches.items()
            }
    rows["ours"] = {f"ours, {precision}": partial(our_loop, recipe, images, device, precision)}
    rows["floor"] = {f"step alone, {precision}": partial(step_alone, recipe, images, device, precision)}
    return rows


def compared(measured: Measured, rows: dict[str, Rows]) -> dict[str, dict[str, Any]]:
    """Medians over the rounds: images a second, ratios to the faster row of each of the others, share of the floor."""
    others = {who: fastest(measured, names) for who, names in rows.items() if who not in ("ours", "floor")}
    (floor,) = rows["floor"]
    return {
        name: {
            "images_per_second": statistics.median(each),
            "ratio_to": {who: median_ratio(each, measured[other]) for who, other in others.items()},
            "of_the_floor": median_ratio(each, measured[floor]),
            "rounds": each,
        }
        for name, each in measured.items()
    }


def show(recipe: Pretraining, table: dict[str, dict[str, Any]]) -> None:
    others = list(next(iter(table.values()))["ratio_to"])
    views = ", ".join(f"{view.count} x {view.size} px" for view in recipe.views)
    print(f"\n{recipe.method.upper()}, views of {views}")
    print(f"{'':<29}{'images/s':>10}" + "".join(f"{'to ' + who:>17}" for who in others) + f"{'of the floor':>15}")
    for name, row in table.items():
        ratios = "".join(f"{row['ratio_to'][who]:>16.2f}x" for who in others)
        print(f"{name:<29}{row['images_per_second']:>10,.1f}{ratios}{row['of_the_floor']:>15.1%}")


def read_arguments() -> argparse.Namespace:
    on_gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=list(HEADS), default=list(HEADS))
    parser.add_argument("--model", choices=models.names(), default="resnet18", help="the network, in its report's form")
    parser.add_argument(
        "--size", type=int, default=64, help="side of BYOL's views and of DINO's global ones, in pixels"
    )
    parser.add_argument("--local-size", type=int, default=32, help="side of DINO's local views")
    parser.add_argument("--local-views", type=int, default=4, help="how many local views DINO has")
    parser.add_argument("--batch-size", type=int, default=64, help="source images a step")
    parser.add_argument("--steps", type=int, default=100 if on_gpu else 4, help="timed steps a turn")
    parser.add_argument("--rounds", type=int, default=3, help="rounds in which each row has its turn")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2], help="of the others' DataLoader")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, versions and numbers to FILE")
    arguments = parser.parse_args()
    if min(arguments.steps, arguments.rounds, arguments.local_views) < 1:
        parser.error("--steps, --rounds and --local-views must be at least 1")
    return arguments


def main() -> None:
    arguments = read_arguments()
    device = choose_device()
    course = data.find()
    all_recipes = [recipe_of(method, arguments) for method in dict.fromkeys(arguments.methods)]
    images = unlabelled_images(course, all_recipes[0]).images
    if len(images.train) < arguments.batch_size:
        sys.exit(f"--batch-size {arguments.batch_size} is more than the {len(images.train)} images of {course.root}")
    assert course.mini is not None  # else there were no images

    print(f"{arguments.model}, batches of {arguments.batch_size}, on {hardware(device)}; medians of {arguments.rounds}")
    print(f"rounds of {arguments.steps} steps, each row in turn; ratios are to the faster row of the others")
    if WITHOUT_LIGHTLY:
        print(WITHOUT_LIGHTLY)
    tables = {}
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as temporary:
        folders = class_folders(course.mini.train, Path(temporary))
        for recipe in all_recipes:
            rows = rows_of(recipe, images, folders, arguments.workers, device)
            everyone = {name: open_loop for part in rows.values() for name, open_loop in part.items()}
            measured = take_turns(everyone, arguments.rounds, arguments.steps, arguments.batch_size, device)
            tables[recipe.method] = compared(measured, rows)
            show(recipe, tables[recipe.method])

    if arguments.json:
        settings = {name: value for name, value in vars(arguments).items() if name != "json"} | {"heads": HEADS}
        found = {"root": course.root.name, "is_toy": course.is_toy, "train_images": len(images.train)}
        write_json(arguments.json, {"machine": machine(device), "settings": settings, "data": found, "methods": tables})


if __name__ == "__main__":
    main()
