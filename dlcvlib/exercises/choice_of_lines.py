"""Exercise for readers without a kernel: for each blank of the solution, choose the right line among wrong ones.

Each wrong line shows a misconception that the exercise's check would name, and says what the check would say. The lines
are in the folder `lines`, one file a chapter, apart from the exercises: they are answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any

from dlcvlib.exercises import CHAPTERS
from dlcvlib.exercises.choices import Offered, choices_html
from dlcvlib.exercises.exercise import Exercise
from dlcvlib.exercises.inline import style
from dlcvlib.exercises.lines.blank import Blank
from dlcvlib.views.markdown import inline_html


@dataclass(frozen=True)
class Lines:
    """Solution of an exercise with blanks, as a notebook and a page show it."""

    chapter: str
    exercise: Exercise
    parts: tuple[str | Blank, ...]

    def __post_init__(self) -> None:
        named = {name for part in self.parts if isinstance(part, Blank) for name in part.wrong.values()}
        if unknown := named - set(self.exercise.misconceptions):
            raise ValueError(f"no misconception of {self.exercise.name} is called {', '.join(sorted(unknown))}")

    @property
    def html(self) -> str:
        """The lines in their order; a blank is a group of choices."""
        name = f"dlcv-{self.chapter}-{self.exercise.name}-lines"
        parts = "\n".join(self._part(f"{name}-{index}", part) for index, part in enumerate(self.parts))
        label = f"Choose the lines of {self.exercise.name}"
        return f'<div class="dlcv-lines" role="group" aria-label="{label}">{style("question.css")}\n{parts}</div>'

    @property
    def text(self) -> str:
        """The lines as plain text, with the choices of each blank and without the answer."""
        return "\n".join(part if isinstance(part, str) else _choices_text(part) for part in self.parts)

    def filled(self, wrong: str = "") -> str:
        """Source of the solution; `wrong` stands in the blank that it is a choice of."""
        return "\n".join(
            part if isinstance(part, str) else wrong if wrong in part.wrong else part.right for part in self.parts
        )

    def _part(self, name: str, part: str | Blank) -> str:
        if isinstance(part, str):
            return f"<pre>{escape(part)}</pre>"
        asked = "Choose the lines" if "\n" in part.right else "Choose a line"
        legend = f"<b>{asked}</b> {inline_html(part.text)}"
        return f'<div class="dlcv-question">{choices_html(name, legend, self._offered(part))}</div>'

    def _offered(self, blank: Blank) -> Iterator[Offered]:
        shown = _dedented(blank.choices)
        for index, line in enumerate(blank.choices):
            misconception = blank.wrong.get(line)
            verdict = "<b>✓ Right.</b>"
            if misconception is not None:
                message = inline_html(self.exercise.misconceptions[misconception])
                verdict = f"<b>✗ Not so: {misconception.replace('_', ' ')}.</b> {message}"
            yield Offered(str(index), _code(shown[index]), verdict, misconception is None)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self.html}


def lines(chapter: str, exercise: Exercise) -> Lines:
    """Return the choice-of-lines form of an exercise.

    Raises:
        KeyError: there are no lines of the exercise; the message says where they belong.
        ValueError: a wrong line shows a misconception that the exercise does not have.
    """
    known = of_chapter(chapter)
    if exercise.name not in known:
        raise KeyError(f"there are no lines of {exercise.name}: they belong into the folder dlcvlib/exercises/lines")
    return Lines(chapter, exercise, known[exercise.name])


def of_chapter(chapter: str) -> Mapping[str, tuple[str | Blank, ...]]:
    """Lines of a chapter's exercises by their names; empty without its file."""
    module = f"dlcvlib.exercises.lines.{CHAPTERS.get(chapter, chapter)}"
    try:
        found: Mapping[str, tuple[str | Blank, ...]] = import_module(module).LINES
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        return {}
    return found


def _dedented(choices: Iterable[str]) -> list[str]:
    """Choices without the indentation that all have; what is left of it, as of a line within a `with`, is a choice."""
    common = min(len(line) - len(line.lstrip()) for choice in choices for line in choice.splitlines())
    return ["\n".join(line[common:] for line in choice.splitlines()) for choice in choices]


def _code(lines: str) -> str:
    """One `<code>` a line, for each has a hanging indent of its own."""
    return "".join(f"<code>{escape(line)}</code>" for line in lines.splitlines())


def _choices_text(blank: Blank) -> str:
    return "\n".join([f"  one of these ({blank.text}):", *(f"  ( ) {line}" for line in blank.choices)])
