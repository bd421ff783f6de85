"""Find every set of the course in any edition's folder, by what lies in the folders and not by their names or the year.

The same name means different things by year: `p2_data` is segmentation in 2021 and 2022, Mini-ImageNet and Office-Home
in 2023, segmentation again in 2024 and 2025. What is looked for, in the root itself and up to three folders below it:

- classification: a folder with `train_50/` or `val_50/`;
- satellite: a folder with `train/` or `validation/`, in which the files are called `NNNN_sat.*` and `NNNN_mask.*`;
- mini: a folder with a flat `train/` of images called `n01532829…`, or without `val`;
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

DEPTH = 3  # FOLDER/hw1_data/p2_data/mini, where FOLDER is one above the edition's own
TOY_MARKER = "toy.json"


@dataclass(frozen=True)
class Scan:
    """What lies below a root: the sets, as far as they are sound, and everything that is wrong with them."""

    root: Path
    sets: dict[str, ImageSet]
    problems: tuple[Problem, ...]
    remarks: tuple[Problem, ...] = ()  # what may be worth knowing: folders that were passed over


def find(root: str | Path | None = None) -> CourseData:
    """Find the course data of any edition.

    Args:
        root: the edition's folder, the one above it, or the folder of a single set. None means `$DLCV_DATA`, then
            `data/`, then the toy world, drawn on first use into `data/toy/`.

    Raises:
        DataError: nothing is recognised, one set lies in two places, or a set has a problem (a csv row without file, a
            file without row, a label out of range, an image without mask, …): the first is named, `dlcv data check`
            lists all.
    """
    found = scan(root if root is not None else default_root())
    if found.problems:
        more = len(found.problems) - 1
        others = f" ({more} more: `dlcv data check {found.root}` lists them)" if more else ""
        raise DataError(f"{found.problems[0]}{others}")
    sets = {name: found.sets.get(name) for name in SET_NAMES}
    return CourseData(root=found.root, is_toy=(found.root / TOY_MARKER).is_file(), **sets)


def default_root() -> Path:
    """`$DLCV_DATA`, then `data/` if a set lies in it, then the toy world, drawn if need be."""
    if named := os.environ.get("DLCV_DATA"):
        return Path(named)
    if paths.data_home().is_dir() and _candidates(paths.data_home(), [], toys=False):
        return paths.data_home()
    return toy_root()


def toy_root() -> Path:
    """Folder of the toy world, drawn if need be."""
    home = paths.toy_home()
    # Of chapters that start side by side one draws, the others wait.
    return home if toy.is_drawn(home) else toy.draw(home)


def scan(root: str | Path) -> Scan:
    """Read the layout below `root` and collect every problem, opening no image.

    Raises:
        DataError: `root` is no folder, or nothing in it is recognised.
    """
    root = _resolved(Path(root))
    passed_over: list[Problem] = []
    candidates = _candidates(root, passed_over, toys=False)
    if not candidates and (toy_root := _toy_below(root)) is not None:
        root, candidates = toy_root, _candidates(toy_root, passed_over, toys=True)
    if not candidates:
        unread = "".join(f"{problem}. " for problem in passed_over)
        raise DataError(f"{root} holds no set of the course. {unread}{_looked_for()} {_cures()}")

    sets: dict[str, ImageSet] = {}
    problems: list[Problem] = []
    for folder, set_name in candidates:
        if not is_printable(folder):
            reason = "the path of this folder is not UTF-8 text, so the set in it is not read; rename the folder"
            problems.append(Problem(set_name, "unreadable name", folder, reason))
            continue
        if set_name in sets:
            reason = (
                f"is a second {set_name} set beside {sets[set_name].root}; name the folder of one edition as the root"
            )
            problems.append(Problem(set_name, "set in two places", folder, reason))
            continue
        sets[set_name], found = read_set(set_name, folder)
        problems.extend(found)
    return Scan(root, sets, tuple(problems), tuple(passed_over))


def _resolved(root: Path) -> Path:
    """The folder that is meant, without links."""
    named = " (named by $DLCV_DATA)" if str(root) == os.environ.get("DLCV_DATA") else ""
    try:
        resolved = root.expanduser().resolve()
        with os.scandir(resolved):
            pass
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{printable(root)}{named} is no folder. {_cures()}") from error
    except (OSError, RuntimeError) as error:  # a loop of links, or ~ of nobody, is a RuntimeError
        raise DataError(f"{printable(root)}{named} cannot be read ({printable(str(error))}). {_cures()}") from error
    if not is_printable(resolved):
        raise DataError(f"{printable(resolved)}{named}: this path is not UTF-8 text; rename the folder")
    return resolved


def set_around(path: str | Path) -> Path | None:
    """Folder of the set of the course that `path` lies in, up to `DEPTH` folders above it; None outside of any."""
    inner = Path(os.path.realpath(path))
    for folder in list(inner.parents)[:DEPTH]:
        with suppress(OSError):  # a folder that is not there, or cannot be listed, is no set
            if _recognise(folder, *_listing(folder)):
                return folder
    return None


def _candidates(root: Path, passed_over: list[Problem], toys: bool) -> list[tuple[Path, str]]:
    """(folder, set name) of every set below `root`, the shallower and alphabetically earlier first.

    Toy worlds below `root` count only with `toys`. Folders that cannot be read are appended to `passed_over`.
    """
    found: list[tuple[Path, str]] = []
    level = [root]
    seen: set[tuple[int, int]] = set()  # a link to a folder further up would be gone through again
    for _ in range(DEPTH + 1):
        below: list[Path] = []
        for folder in level:
            try:
                status = folder.stat()
                folders, files = _listing(folder)
            except OSError as error:
                reason = f"this folder cannot be read ({error.strerror}), so it was passed over"
                passed_over.append(Problem("", "unreadable folder", folder, reason))
                continue
            if (status.st_dev, status.st_ino) in seen or (folder != root and not toys and TOY_MARKER in files):
                continue
            seen.add((status.st_dev, status.st_ino))
            set_name = _recognise(folder, folders, files)
            if set_name:
                found.append((folder, set_name))
            else:
                below.extend(folder / name for name in sorted(folders))
        level = below
    return found


def _toy_below(root: Path) -> Path | None:
    return next((marker.parent for marker in sorted(root.glob(f"*/{TOY_MARKER}"))), None)


def _listing(folder: Path) -> tuple[set[str], set[str]]:
    """Names of the folders and of the files in a folder, hidden ones left out."""
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
    if image is None:  # nothing to go by but the folder's name: then its emptiness can at least be reported
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


def _looked_for() -> str:
    return (
        f"Looked for, in it and up to {DEPTH} folders below: train_50/ or val_50/ (classification); train/ and "
        "validation/ with NNNN_sat.* and NNNN_mask.* (satellite); train/ with images n01532829….* (mini); train/ and "
        "val/ with train.csv and val.csv (office)."
    )


def _cures() -> str:
    return (
        "Name the folder that holds the data (root=…, $DLCV_DATA), fetch them with "
        "`dlcv data download --edition 2023 data`, or name none and play with the toy world."
    )
