"""The command line: dlcv check | data | train | predict | handin | report | runs | bench."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dlcvlib import environment
from dlcvlib.files.atomic import is_disk_full
from dlcvlib.memory import is_out_of_memory

# Other imports are inside functions: `dlcv check` must run even if torch is missing or broken.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        exit status: 0 on success; 1 if a check failed, an image or a record could not be read, or training diverged;
        2 for a wrong argument; 130 after an interruption.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may hold bytes that are not UTF-8
    try:
        return _run(words)
    except KeyboardInterrupt:
        resumes = "; the same command resumes after the last epoch" if words[:1] == ["train"] else ""
        print(f"dlcv: interrupted{resumes}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="dlcv", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    environment.add_arguments(commands)
    if words[:1] != ["check"]:
        try:
            _add_others(commands)
        except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision is built for another torch
            print(f"dlcv: {error}; `dlcv check` reports what is wrong with the installation", file=sys.stderr)
            return 2
    parsed = parser.parse_args(words)
    try:
        status: int = parsed.run(parsed)
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
    from dlcvlib.runs import command as runs_command

    data_command.add_arguments(commands)
    _add_train(commands)
    handin_command.add_arguments(commands)
    _add_report(commands)
    runs_command.add_arguments(commands)
    bench_command.add_arguments(commands)


def _expected(error: Exception) -> bool:
    """Return True if the message is meant for the user; any other error is a bug and keeps its traceback."""
    from dlcvlib.training import ProcessLostError, RecordMismatchError

    expected = ValueError | OSError | RecordMismatchError | ProcessLostError
    return isinstance(error, expected) or is_out_of_memory(error) or _diverged(error)


def _message(error: Exception) -> str:
    """Return a message that says what to do."""
    if is_out_of_memory(error):
        detail = str(error).partition("\n")[0]
        return (
            f"out of memory{f' ({detail})' if detail else ''}: close other programs, or use a smaller profile or a "
            "machine with more memory; the same command resumes after the last epoch"
        )
    if is_disk_full(error):
        file = getattr(error, "filename", None)
        path = Path(os.fsdecode(file)) if file else Path.cwd()
        folder = next((folder for folder in (path, *path.absolute().parents) if folder.is_dir()), Path.cwd())
        free = shutil.disk_usage(folder).free / 1e6
        return (
            f"{file or 'a file'} could not be written: the disk of {folder} is full ({free:.1f} MB free). Make room, "
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
    from dlcvlib import processes

    worst = 0
    for recipe in asked.recipes:
        try:
            _train_recipe(recipe, asked)
        except Exception as error:
            if len(asked.recipes) == 1 or processes.world_size() > 1 or not _expected(error):
                raise  # with several processes, the others would wait for one that continued alone
            print(f"dlcv: {recipe}: {_message(error)}", file=sys.stderr)
            worst = max(worst, _status(error))
    return worst


def _train_recipe(recipe: str, asked: argparse.Namespace) -> None:
    from dlcvlib import paths, processes, recipes, runs, training

    changed: str | recipes.Recipe = recipe
    if asked.changes:
        changes = {"name": asked.name} | recipes.changing.parse(asked.changes)
        changed = recipes.changed(recipe, profile=asked.profile, **changes)
    elif asked.name:
        raise ValueError(f"--name {asked.name} names a changed recipe: say with --set what is changed")
    for seed in range(asked.seed, asked.seed + asked.seeds):
        run = training.train(changed, profile=asked.profile, seed=seed, data=asked.data, weights=asked.weights)
        if not processes.is_first():
            continue
        print(runs.summary(run), flush=True)
        if asked.export:
            print(runs.export_result(run, paths.results_home()))


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from dlcvlib import recipes
    from dlcvlib.course import EDITIONS

    parser = commands.add_parser("report", help="write the report as one HTML file, from the records that exist")
    parser.add_argument("out", type=Path, metavar="OUT.html")
    parser.add_argument("--edition", type=int, choices=EDITIONS, help="follow the order of this edition's questions")
    parser.add_argument("--profile", choices=recipes.PROFILES, default="quick")
    parser.add_argument("--data", type=Path, metavar="ROOT", help="report on the records made on these data")
    parser.add_argument("--maps", action="store_true", help="compute missing PCA and t-SNE maps")
    parser.add_argument("--replace", action="store_true", help="replace OUT.html even if dlcv did not write it")
    parser.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    from dlcvlib import report  # imported here: plotting libraries take seconds to load

    sources = report.find_sources(arguments.profile, arguments.data)
    out = report.export(
        arguments.out, sources, edition=arguments.edition, make_maps=arguments.maps, replace=arguments.replace
    )
    print(f"{out}: {report.tally(sources, arguments.edition)}")
    return 0
