"""Verdict as a reader's cell shows it after `exercises.check(mean_iou)`, in a notebook or as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from IPython.display import display

from dlcvlib.exercises import progress
from dlcvlib.exercises.exercise import Answer, Exercise, ExerciseSet
from dlcvlib.exercises.inline import style
from dlcvlib.exercises.judge import Verdict, judge
from dlcvlib.views.markdown import inline_html

TITLES = {
    "right": "✓ {name} is right.",
    "unwritten": "○ {name} is not written yet.",
    "constant": "✗ {name} is not right yet.",
    "misconception": "✗ {name} is not right yet: {misconception}.",
    "wrong": "✗ {name} is not right yet.",
}
"""First line of a verdict by its outcome; the sign says the same as the colour."""


@dataclass(frozen=True)
class Shown:
    """A verdict as a notebook shows it."""

    verdict: Verdict

    @property
    def title(self) -> str:
        """First line, without Markdown."""
        names = {"name": self.verdict.exercise, "misconception": self.verdict.misconception.replace("_", " ")}
        return TITLES[self.verdict.outcome].format(**names)

    @property
    def details(self) -> list[tuple[str, str]]:
        """The failing case and both values, each with its label."""
        if not self.verdict.case:
            return []
        got = "It raised" if self.verdict.error else "Yours gave"
        rows = [("Tried with", self.verdict.case), (got, self.verdict.got), ("Expected", self.verdict.expected)]
        return [(label, value) for label, value in rows if value]

    @property
    def text(self) -> str:
        """All of it as plain text."""
        lines = [self.title, self.verdict.message, *(f"  {label}: {value}" for label, value in self.details)]
        return "\n".join(line for line in lines if line)

    @property
    def html(self) -> str:
        """All of it as HTML, with its style."""
        rows = "".join(f"<dt>{label}</dt><dd><code>{escape(value)}</code></dd>" for label, value in self.details)
        message = f"<p>{inline_html(self.verdict.message)}</p>" if self.verdict.message else ""
        return (
            f'<div class="dlcv-verdict dlcv-{self.verdict.outcome}" role="status">{style("verdict.css")}'
            f"<p><b>{escape(self.title)}</b></p>{message}{f'<dl>{rows}</dl>' if rows else ''}</div>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self.html}

    def __repr__(self) -> str:
        return self.text


def check(of_chapter: ExerciseSet, answer: Answer, namespace: Mapping[str, Any] | None = None) -> Answer:
    """Judge an answer, show the verdict, and return the answer if it is right, else the library's function.

    Args:
        of_chapter: exercises of the chapter.
        answer: the reader's function.
        namespace: the chapter's names; they tell the exercise of a function that was defined under another name.

    Raises:
        KeyError: the answer belongs to no exercise of the chapter; the message lists them.
        TypeError: the answer cannot be called.
    """
    if any(answer is exercise.reference for exercise in of_chapter.exercises):
        display(Told(AGAIN))
        return answer
    exercise = of_chapter.exercise(name_of(of_chapter, answer, namespace or {}))
    verdict = judge(of_chapter.chapter, exercise, answer)
    display(Shown(verdict))
    if verdict.outcome != "right":
        return exercise.reference
    progress.solved(of_chapter.chapter, exercise.name)
    return answer


def name_of(of_chapter: ExerciseSet, answer: Any, namespace: Mapping[str, Any]) -> str:
    """Name of the exercise that a function or class answers: the name it was defined by, else one it is bound to.

    Raises:
        TypeError: it cannot be called, such as the result of a call.
    """
    if not callable(answer):
        raise TypeError(f"check() takes the function itself, as in check(mean_iou), not {type(answer).__name__}")
    own = str(getattr(answer, "__name__", type(answer).__name__))
    bound = (name for name in of_chapter.by_name if namespace.get(name) is answer)
    return own if own in of_chapter.by_name else next(bound, own)


AGAIN = (
    "This is the library's function, which stands in for yours until yours is right. Run the cell with your function "
    "again, then this one."
)


@dataclass(frozen=True)
class Told:
    """A note in place of a verdict."""

    text: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        html = f'<div class="dlcv-verdict dlcv-unwritten" role="status"><p>{escape(self.text)}</p></div>'
        return {"text/plain": self.text, "text/html": html}

    def __repr__(self) -> str:
        return self.text


__all__ = ["Exercise", "Shown", "check"]
