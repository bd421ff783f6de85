"""Right and wrong answers of a chapter's exercises, in `notebooks/answers/07_fcn.py`; they are never handed out.

The file is a percent script. A cell titled `right: mean_iou, from the confusion matrix` holds a right answer, one
titled `wrong: mean_iou, averaged_images` the wrong one of that misconception. Cells without such a title (imports,
helpers) are shared by all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext

from dlcvlib.exercises.exercise import Answer

TITLE = re.compile(r"(right|wrong): (\w+), (.+)")


@dataclass(frozen=True)
class Written:
    """An answer of the file."""

    exercise: str
    right: bool
    label: str
    """Name of the misconception, or how a right answer is written."""
    source: str
    shared: str
    """Source of the shared cells."""

    def function(self) -> Answer:
        """Run the shared cells and the answer in a namespace of its own; return the function.

        Raises:
            KeyError: the cell defines no function of the exercise's name.
        """
        return defined(self.exercise, self.source, self.shared)


def defined(name: str, source: str, shared: str = "") -> Answer:
    """Run sources in a namespace of its own; return what it defines as `name`."""
    namespace: dict[str, Any] = {"__name__": "answer"}
    for text in (shared, source):
        exec(compile(text, f"<{name}>", "exec"), namespace)
    if name not in namespace:
        raise KeyError(f"the answer defines no {name}")
    answer: Answer = namespace[name]
    return answer


def read(file: Path) -> tuple[Written, ...]:
    """Answers of a file, in its order.

    Raises:
        ValueError: a title has neither form.
    """
    cells = [cell for cell in jupytext.read(file, fmt="py:percent").cells if cell.cell_type == "code"]
    titled = [(str(cell.metadata.get("title", "")), cell.source) for cell in cells]
    shared = "\n".join(source for title, source in titled if not title)
    found = []
    for title, source in titled:
        if not title:
            continue
        match = TITLE.fullmatch(title)
        if match is None:
            raise ValueError(
                f"{file}: the title {title!r} is neither `right: EXERCISE, HOW` nor `wrong: EXERCISE, NAME`"
            )
        found.append(Written(match[2], match[1] == "right", match[3].strip(), source, shared))
    return tuple(found)
