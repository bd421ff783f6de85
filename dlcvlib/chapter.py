"""A chapter of the book: its checked parameters, its data, and load-or-train with both."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from dlcvlib import paths

if TYPE_CHECKING:
    from dlcvlib.data import CourseData
    from dlcvlib.recipes import Recipe
    from dlcvlib.runs import Run

PARAMETERS = ("profile", "seed", "data_root")  # every chapter has these


@dataclass(frozen=True)
class Chapter:
    """Profile, seed and data of a chapter; `runs` is the folder of the run records made from these data."""

    profile: str
    seed: int
    data: CourseData
    runs: Path

    @property
    def in_words(self) -> str:
        """One sentence in Markdown: data, profile and seed of the page."""
        images = "the toy world, drawn by this book" if self.data.is_toy else f"the data in {self.data.root.name}"
        return f"This page was made on **{images}**, with the profile **{self.profile}** and seed {self.seed}."

    def findings(self, number: str, file: str | Path = "bands.yaml", *, folded: bool = False) -> str:
        """Return which of a chapter's claims hold on these images, and first of all which do not, in Markdown.

        Args:
            number: of the chapter, such as "04".
            file: of the claims, see `dlcvlib.claims`.
            folded: True: tell how many do not hold, and fold which, since they answer a question of the chapter.

        Raises:
            ValueError: the file has no claim of this chapter, or one is malformed.
        """
        from dlcvlib import claims  # here, so that other chapters start fast

        if not self.data.is_toy or self.profile not in claims.PROFILES:
            profiles = " and ".join(claims.PROFILES)
            return f"What this chapter finds is judged on the toy world, in the profiles {profiles}; here it is not."
        if not Path(file).is_file():
            return f"What this chapter finds is not judged here: there is no {file} beside it."
        listed = [claim for claim in claims.read(file) if claim.chapter == number]
        if not listed:
            raise ValueError(f"{file} holds no claim of chapter {number!r}")
        try:
            judged = claims.judge(listed, self.runs, self.profile)
        except ValueError as error:  # a record of other images, or of another version
            return f"What this chapter finds is not judged here: {error}."
        return claims.folded(judged) if folded else claims.in_words(judged)

    @overload
    def train(self, recipe: str | Recipe) -> Run: ...
    @overload
    def train(self, recipe: str | Recipe, seeds: int) -> list[Run]: ...
    def train(self, recipe: str | Recipe, seeds: int | None = None) -> Run | list[Run]:
        """Load or train a recipe with the chapter's profile, seed and data; see `dlcvlib.train`.

        Args:
            recipe: a name of `dlcvlib.recipes.RECIPES`, or a recipe.
            seeds: number of seeds, counted up from the chapter's.

        Returns:
            the run, or a list of `seeds` runs if a number was given.
        """
        from dlcvlib.training import train  # here, so that a chapter which trains nothing starts fast

        given = range(self.seed, self.seed + (1 if seeds is None else seeds))
        runs = [train(recipe, profile=self.profile, seed=seed, data=self.data) for seed in given]
        return runs[0] if seeds is None else runs


def open_chapter(namespace: Mapping[str, Any]) -> Chapter:
    """Check the chapter's parameters and find its data; called as `open_chapter(globals())`.

    Call it below the `parameters` cell. papermill injects its values in a cell of their own and only logs a name that
    the chapter does not declare, so `-p proflie smoke` would run the chapter with its default profile.

    Args:
        namespace: the chapter's `globals()`; `data_root` is a path, or None or "" to search for the data.

    Raises:
        NameError: the `parameters` cell was not run, or papermill injected a name that this cell does not assign.
        ValueError: `profile` is not in `dlcvlib.recipes.PROFILES`, or `seed` is not an integer >= 0.
        dlcvlib.data.DataError: there are no data at `data_root`.
    """
    if absent := [name for name in PARAMETERS if name not in namespace]:
        raise NameError(f"{', '.join(absent)} is not set: run the cell tagged `parameters`, at the top of the chapter")
    _refuse_unknown(namespace.get("In", []))
    # Imported only now, so that a misspelt parameter is reported at once.
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
    """Raise NameError if the cell that papermill injected assigns a name that the `parameters` cell does not."""
    injected = [position for position, cell in enumerate(cells) if cell.lstrip().startswith("# Parameters\n")]
    if not injected:
        return  # run interactively or as a script
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
    """Names assigned at the top level of a cell; empty if the cell is not plain Python, such as a `%magic`."""
    try:
        statements = ast.parse(cell).body
    except SyntaxError:
        return set()
    targets = [target for statement in statements if isinstance(statement, ast.Assign) for target in statement.targets]
    targets += [statement.target for statement in statements if isinstance(statement, ast.AnnAssign)]
    return {target.id for target in targets if isinstance(target, ast.Name)}
