"""Where things lie on disk: the data, the run records and what is derived from them."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Folder that `data/` and `runs/` lie in: `$DLCV_HOME`, else the checkout of this package, else the current folder.

    A chapter's kernel starts in `notebooks/`, the command line anywhere; both must mean the same records.
    """
    if named := os.environ.get("DLCV_HOME"):
        return Path(named).expanduser().resolve()
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def data_home() -> Path:
    """Folder in which data are put by default, and looked for when none is named."""
    return home() / "data"


def toy_home() -> Path:
    """Folder of the toy world, drawn on first use."""
    return data_home() / "toy"


def runs_home(data_root: Path) -> Path:
    """Folder of the run records made on the data at `data_root`.

    `$DLCV_RUNS` if set; else `runs/` for the toy world and `runs/on-{folder name}/` for any other data, so that a
    student who first plays and then brings the course data keeps both sets of records.
    """
    if named := os.environ.get("DLCV_RUNS"):
        return Path(named).expanduser().resolve()
    root = Path(data_root).resolve()
    if root == toy_home().resolve():
        return home() / "runs"
    return home() / "runs" / f"on-{root.name}"


def cache_home() -> Path:
    """Folder of decoded images and of SAM's work, beside the run records: `$DLCV_RUNS/cache`, else `runs/cache`."""
    named = os.environ.get("DLCV_RUNS")
    return (Path(named).expanduser().resolve() if named else home() / "runs") / "cache"


def results_home() -> Path:
    """Folder of the results that the book keeps in git."""
    return home() / "book" / "results"
