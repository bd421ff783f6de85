"""Judge of an answer: right or not, and if not, which misconception it shows.

Two questions are kept apart. *Right?* The answer gives what the library's function gives in every case, however it is
written. *What is wrong?* Its fingerprint is looked up among those of known misconceptions. An unknown one gets no name
rather than a wrong name: then the verdict shows the first case that fails, with both values.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from dlcvlib.exercises.exercise import Answer, Exercise
from dlcvlib.exercises.fingerprints import stored
from dlcvlib.exercises.observation import Observation, close, observe

Outcome = Literal["right", "unwritten", "constant", "misconception", "wrong"]


@dataclass(frozen=True)
class Verdict:
    """Judgement of an answer."""

    exercise: str
    outcome: Outcome
    misconception: str = ""
    """Its name, if the outcome is `misconception`."""
    message: str = ""
    """Markdown; empty if the answer is right."""
    case: str = ""
    """Name of the first case that fails."""
    got: str = ""
    expected: str = ""
    error: bool = False
    """`got` is an error."""


def judge(chapter: str, exercise: Exercise, answer: Answer) -> Verdict:
    """Run an answer in all cases of an exercise of a chapter ("07_fcn")."""
    return verdict(chapter, exercise, run(exercise, answer))


def run(exercise: Exercise, answer: Answer) -> tuple[Observation, ...]:
    """Observations of an answer in each case; the first alone of a stub that the reader has not written yet."""
    first = observe(exercise.cases[0].run, answer)
    if _is_stub(first):
        return (first,)
    return (first, *(observe(case.run, answer) for case in exercise.cases[1:]))


def verdict(chapter: str, exercise: Exercise, seen: tuple[Observation, ...]) -> Verdict:
    """Judge what was observed."""
    expected = _expected(exercise)
    if _is_stub(seen[0]):
        return Verdict(exercise.name, "unwritten", message=UNWRITTEN.format(name=exercise.name))
    failed = [index for index, pair in enumerate(zip(seen, expected, strict=True)) if not Observation.equals(*pair)]
    if not failed:
        return _in_place(exercise, seen, expected) or Verdict(exercise.name, "right")
    name = misconception_of(chapter, exercise, seen)
    case, got, wanted = exercise.cases[failed[0]], seen[failed[0]], expected[failed[0]]
    outcome: Outcome = "misconception" if name else "wrong"
    message = exercise.misconceptions[name] if name else case.idea
    if not name and got.misfit:
        message = SIGNATURE.format(call=signature(exercise))
    elif not name and _constant(seen) and not _constant(expected):
        outcome, message = "constant", NOTHING if seen[0].leaves and seen[0].leaves[0].form == "nothing" else CONSTANT
    return Verdict(
        exercise.name, outcome, name, message, case.name, got.in_words(), wanted.in_words(), got.error is not None
    )


def _in_place(exercise: Exercise, seen: tuple[Observation, ...], expected: tuple[Observation, ...]) -> Verdict | None:
    """Verdict on an answer that gives what is right, but changes an argument that the library's function leaves."""
    for case, got, wanted in zip(exercise.cases, seen, expected, strict=True):
        if got.changed and not wanted.changed:
            return Verdict(exercise.name, "wrong", message=CHANGED.format(argument=got.changed), case=case.name)
    return None


def signature(exercise: Exercise) -> str:
    """Call of the function in the chapter: "mean_iou(pred, target)"."""
    parameters = inspect.signature(exercise.reference).parameters.values()
    return f"{exercise.name}({', '.join(str(each.replace(annotation=each.empty)) for each in parameters)})"


def misconception_of(chapter: str, exercise: Exercise, seen: tuple[Observation, ...]) -> str:
    """Name of the misconception whose stored fingerprint the observations have; empty if none."""
    own = [in_order(observation.fingerprint()) for observation in seen]
    for name, known in stored(chapter).get(exercise.name, {}).items():
        if name in exercise.misconceptions and alike(own, [in_order(of_case) for of_case in known]):
            return name
    return ""


def in_order(fingerprint: list[Any]) -> list[Any]:
    """Fingerprint of a case with its leaves by their place, for a dict has no order that counts."""
    return sorted(fingerprint, key=lambda leaf: leaf[0] if isinstance(leaf, list) else leaf)


def alike(one: Any, other: Any) -> bool:
    """Two fingerprints, or parts of them, are equal within the tolerance of their numbers."""
    if isinstance(one, list) and isinstance(other, list):
        if all(isinstance(value, float | int) for value in (*one, *other)):
            return close(np.asarray(one, float), np.asarray(other, float))
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int):
        return close(np.asarray(one, float), np.asarray(other, float))
    return bool(one == other)


UNWRITTEN = (
    "`{name}` is not written yet: replace the line `raise NotImplementedError` with your answer. "
    "Until then the chapter uses the library's function."
)
CONSTANT = "Your function gives the same in every case. Does its result depend on its arguments?"
NOTHING = "Your function returns nothing. Is there a `return` at its end? What is only printed, the chapter cannot use."
SIGNATURE = "Your function does not take the arguments that it is given. The chapter calls it as `{call}`."
CHANGED = (
    "The result is right, but your function changes its argument `{argument}` in place, and whoever calls it still "
    "needs that. Work on a copy, or write the result to a new variable."
)


def _is_stub(observation: Observation) -> bool:
    """The line `raise NotImplementedError` itself; torch raises the same class, with a message."""
    error = observation.error
    return error is not None and type(error).__name__ == "NotImplementedError" and not str(error)


def _constant(seen: tuple[Observation, ...]) -> bool:
    return len(seen) > 1 and all(each.error is None and each.equals(seen[0]) for each in seen)


@lru_cache(maxsize=256)
def _expected(exercise: Exercise) -> tuple[Observation, ...]:
    return tuple(observe(case.run, exercise.reference) for case in exercise.cases)
