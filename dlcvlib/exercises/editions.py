"""Reader's edition of a chapter, assembled from the teacher's: solutions become stubs, cells for teachers leave.

The teacher's edition is the percent script `notebooks/NN_*.py`. Cells tagged `exercise` hold solutions, cells tagged
`teacher` are not for readers. A function that the chapter hands to `exercises.check` must stand in a cell tagged
`exercise`: a forgotten tag is an error, never a leak.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import jupytext
from jupytext.config import load_jupytext_config

from dlcvlib.exercises import stubs

EXERCISE, TEACHER, FOLDED = "exercise", "teacher", "hide-input"
"""Tags of cells; the last folds a cell's code on the page."""

Notebook = Any
"""A notebook as nbformat reads it."""


class EditionError(ValueError):
    """A chapter's exercises cannot be cut out safely; the message names chapter and cell."""


def chapters(folder: Path) -> list[Path]:
    """Return the chapters' scripts of a folder, in their order."""
    return sorted(folder.glob("[0-9][0-9]_*.py"))


def read(chapter: Path) -> Notebook:
    """Read a chapter's percent script."""
    return jupytext.reads(chapter.read_text(encoding="utf-8"), fmt="py:percent")


def script(notebook: Notebook, file: Path) -> str:
    """Return a notebook as the percent script that jupytext writes at `file`, with the settings found above it."""
    return str(jupytext.writes(notebook, fmt="py:percent", config=load_jupytext_config(str(file.absolute()))))


def readers_edition(notebook: Notebook, chapter: str) -> Notebook:
    """Assemble the reader's edition of a chapter; assembled from a reader's edition, it is the same.

    Args:
        notebook: the teacher's edition; it stays as it is.
        chapter: its name, for messages.

    Raises:
        EditionError: an exercise has no tag, or its cell cannot be cut.
    """
    named = [(f"chapter {chapter}, cell {n} ({first_line(cell)!r})", cell) for n, cell in enumerate(notebook.cells, 1)]
    for where, cell in named:
        if cell.cell_type == "code":
            _refuse_other_than_python(cell.source, where)
    checked = frozenset(checked_names(notebook))
    edition = copy.deepcopy(notebook)
    edition.cells = [
        _for_readers(copy.deepcopy(cell), checked, where) for where, cell in named if TEACHER not in tags(cell)
    ]
    return edition


def solutions(notebook: Notebook) -> Iterator[tuple[str, ...]]:
    """Yield, for each exercise cell, the lines that the reader's edition leaves out.

    Raises:
        ValueError: such a cell cannot be cut.
    """
    for cell in notebook.cells:
        if EXERCISE in tags(cell):
            yield stubs.stub(cell.source).solution


def checked_names(notebook: Notebook) -> Iterator[str]:
    """Yield the names that a chapter hands to `exercises.check`, whatever it imports `exercises` as."""
    sets = {"exercises", *_aliases(notebook)}
    for cell in code_cells(notebook):
        for call in ast.walk(ast.parse(cell.source)):
            if _is_check(call, sets):
                yield from (given.id for given in call.args if isinstance(given, ast.Name))


def code_cells(notebook: Notebook) -> list[Any]:
    """Return the cells that hold code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: Any) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def first_line(cell: Any) -> str:
    """Return the first line of a cell, by which a reader finds it."""
    return str(cell.source).strip().partition("\n")[0][:60]


def _for_readers(cell: Any, checked: frozenset[str], where: str) -> Any:
    if EXERCISE in tags(cell):
        try:
            made = stubs.stub(cell.source)
        except ValueError as error:
            raise EditionError(f"{where}: {error}") from error
        if whole := checked & set(made.names) - set(made.unwritten):
            raise EditionError(f"{where}: every line of {', '.join(sorted(whole))} is given; nothing is left to write")
        cell.source = made.source
        cell.metadata["tags"] = [tag for tag in tags(cell) if tag != FOLDED]
    elif cell.cell_type == "code" and (leaks := checked & set(_defined(ast.parse(cell.source)))):
        raise EditionError(
            f"{where} defines {', '.join(sorted(leaks))}, which the chapter hands to exercises.check: give the cell "
            f'the tags ["{EXERCISE}", "{FOLDED}"]'
        )
    elif FOLDED in tags(cell):
        cell.metadata["jupyter"] = {"source_hidden": True}  # JupyterLab folds by this, the book by the tag
    return cell


def _refuse_other_than_python(source: str, where: str) -> None:
    try:
        ast.parse(source)
    except SyntaxError as error:
        raise EditionError(f"{where} is not Python ({error.msg}), so it cannot be searched for solutions") from error


def _is_check(node: ast.AST, names: set[str]) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "check"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in names
    )


def _aliases(notebook: Notebook) -> Iterator[str]:
    """Yield the names under which a chapter imports sets of exercises."""
    for cell in code_cells(notebook):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dlcvlib.exercises"):
                yield from (alias.asname or alias.name for alias in node.names)


def _defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a cell defines or assigns; `f = exercises.check(f)` assigns what was written elsewhere."""
    yield from (node.name for node in ast.walk(tree) if isinstance(node, stubs.Definition))
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from {name for target in targets for name in _names(target)} - set(_names(statement.value))


def _names(tree: ast.AST) -> Iterator[str]:
    yield from (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
