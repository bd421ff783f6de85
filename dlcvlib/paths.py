"""Where things lie on disk: the data, the run records and what is derived from them."""

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
        raise ValueError(f"{path} cannot be followed ({error}): mend the links") from error


def home() -> Path:
    """Folder that `data/` and `runs/` lie in: `$DLCV_HOME`, else the checkout of this package, else the current folder.

    A chapter's kernel starts in `notebooks/`, the command line anywhere; both must mean the same records.
    """
    if named := os.environ.get("DLCV_HOME"):
        return resolved(Path(named))
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
        return resolved(Path(named))
    root = resolved(Path(data_root))
    if root == resolved(toy_home()):
        return home() / "runs"
    return home() / "runs" / f"on-{root.name}"


def cache_home() -> Path:
    """Folder of decoded images and of SAM's work, beside the run records: `$DLCV_RUNS/cache`, else `runs/cache`."""
    named = os.environ.get("DLCV_RUNS")
    return (resolved(Path(named)) if named else home() / "runs") / "cache"


def results_home() -> Path:
    """Folder of the results that the book keeps in git."""
    return home() / "book" / "results"
