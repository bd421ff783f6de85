"""Default paths of the data, the run records, the caches and the results."""

from __future__ import annotations

import os
from pathlib import Path


def resolved(path: Path) -> Path:
    """Return `path` absolute and without links; `~` is the user's home.

    Raises:
        ValueError: its links lead back to themselves.
    """
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError) as error:  # Python before 3.13 raises the latter
        raise ValueError(f"{path} cannot be followed ({error}): correct the links") from error


def home() -> Path:
    """Parent of `data/` and `runs/`: `$DLCV_HOME`, else the checkout of this package, else the current folder.

    It is the same for a chapter, whose kernel starts in `notebooks/`, and for the command line, started anywhere.
    """
    if named := os.environ.get("DLCV_HOME"):
        return resolved(Path(named))
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def data_home() -> Path:
    """Default folder of the data."""
    return home() / "data"


def toy_home() -> Path:
    """Folder of the toy world, which is drawn on first use."""
    return data_home() / "toy"


def runs_home(data_root: Path) -> Path:
    """Folder of the run records made on the data at `data_root`.

    `$DLCV_RUNS` if set; else `runs/` for the toy world and `runs/on-{folder name}/` for any other data, so that their
    records are kept apart.
    """
    if named := os.environ.get("DLCV_RUNS"):
        return resolved(Path(named))
    root = resolved(Path(data_root))
    if root == resolved(toy_home()):
        return home() / "runs"
    return home() / "runs" / f"on-{root.name}"


def cache_home() -> Path:
    """Folder of decoded images and of SAM's masks: `$DLCV_RUNS/cache`, else `runs/cache`."""
    named = os.environ.get("DLCV_RUNS")
    return (resolved(Path(named)) if named else home() / "runs") / "cache"


def results_home() -> Path:
    """Folder of the book's recorded results, which are in git."""
    return home() / "book" / "results"


def mine_home() -> Path:
    """Folder of the reader's edition of the chapters, with the reader's answers and progress; git ignores it."""
    return home() / "notebooks" / "mine"


def answers_home() -> Path:
    """Folder of the answers to the exercises, right and wrong; part of the teacher's checkout only."""
    return home() / "notebooks" / "answers"
