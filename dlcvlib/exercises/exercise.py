"""Exercise and question of a chapter: what is asked, tried and said; never an answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[..., Any]
"""A function (or class) as a reader wrote it."""


@dataclass(frozen=True)
class Case:
    """Try of an answer."""

    name: str
    """Description for the reader: "two images of unequal size"."""
    run: Callable[[Answer], Any]
    """Calls the answer; returns what it gave, and what it changed (see `observation`)."""
    idea: str = ""
    """Hint for the reader if this case alone fails."""


@dataclass(frozen=True, eq=False)
class Exercise:
    """Function that the reader writes.

    An answer is *right* if it gives what `reference` gives in every case. If it is wrong, its fingerprint (what it
    gives in each case) tells which of the known misconceptions it shows.
    """

    name: str
    """Name of the function, as the reader's cell defines it."""
    reference: Answer
    """The library's function; stands in for the reader's until that is right."""
    cases: tuple[Case, ...]
    misconceptions: Mapping[str, str]
    """Messages to the reader, by the misconception's name ("averaged_images"); Markdown, without the answer."""
    points: int = 1

    def __post_init__(self) -> None:
        if len({case.name for case in self.cases}) < len(self.cases) or not self.cases:
            raise ValueError(f"the exercise {self.name} needs cases, each with a name of its own")


@dataclass(frozen=True)
class Choice:
    """Answer that a reader can choose."""

    text: str
    why: str
    """Reason why it is right or wrong, shown once it is chosen."""


@dataclass(frozen=True)
class Question:
    """Prediction that a reader makes before the result is shown."""

    name: str
    text: str
    """Markdown."""
    choices: Mapping[str, Choice]
    """By a key of a word: "more"."""
    right: str | None = None
    """Key of the right choice; None if the run settles it."""

    def __post_init__(self) -> None:
        if self.right is not None and self.right not in self.choices:
            raise ValueError(f"the question {self.name} has no choice {self.right!r}: {', '.join(self.choices)}")


@dataclass(frozen=True, eq=False)
class ExerciseSet:
    """Exercises and questions of one chapter, by their names."""

    chapter: str
    """Stem of the chapter's file: "07_fcn"."""
    exercises: tuple[Exercise, ...]
    questions: tuple[Question, ...] = ()
    by_name: dict[str, Exercise] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {each.name: each for each in self.exercises})

    def exercise(self, name: str) -> Exercise:
        """Return the exercise of this name.

        Raises:
            KeyError: there is none; the message lists those of the chapter.
        """
        if name not in self.by_name:
            raise KeyError(f"chapter {self.chapter} has no exercise {name!r}; it has {', '.join(self.by_name)}")
        return self.by_name[name]

    def check(self, answer: Answer) -> Answer:
        """Judge the reader's function and show the verdict; return it if it is right, else the library's.

        So the cells below always run. The first right answer is kept in the reader's progress.
        """
        from dlcvlib.exercises.check import check

        frame = inspect.currentframe()
        caller = frame.f_back if frame else None
        return check(self, answer, caller.f_globals if caller else {})

    def lines(self, name: str) -> Any:
        """Return the exercise as a choice of lines, for readers without a kernel.

        Args:
            name: name of an exercise that `dlcvlib.exercises.lines` has lines of.
        """
        from dlcvlib.exercises.choice_of_lines import lines

        return lines(self.chapter, self.exercise(name))

    def ask(self, name: str, *, right: str | None = None, result: Any = None) -> Any:
        """Return the question, which unfolds `result` once the reader has made a choice.

        Args:
            name: name of the question.
            right: key of the right choice, computed by the chapter, of a question that the run settles.
            result: picture, Markdown text or a list of these, shown below the choices.
        """
        from dlcvlib.exercises.questions import ask

        return ask(self, name, right=right, result=result)
