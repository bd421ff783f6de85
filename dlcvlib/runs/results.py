"""Results of a record: one line for the terminal, and the JSON file for the book (numbers only, no weights)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlcvlib.course import MEASURES
from dlcvlib.files.atomic import read_regular, write_json
from dlcvlib.runs.group import check, measure_of
from dlcvlib.runs.info import Info, parse_info
from dlcvlib.runs.run import Run
from dlcvlib.runs.starts import start_in_words, starts_from_a_substitute


def summary(run: Run) -> str:
    """Return one line: path, status, the measure at the best epoch, and what stood in for what was asked for."""
    info = run.info
    best = info.get("best", {})
    name = next((name for name in MEASURES if name in best), None)
    value = f"{MEASURES[name].name} {best[name]:.4f} (epoch {best.get('epoch', '?')})" if name else ""
    replaced = info.get("data", {}).get("stands_in_for")
    start = f"  [from {start_in_words(info)}]" if starts_from_a_substitute(info) else ""
    images = f"  [on the toy world in place of {replaced}]" if replaced else ""
    shared = f"  [{info['recipe']['name']} is the same run]" if "trained_as" in info else ""
    return f"{run.path}  {info.get('status', 'of unknown status')}  {value}".rstrip() + start + images + shared


def result(run: Run) -> dict[str, Any]:
    """Return the numbers of a finished record, as they are written to `book/results/`.

    Raises:
        ValueError: the record is not finished.
    """
    info = run.info
    if info.get("status") != "finished":
        raise ValueError(f"{run.path} is not finished (status: {info.get('status')}); `dlcv train` resumes it")
    names: tuple[str, ...] = (
        "recipe",
        "profile",
        "seed",
        "start",
        "device",
        "precision",
        "data",
        "versions",
        "parameters",
        "best",
        "last",
    )
    names += tuple(name for name in ("before", "trained_parameters", "collapse", "schema") if name in info)
    timings = {name: info["timings"][name] for name in ("started", "finished", "minutes")}
    return {name: info[name] for name in names} | {"timings": timings, "history": run.history.to_dict("list")}


def export_result(run: Run, folder: Path) -> Path:
    """Write `result(run)` to a file in `folder` named after data, recipe, profile and seed; return the file."""
    numbers = result(run)
    name = "-".join([numbers["data"]["root"], numbers["recipe"]["name"], numbers["profile"], f"seed{numbers['seed']}"])
    file = Path(folder) / f"{name}.json"
    write_json(file, numbers)
    return file


def read_results(folder: Path) -> tuple[Info, ...]:
    """Return the results that a folder holds, in the order of their files' names; none if there is no folder.

    An entry that a result lacks raises an error with its file's name, whenever it is read.

    Raises:
        ValueError: a file is no such result; the message names it.
    """
    found = []
    for file in sorted(Path(folder).glob("*.json")):
        try:
            info = parse_info(file, read_regular(file))
            check(info, measure_of(info))
        except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
            raise ValueError(f"{file} is no result written by `dlcv runs --export`: {error}") from error
        found.append(info)
    return tuple(found)
