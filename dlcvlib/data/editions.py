"""Finding the sets of the course in the folder of any edition, by content rather than by folder name.

The same name means different sets by year: `p2_data` is segmentation in 2021 and 2022, Mini-ImageNet and Office-Home in
2023, and segmentation again in 2024 and 2025. A set is searched for in the root and up to three levels below it:

- classification: a folder with `train_50/` or `val_50/`;
- satellite: a folder with `train/` or `validation/` that hold files `NNNN_sat.*` and `NNNN_mask.*`;
- mini: a folder with a flat `train/` of images `n01532829…`, or without `val`;
- office: a folder with flat `train/` and `val/`, or `train.csv` and `val.csv`.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dlcvlib import paths
from dlcvlib.data import toy
from dlcvlib.data.images import is_image
from dlcvlib.data.layouts import read_set
from dlcvlib.data.sets import SET_NAMES, CourseData, DataError, ImageSet, Problem, is_printable, printable

DEPTH = 3  # ROOT/hw1_data/p2_data/mini, with ROOT the parent of an edition's folder
TOY_MARKER = "toy.json"


@dataclass(frozen=True)
class Scan:
    """Sets found below a root, with their problems."""

    root: Path
    sets: dict[str, ImageSet]
    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...] = ()  # folders that were skipped


def find(root: str | Path | None = None) -> CourseData:
    """Find the course data of any edition.

    Args:
        root: the edition's folder, its parent, or the folder of a single set. None means `$DLCV_DATA`, then `data/`,
            then the toy world, which is drawn into `data/toy/` on first use.

    Raises:
        DataError: no set is found, a set is found twice, or a set has a problem (a csv row without file, a file
            without row, a label out of range, an image without mask, …). The message names the first problem.
    """
    layout = scan(root if root is not None else default_root())
    if layout.problems:
        more = len(layout.problems) - 1
        others = f" ({more} more: `dlcv data check {layout.root}` lists them)" if more else ""
        raise DataError(f"{layout.problems[0]}{others}")
    sets = {name: layout.sets.get(name) for name in SET_NAMES}
    return CourseData(root=layout.root, is_toy=(layout.root / TOY_MARKER).is_file(), **sets)


def default_root() -> Path:
    """Return `$DLCV_DATA`, else `data/` if it holds a set, else the toy world, drawn if needed."""
    if variable := os.environ.get("DLCV_DATA"):
        return Path(variable)
    if paths.data_home().is_dir() and _candidates(paths.data_home(), [], toys=False):
        return paths.data_home()
    return toy_root()


def toy_root() -> Path:
    """Return the folder of the toy world, drawn if needed."""
    home = paths.toy_home()
    return home if toy.is_drawn(home) else toy.draw(home)


def scan(root: str | Path) -> Scan:
    """Read the layout below `root` and collect all problems, without opening an image.

    Raises:
        DataError: `root` is not a folder, or holds no known set.
    """
    root = _resolved(Path(root))
    skipped: list[Problem] = []
    candidates = _candidates(root, skipped, toys=False)
    if not candidates and (toy_root := _toy_below(root)) is not None:
        root, candidates = toy_root, _candidates(toy_root, skipped, toys=True)
    if not candidates:
        unread = "".join(f"{problem}. " for problem in skipped)
        raise DataError(f"{root} holds no set of the course. {unread}{_searched()} {_cures()}")

    sets: dict[str, ImageSet] = {}
    problems: list[Problem] = []
    for folder, set_name in candidates:
        if not is_printable(folder):
            reason = "the path of this folder is not UTF-8 text; rename the folder"
            problems.append(Problem(set_name, "unreadable name", folder, reason))
            continue
        if set_name in sets:
            reason = (
                f"is a second {set_name} set beside {sets[set_name].root}; name the folder of one edition as the root"
            )
            problems.append(Problem(set_name, "set in two places", folder, reason))
            continue
        sets[set_name], set_problems = read_set(set_name, folder)
        problems.extend(set_problems)
    return Scan(root, sets, tuple(problems), tuple(skipped))


def _resolved(root: Path) -> Path:
    """Return `root` absolute and without links, after checking that it is a readable folder."""
    source = " (named by $DLCV_DATA)" if str(root) == os.environ.get("DLCV_DATA") else ""
    try:
        resolved = root.expanduser().resolve()
        with os.scandir(resolved):
            pass
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{printable(root)}{source} is not a folder. {_cures()}") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, or ~ of an unknown user
        raise DataError(f"{printable(root)}{source} cannot be read ({printable(str(error))}). {_cures()}") from error
    if not is_printable(resolved):
        raise DataError(f"{printable(resolved)}{source}: this path is not UTF-8 text; rename the folder")
    return resolved


def set_around(path: str | Path) -> Path | None:
    """Return the folder of the set that contains `path`, among its `DEPTH` nearest parents; None if there is none."""
    inner = Path(os.path.realpath(path))
    for folder in list(inner.parents)[:DEPTH]:
        with suppress(OSError):  # missing, or cannot be listed
            if _recognise(folder, *_listing(folder)):
                return folder
    return None


def _candidates(root: Path, skipped: list[Problem], toys: bool) -> list[tuple[Path, str]]:
    """Return (folder, set name) of every set below `root`, breadth first and in alphabetical order.

    Toy worlds below `root` count only with `toys`. Folders that cannot be read are appended to `skipped`.
    """
    candidates: list[tuple[Path, str]] = []
    level = [root]
    seen: set[tuple[int, int]] = set()  # links may lead to a parent folder
    for _ in range(DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            try:
                status = folder.stat()
                folders, files = _listing(folder)
            except OSError as error:
                reason = f"this folder cannot be read ({error.strerror}), so it was skipped"
                skipped.append(Problem("", "unreadable folder", folder, reason))
                continue
            if (status.st_dev, status.st_ino) in seen or (folder != root and not toys and TOY_MARKER in files):
                continue
            seen.add((status.st_dev, status.st_ino))
            set_name = _recognise(folder, folders, files)
            if set_name:
                candidates.append((folder, set_name))
            else:
                below.extend(folder / name for name in sorted(folders))
        level = below
    return candidates


def _toy_below(root: Path) -> Path | None:
    return next((marker.parent for marker in sorted(root.glob(f"*/{TOY_MARKER}"))), None)


def _listing(folder: Path) -> tuple[set[str], set[str]]:
    """Return the names of the folders and of the files in a folder, without hidden ones."""
    folders: set[str] = set()
    files: set[str] = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith((".", "__")):
                (folders if _is_folder(entry) else files).add(entry.name)
    return folders, files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a loop of links
        return False


def _recognise(folder: Path, folders: set[str], files: set[str]) -> str | None:
    if folders & {"train_50", "val_50"}:
        return "classification"
    image = next(
        (name for part in ("train", "validation", "val") if part in folders if (name := _first_image(folder / part))),
        None,
    )
    if image is None:  # recognised by name, so that the empty folder is reported
        return folder.name if folder.name in ("mini", "office") and "train" in folders else None
    if re.search(r"_(sat|mask)\.", image, re.IGNORECASE):
        return "satellite"
    if re.match(r"n[0-9]{8}", image):
        return "mini"
    if "val" in folders or "val.csv" in files or folder.name == "office":
        return "office"
    return "mini" if "train" in folders else None


def _first_image(folder: Path) -> str | None:
    with suppress(OSError), os.scandir(folder) as entries:
        return next((entry.name for entry in entries if is_image(entry.name)), None)
    return None


def _searched() -> str:
    return (
        f"Searched in it and up to {DEPTH} levels below for: train_50/ or val_50/ (classification); train/ and "
        "validation/ with NNNN_sat.* and NNNN_mask.* (satellite); train/ with images n01532829….* (mini); train/ and "
        "val/ with train.csv and val.csv (office)."
    )


def _cures() -> str:
    return (
        "Name the folder of the data (root=…, $DLCV_DATA), download them with "
        "`dlcv data download --edition 2023 data`, or name none to use the toy world."
    )
