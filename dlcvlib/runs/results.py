"""Recorded results: the numbers of finished records that the book holds, without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlcvlib.files import read_regular, write_json
from dlcvlib.runs.group import check, measure_of
from dlcvlib.runs.info import Info, parse_info
from dlcvlib.runs.run import Run


def result(run: Run) -> dict[str, Any]:
    """Return the numbers of a finished record, without its weights.

    Raises:
        ValueError: the record is not finished.
    """
    info = run.info
    if info.get("status") != "finished":
        raise ValueError(f"{run.path} is not finished (status: {info.get('status')}); `dlcv train` resumes it")
    kept: tuple[str, ...] = (
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
    kept += tuple(name for name in ("before", "trained_parameters", "collapse") if name in info)
    timings = {name: info["timings"][name] for name in ("started", "finished", "minutes")}
    return {name: info[name] for name in kept} | {"timings": timings, "history": run.history.to_dict("list")}


def export_result(run: Run, folder: Path) -> Path:
    """Write `result(run)` into `folder`, named after the data, recipe, profile and seed.

    Returns:
        the file written.
    """
    kept = result(run)
    name = "-".join([kept["data"]["root"], kept["recipe"]["name"], kept["profile"], f"seed{kept['seed']}"])
    file = Path(folder) / f"{name}.json"
    write_json(file, kept)
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
