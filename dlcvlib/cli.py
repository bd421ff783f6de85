"""The command line: `dlcv check`, `dlcv data`, `dlcv train`, `dlcv predict`, `dlcv handin`, `dlcv report`,
`dlcv runs`, `dlcv bench`."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dlcvlib import environment
from dlcvlib.files import is_disk_full
from dlcvlib.memory import is_out_of_memory

# Nothing else is imported up here: `dlcv check` has to answer where torch is missing or broken.
if TYPE_CHECKING:
    from dlcvlib.runs import Run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        exit status: 0 if all went well, 1 if a check found something wrong, an image or a record could not be read or a
        training diverged, 2 for a mistake in what was asked, 130 when interrupted.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be text
    try:
        return _run(given)
    except KeyboardInterrupt:
        resumes = "; the same command resumes after the last epoch" if given[:1] == ["train"] else ""
        print(f"dlcv: interrupted{resumes}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="dlcv", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    environment.add_arguments(commands)
    if given[:1] != ["check"]:
        try:
            _add_others(commands)
        except (ImportError, RuntimeError) as error:  # torchvision of another build than torch raises the latter
            print(f"dlcv: {error}; `dlcv check` says what is wrong with the installation", file=sys.stderr)
            return 2
    asked = parser.parse_args(given)
    try:
        status: int = asked.run(asked)
    except Exception as error:
        if isinstance(error, BrokenPipeError) or not _expected(error):
            raise
        print(f"dlcv: {_message(error)}", file=sys.stderr)
        return _status(error)
    return status


def _add_others(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from dlcvlib.bench import command as bench_command
    from dlcvlib.data import command as data_command
    from dlcvlib.handin import command as handin_command

    data_command.add_arguments(commands)
    _add_train(commands)
    handin_command.add_arguments(commands)
    _add_report(commands)
    _add_runs(commands)
    bench_command.add_arguments(commands)


def _expected(error: Exception) -> bool:
    """Whether its message is meant for the user; anything else is a fault of ours and keeps its traceback."""
    from dlcvlib.training import ProcessLostError, RecordMismatchError

    expected = ValueError | OSError | RecordMismatchError | ProcessLostError
    return isinstance(error, expected) or is_out_of_memory(error) or _diverged(error)


def _message(error: Exception) -> str:
    """The error in words that say what to do; some have none of their own."""
    if is_out_of_memory(error):
        detail = str(error).partition("\n")[0]
        return (
            f"out of memory{f' ({detail})' if detail else ''}: close other programs, take a smaller profile, or a "
            "machine with more memory; what was written is kept, and the same command resumes"
        )
    if is_disk_full(error):
        named = getattr(error, "filename", None)
        place = Path(os.fsdecode(named)) if named else Path.cwd()
        folder = next((folder for folder in (place, *place.absolute().parents) if folder.is_dir()), Path.cwd())
        free = shutil.disk_usage(folder).free / 1e6
        return (
            f"{named or 'a file'} could not be written: the disk of {folder} is full ({free:.1f} MB free). Make room, "
            "then run the same command again: it resumes"
        )
    return str(error) or type(error).__name__


def _diverged(error: Exception) -> bool:
    from dlcvlib.training import TrainingDivergedError

    return isinstance(error, TrainingDivergedError)


def _status(error: Exception) -> int:
    from dlcvlib.training import ProcessLostError

    return 1 if _diverged(error) or isinstance(error, ProcessLostError) else 2


def _add_train(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from dlcvlib import recipes

    width = max(map(len, recipes.RECIPES))
    listing = "\n".join(
        f"  {recipe.name:<{width}}  {recipe.report}: {recipe.title}" for recipe in recipes.RECIPES.values()
    )
    parser = commands.add_parser(
        "train",
        help="train recipes, or go on with them",
        epilog=f"recipes:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "recipes", nargs="+", metavar="RECIPE", help="one after the other; if one fails, the rest go on"
    )
    parser.add_argument("--profile", choices=recipes.PROFILES, default="quick")
    parser.add_argument("--seed", type=_whole_number(0), default=0)
    parser.add_argument(
        "--seeds", type=_whole_number(1), default=1, metavar="N", help="train at N seeds, from --seed on"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="ROOT",
        help="folder of the course data (default: $DLCV_DATA, data/, the toy world)",
    )
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="outside weights for a recipe that starts pre-trained"
    )
    parser.add_argument("--export", action="store_true", help="write the result to book/results/ when it is finished")
    parser.set_defaults(run=_train)


def _whole_number(smallest: int) -> Callable[[str], int]:
    """A type of argument: whole numbers from `smallest` on, below 2^31."""

    def parse(text: str) -> int:
        if not text.isdecimal() or len(text) > 10 or not smallest <= int(text) < 2**31:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {smallest}")
        return int(text)

    return parse


def _train(asked: argparse.Namespace) -> int:
    from dlcvlib import processes

    worst = 0
    for recipe in asked.recipes:
        try:
            _train_recipe(recipe, asked)
        except Exception as error:
            if len(asked.recipes) == 1 or processes.world_size() > 1 or not _expected(error):
                raise  # of several processes, others would wait in vain for one that went on without them
            print(f"dlcv: {recipe}: {_message(error)}", file=sys.stderr)
            worst = max(worst, _status(error))
    return worst


def _train_recipe(recipe: str, asked: argparse.Namespace) -> None:
    from dlcvlib import paths, processes, runs, training

    for seed in range(asked.seed, asked.seed + asked.seeds):
        run = training.train(recipe, profile=asked.profile, seed=seed, data=asked.data, weights=asked.weights)
        if not processes.is_first():
            continue
        print(_line(run), flush=True)
        if asked.export:
            print(runs.export_result(run, paths.results_home()))


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from dlcvlib import recipes
    from dlcvlib.course import EDITIONS

    parser = commands.add_parser("report", help="write the report as one HTML file, from whatever records exist")
    parser.add_argument("out", type=Path, metavar="OUT.html")
    parser.add_argument("--edition", type=int, choices=EDITIONS, help="in the order of this edition's questions")
    parser.add_argument("--profile", choices=recipes.PROFILES, default="quick")
    parser.add_argument("--data", type=Path, metavar="ROOT", help="report on the records made on these data")
    parser.add_argument("--maps", action="store_true", help="make the PCA and t-SNE maps that no record keeps yet")
    parser.add_argument("--replace", action="store_true", help="also where OUT.html is not a file that dlcv wrote")
    parser.set_defaults(run=_report)


def _report(asked: argparse.Namespace) -> int:
    from dlcvlib import report  # not above: drawing loads libraries that take seconds

    sources = report.find_sources(asked.profile, asked.data)
    out = report.export(
        asked.out, sources, edition=asked.edition, make_maps=asked.maps, **({"replace": True} if asked.replace else {})
    )
    print(f"{out}: {report.tally(sources, asked.edition)}")
    return 0


def _add_runs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from dlcvlib import recipes

    parser = commands.add_parser("runs", help="list the run records, write one's figures for the book, or judge them")
    parser.add_argument("--data", type=Path, metavar="ROOT", help="list the records made on these data")
    parser.add_argument("--export", type=Path, metavar="RECORD", help="write this record's result to book/results/")
    parser.add_argument("--profile", choices=recipes.PROFILES, help="only the records of this profile")
    parser.add_argument("--bands", type=Path, metavar="FILE", help="whether each lies in its band; if not, status 1")
    parser.add_argument("--measure-bands", action="store_true", help="print bands around what the records say")
    parser.set_defaults(run=_runs)


def _runs(asked: argparse.Namespace) -> int:
    from dlcvlib import data, paths, runs

    if asked.export:
        print(runs.export_result(runs.load(asked.export), paths.results_home()))
        return 0
    root = paths.runs_home(data.find(asked.data).root)
    if asked.bands or asked.measure_bands:
        return _bands(root, asked.profile or "quick", asked.bands)
    records, damaged = runs.readable_runs(root)
    chosen = [run for run in records if asked.profile in (None, run.info.get("profile"))]
    if chosen or damaged:
        print("\n".join(map(_line, chosen)))
    else:
        print(f"no record below {root} yet; `dlcv train --help` lists the recipes")
    for error in damaged:
        print(f"dlcv: left out: {error}", file=sys.stderr)
    return 1 if damaged else 0


def _bands(root: Path, profile: str, file: Path | None) -> int:
    from dlcvlib import bands

    if file is None:
        print(bands.measured(root, profile), end="")
        return 0
    found = bands.readings(bands.read(file), root, profile)
    print("\n".join(map(str, found)))
    wrong = sum(reading.verdict != "ok" for reading in found)
    print(f"{len(found) - wrong} of {len(found)} in their bands (profile {profile}, records in {root})")
    return 1 if wrong else 0


def _line(run: Run) -> str:
    from dlcvlib.course import MEASURES

    info = run.info
    best = info.get("best", {})
    name = next((name for name in MEASURES if name in best), None)
    figure = f"{MEASURES[name].name} {best[name]:.4f} (epoch {best.get('epoch', '?')})" if name else ""
    replaced = info.get("data", {}).get("stands_in_for")
    images = f"  [on the toy world in place of {replaced}]" if replaced else ""
    return f"{run.path}  {info.get('status', 'of unknown status')}  {figure}".rstrip() + images
