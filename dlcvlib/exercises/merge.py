"""Three-way merge of the reader's edition: what the reader wrote since the last edition is carried into the next one.

Cells are compared by kind and text. An answer is found by the name of its exercise, wherever it stands.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from dlcvlib.exercises.editions import EXERCISE, Notebook, tags

Cell = Any
DEFINED = re.compile(r"^(?:def|class) +(\w+)", re.MULTILINE)


def merge(last: Notebook, mine: Notebook, new: Notebook) -> Notebook:
    """Merge a new edition into the reader's notebook.

    No cell is lost that the reader wrote or changed, nor one that the chapter has anew: where both changed the same
    place, the chapter's cell stands first, the reader's below it. What neither changed is as in the new edition.

    Args:
        last: the edition from which the reader's notebook was made.
        mine: the reader's notebook as it is now.
        new: the edition of today.

    Returns:
        a notebook with the reader's metadata; the arguments stay as they are.
    """
    merged = copy.deepcopy(mine)
    before, after = _answered(last.cells, mine.cells, new.cells)
    merged.cells = copy.deepcopy(merge_cells(before, mine.cells, after))
    return merged


def merge_cells(last: Sequence[Cell], mine: Sequence[Cell], new: Sequence[Cell]) -> list[Cell]:
    """Merge lists of cells; see `merge`."""
    in_mine, in_new = _same(last, mine), _same(last, new)
    merged: list[Cell] = []
    at_last = at_mine = at_new = 0
    for position, cell in enumerate([*last, None]):
        if cell is None:
            here, there = len(mine), len(new)
        elif position in in_mine and position in in_new:
            here, there = in_mine[position], in_new[position]
        else:
            continue
        merged += _of_both(last[at_last:position], mine[at_mine:here], new[at_new:there])
        merged += new[there : there + 1]
        at_last, at_mine, at_new = position + 1, here + 1, there + 1
    return merged


def _of_both(last: Sequence[Cell], mine: Sequence[Cell], new: Sequence[Cell]) -> list[Cell]:
    """Merge the cells between two that all three have."""
    before, own, chapters = ([_text(cell) for cell in cells] for cells in (last, mine, new))
    if own == before:
        return list(new)
    if chapters == before:
        return list(mine)
    readers = [index for index, text in enumerate(own) if text not in before and text not in chapters]
    above = next((index for index, text in enumerate(own) if text in before), 0)
    return [*(mine[at] for at in readers if at < above), *new, *(mine[at] for at in readers if at >= above)]


def _answered(last: list[Cell], mine: list[Cell], new: list[Cell]) -> tuple[list[Cell], list[Cell]]:
    """Put the reader's answers in the place of the stubs of both editions; where the stub itself changed, below it.

    So an answer follows its exercise through the chapter, and no merge can part them.
    """
    before, after = list(last), []
    for cell in new:
        after.append(cell)
        old = _with_names(last, _names(cell)) if EXERCISE in tags(cell) else None
        answer = _with_names(mine, _names(cell)) if old is not None else None
        if old is None or answer is None or _text(answer) == _text(old):
            continue
        before[next(index for index, one in enumerate(before) if one is old)] = answer
        filled = copy.deepcopy(cell)
        filled.source = answer.source
        after[-1:] = [filled] if _text(old) == _text(cell) else [cell, filled]
    return before, after


def _with_names(cells: Sequence[Cell], names: set[str]) -> Cell | None:
    """Return the last cell that defines all of `names`: its definitions are those that count."""
    found = [cell for cell in cells if cell.cell_type == "code" and names and names <= _names(cell)]
    return found[-1] if found else None


def _names(cell: Cell) -> set[str]:
    return set(DEFINED.findall(cell.source))


def _text(cell: Cell) -> tuple[str, str]:
    return str(cell.cell_type), str(cell.source).strip()


def _same(one: Sequence[Cell], other: Sequence[Cell]) -> dict[int, int]:
    """Return the positions of equal cells, in an order that both have."""
    matcher = SequenceMatcher(None, [_text(cell) for cell in one], [_text(cell) for cell in other], autojunk=False)
    return {block.a + step: block.b + step for block in matcher.get_matching_blocks() for step in range(block.size)}
