"""How a chapter begins: the values of its `parameters` cell, checked, and what they stand for."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcvlib import paths

if TYPE_CHECKING:
    from dlcvlib.data import CourseData

PARAMETERS = ("profile", "seed", "data_root")  # those that every chapter has


@dataclass(frozen=True)
class Chapter:
    """What a chapter works with: `data` are the sets found, `runs` is the folder of their run records."""

    profile: str
    seed: int
    data: CourseData
    runs: Path

    @property
    def in_words(self) -> str:
        """What the page was made on, for its reader."""
        images = "the toy world, drawn by this book" if self.data.is_toy else f"the data in {self.data.root.name}"
        return f"This page was made on **{images}**, with the profile **{self.profile}** and seed {self.seed}."


def open_chapter(namespace: Mapping[str, Any]) -> Chapter:
    """Check the chapter's parameters and find its data; called as `open_chapter(globals())`.

    It stands below the `parameters` cell. papermill writes the values it is given into a cell of their own, and only
    logs a name that the chapter does not know: with `-p proflie smoke` the chapter would run for hours on another
    profile than the one asked for.

    Args:
        namespace: the chapter's `globals()`; `data_root` is a path, or None or "" for wherever the data are found.

    Raises:
        NameError: the `parameters` cell was not run, or papermill was given a name that this cell does not assign.
        ValueError: `profile` is none of `dlcvlib.recipes.PROFILES`, or `seed` is no whole number >= 0.
        dlcvlib.data.DataError: no data are at `data_root`.
    """
    if absent := [name for name in PARAMETERS if name not in namespace]:
        raise NameError(f"{', '.join(absent)} is not set: run the cell tagged `parameters`, at the top of the chapter")
    _refuse_unknown(namespace.get("In", []))
    # Only now, so that a misspelt parameter is told at once.
    from dlcvlib.data import find
    from dlcvlib.recipes import PROFILES

    profile, seed, data_root = (namespace[name] for name in PARAMETERS)
    if profile not in PROFILES:
        raise ValueError(f"profile {profile!r} is unknown; there are {', '.join(PROFILES)}")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")
    data = find(data_root or None)
    return Chapter(profile, seed, data, paths.runs_home(data.root))


def _refuse_unknown(cells: list[str]) -> None:
    """Compare the cell that papermill injected, if there is one among the cells run so far, with the one above it."""
    injected = [position for position, cell in enumerate(cells) if cell.lstrip().startswith("# Parameters\n")]
    if not injected:
        return  # run by hand, or as a plain script
    given = _assigned(cells[injected[-1]])
    declared = next(
        (names for cell in reversed(cells[: injected[-1]]) if {*PARAMETERS} <= (names := _assigned(cell))), None
    )
    if declared is None:
        raise NameError("the cell tagged `parameters` was not run before the values given to it")
    for name in sorted(given - declared):
        near = difflib.get_close_matches(name, declared, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise NameError(f"parameter {name!r} is unknown; this chapter has {', '.join(sorted(declared))}{hint}")


def _assigned(cell: str) -> set[str]:
    """Names assigned at the top level of a cell; none if it is no plain Python (a `%magic`, say)."""
    try:
        statements = ast.parse(cell).body
    except SyntaxError:
        return set()
    targets = [target for statement in statements if isinstance(statement, ast.Assign) for target in statement.targets]
    targets += [statement.target for statement in statements if isinstance(statement, ast.AnnAssign)]
    return {target.id for target in targets if isinstance(target, ast.Name)}
