"""The records below a folder of runs."""

from __future__ import annotations

from pathlib import Path

from dlcvlib.runs.info import DamagedRecordError
from dlcvlib.runs.run import Run


def path_of(root: Path, profile: str, recipe: str, seed: int) -> Path:
    """Folder of a record below the runs folder `root`."""
    return Path(root) / profile / recipe / f"seed{seed}"


def load(path: str | Path) -> Run:
    """Open the record at `path`.

    Raises:
        FileNotFoundError: there is no `run.json`.
        DamagedRecordError: `run.json` is damaged.
    """
    run = Run(Path(path))
    if not run.info:
        raise FileNotFoundError(f"{run.path} is not a run record (no run.json); `dlcv runs` lists the records")
    return run


def list_runs(root: str | Path) -> list[Run]:
    """Return all records below `root`, including damaged ones, sorted by path."""
    folders = sorted(Path(root).glob("*/*/seed*"))
    return [Run(folder) for folder in folders if (folder / "run.json").exists() or (folder / "run.json").is_symlink()]


def readable_runs(root: str | Path) -> tuple[list[Run], list[DamagedRecordError]]:
    """Return the records below `root` whose `run.json` is intact, and an error for each of the others."""
    readable: list[Run] = []
    errors: list[DamagedRecordError] = []
    for run in list_runs(root):
        try:
            if run.info:
                readable.append(run)
        except DamagedRecordError as error:
            errors.append(error)
    return readable, errors
