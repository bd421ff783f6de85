"""Question of a chapter as a notebook and a page show it: predict first, then see.

The verdict of each choice and the result are folded by the style that stands beside them (question.css), so that a page
needs no script. A script of a few lines keeps the first choice (question.js). Where both are taken away, as in a
notebook that is not trusted, everything can be read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from IPython.display import Markdown, display

from dlcvlib.exercises.choices import Offered, choices_html
from dlcvlib.exercises.exercise import ExerciseSet, Question
from dlcvlib.exercises.inline import script, style
from dlcvlib.views.markdown import MARKDOWN, inline_html


@dataclass(frozen=True)
class Asked:
    """A question with its right choice and the result that answers it."""

    chapter: str
    question: Question
    right: str
    result: Any = None

    @property
    def html(self) -> str:
        """All of it in one piece; the result is its HTML."""
        return self._html(_html_of(self.result), apart=False)

    @property
    def text(self) -> str:
        """Question and choices as plain text, without the answer."""
        choices = [f"  ( ) {choice.text}" for choice in self.question.choices.values()]
        return "\n".join([f"Predict first: {self.question.text}", *choices])

    def _html(self, result: str, *, apart: bool) -> str:
        name = f"dlcv-{self.chapter}-{self.question.name}"
        legend = f"<b>Predict first</b> {inline_html(self.question.text)}"
        folded = f'<div class="dlcv-result">{result}</div>' if result else ""
        return (
            f'<div class="dlcv-question{" dlcv-apart" if apart else ""}" id="{name}" data-key="{name}">'
            f"{style('question.css')}\n"
            f"{choices_html(name, legend, self._offered())}\n{folded}\n{script('question.js')}</div>"
        )

    def _offered(self) -> Iterator[Offered]:
        for key, choice in self.question.choices.items():
            is_right = key == self.right
            verdict = f"<b>{self._verdict(is_right)}</b> {inline_html(choice.why)}"
            yield Offered(key, inline_html(choice.text), verdict, is_right)

    def _verdict(self, is_right: bool) -> str:
        by_run = self.question.right is None
        if is_right:
            return "✓ Right, in this run." if by_run else "✓ Right."
        return "✗ Not in this run." if by_run else "✗ Not so."

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self.html}

    def _ipython_display_(self) -> None:
        """Show the question; a result that JupyterLab draws by other means than HTML is an output of its own below."""
        parts = self.result if isinstance(self.result, list) else [self.result]
        if not any(map(_is_live, parts)):
            display(self._repr_mimebundle_(), raw=True)
            return
        display({"text/plain": self.text, "text/html": self._html("", apart=True)}, raw=True)
        for part in parts:
            display(Markdown(part) if isinstance(part, str) else part)


def ask(of_chapter: ExerciseSet, name: str, *, right: str | None = None, result: Any = None) -> Asked:
    """Return the question of this name, ready to be shown; see `ExerciseSet.ask`.

    Raises:
        KeyError: the chapter has no such question; the message lists those it has.
        ValueError: `right` is no choice of the question or contradicts it, or nothing says which choice is right.
    """
    by_name = {question.name: question for question in of_chapter.questions}
    if name not in by_name:
        raise KeyError(f"chapter {of_chapter.chapter} has no question {name!r}; it has {', '.join(by_name) or 'none'}")
    question = by_name[name]
    known = ", ".join(question.choices)
    if right is not None and right not in question.choices:
        raise ValueError(f"the question {name} has no choice {right!r}; its choices are {known}")
    if right is not None and question.right not in (None, right):
        raise ValueError(f"the question {name} has the right choice {question.right!r} already, not {right!r}")
    settled = right or question.right
    if settled is None:
        raise ValueError(f"the run settles the question {name}: give right=, one of {known}")
    return Asked(of_chapter.chapter, question, settled, result)


def _is_live(result: Any) -> bool:
    """Return True if the result has further mime types than HTML, as plotly's figures and widgets have."""
    if result is None or isinstance(result, str):
        return False
    bundle = getattr(result, "live", None)
    return bool(bundle) if bundle is not None else not isinstance(getattr(result, "html", None), str)


def _html_of(result: Any) -> str:
    """HTML of a result: of Markdown text, of a picture, of what a notebook would show, or of a list of these.

    Raises:
        TypeError: the result has no HTML.
    """
    if result is None:
        return ""
    if isinstance(result, list):
        return "\n".join(map(_html_of, result))
    if isinstance(result, str):
        return str(MARKDOWN.render(result))
    html = getattr(result, "html", None)
    if isinstance(html, str):
        return html
    shown = result._repr_html_() if hasattr(result, "_repr_html_") else None
    if not isinstance(shown, str):
        raise TypeError(f"a result is a picture or Markdown text, not {type(result).__name__}")
    return shown
