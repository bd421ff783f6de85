"""Command `dlcv train`."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dlcvlib import recipes
from dlcvlib.cli import errors


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `train`; its help lists every recipe."""
    width = max(map(len, recipes.RECIPES))
    listing = "\n".join(
        f"  {recipe.name:<{width}}  {recipe.report}: {recipe.title}" for recipe in recipes.RECIPES.values()
    )
    parser = commands.add_parser(
        "train",
        help="train recipes, or resume them",
        epilog=f"recipes:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "recipes", nargs="+", metavar="RECIPE", help="trained one after the other; a failure does not stop the rest"
    )
    parser.add_argument("--profile", choices=recipes.PROFILES, default="quick")
    parser.add_argument("--seed", type=_whole_number(0), default=0)
    parser.add_argument(
        "--seeds", type=_whole_number(1), default=1, metavar="N", help="train with N seeds, from --seed on"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="ROOT",
        help="folder of the course data (default: $DLCV_DATA, data/, the toy world)",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="pre-trained weights, for a recipe that starts from them"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SETTING=VALUE",
        dest="changes",
        help="change a setting after the profile, such as epochs=30 or optimizer.learning_rate=1e-3; may be repeated",
    )
    parser.add_argument("--name", help="of the changed recipe's records (default: the recipe's and the changes)")
    parser.add_argument("--export", action="store_true", help="write the result to book/results/ after training")
    parser.set_defaults(run=_train)


def _whole_number(smallest: int) -> Callable[[str], int]:
    """Return an argument type: integers from `smallest` to 2^31 - 1."""

    def parse(text: str) -> int:
        if not text.isdecimal() or len(text) > 10 or not smallest <= int(text) < 2**31:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {smallest}")
        return int(text)

    return parse


def _train(asked: argparse.Namespace) -> int:
    if len(asked.recipes) == 1:
        _train_recipe(asked.recipes[0], asked)
        return 0
    from dlcvlib import processes

    worst = 0
    for recipe in asked.recipes:
        try:
            _train_recipe(recipe, asked)
        except Exception as error:
            if processes.world_size() > 1 or not errors.expected(error):
                raise  # with several processes, the others would wait for one that continued alone
            print(f"dlcv: {recipe}: {errors.message(error)}", file=sys.stderr)
            worst = max(worst, errors.status(error))
    return worst


def _train_recipe(name: str, asked: argparse.Namespace) -> None:
    recipe = _asked_recipe(name, asked)
    with _uncollected():
        from dlcvlib import paths, processes, runs, training

    for seed in range(asked.seed, asked.seed + asked.seeds):
        run = training.train(recipe, profile=asked.profile, seed=seed, data=asked.data, weights=asked.weights)
        if not processes.is_first():
            continue
        print(runs.summary(run), flush=True)
        if asked.export:
            print(runs.export_result(run, paths.results_home()))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Search for no garbage within the block: imports make none, and take a fifth less time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _asked_recipe(name: str, asked: argparse.Namespace) -> recipes.Recipe:
    """Return the recipe with its changes; ValueError for an unknown name or setting."""
    if asked.changes:
        changes = {"name": asked.name} | recipes.changing.parse(asked.changes)
        return recipes.changed(name, profile=asked.profile, **changes)
    if asked.name:
        raise ValueError(f"--name {asked.name} names a changed recipe: say with --set what is changed")
    return recipes.get(name)
