"""Audit of the exercises: every right answer is accepted, every known wrong one is named, and no two look alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from dlcvlib.exercises.answers import Written
from dlcvlib.exercises.exercise import Exercise, ExerciseSet
from dlcvlib.exercises.faults import Endless, Fault, faults_of, time_limit
from dlcvlib.exercises.fingerprints import Fingerprints
from dlcvlib.exercises.judge import alike, judge
from dlcvlib.exercises.observation import observe


@dataclass
class Audit:
    """Findings about the exercises of a chapter."""

    chapter: str
    exercises: int = 0
    right: int = 0
    """Right answers accepted."""
    wrong: int = 0
    """Wrong answers named."""
    injected: int = 0
    found: int = 0
    """Random faults injected into right answers, and those that are rejected."""
    survivors: list[Fault] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        text = (
            f"{self.chapter}: {self.exercises} exercises, {self.right} right answers accepted, "
            f"{self.wrong} misconceptions named"
        )
        if self.injected:
            text += f", {self.found} of {self.injected} random faults rejected"
        return text


def measured_fingerprints(of_chapter: ExerciseSet, answers: tuple[Written, ...]) -> Fingerprints:
    """Fingerprints of the wrong answers, by exercise and misconception."""
    return {
        exercise.name: {
            written.label: _fingerprints(exercise, written)
            for written in answers
            if written.exercise == exercise.name and not written.right
        }
        for exercise in of_chapter.exercises
    }


def _fingerprints(exercise: Exercise, written: Written) -> list[Any]:
    try:
        with time_limit():
            return [observe(case.run, written.function()).fingerprint() for case in exercise.cases]
    except Endless as error:
        raise ValueError(f"{exercise.name}: the answer {written.label} never returns; no reader should wait") from error


def audit(of_chapter: ExerciseSet, answers: tuple[Written, ...], *, inject: bool = False) -> Audit:
    """Judge all answers of a chapter by the stored fingerprints; with `inject`, right ones with random faults too."""
    found = Audit(of_chapter.chapter, exercises=len(of_chapter.exercises))
    found.problems += [
        f"{written.exercise}: an answer to no exercise of the chapter"
        for written in answers
        if written.exercise not in of_chapter.by_name
    ]
    measured = measured_fingerprints(of_chapter, answers)
    for exercise in of_chapter.exercises:
        own = [written for written in answers if written.exercise == exercise.name]
        found.problems += [f"{exercise.name}: {problem}" for problem in _lacking(exercise, own)]
        found.problems += [f"{exercise.name}: {problem}" for problem in _twins(measured[exercise.name])]
        for written in own:
            _try(found, exercise, written)
        found.problems += [f"{exercise.name}: {problem}" for problem in _unkind(of_chapter.chapter, exercise)]
        if inject:
            _inject(found, exercise, own)
    return found


def _try(found: Audit, exercise: Exercise, written: Written) -> None:
    try:
        with time_limit():
            verdict = judge(found.chapter, exercise, written.function())
    except Endless:
        found.problems.append(f"{exercise.name}: the answer {written.label} never returns")
        return
    if written.right and verdict.outcome == "right":
        found.right += 1
    elif not written.right and verdict.misconception == written.label:
        found.wrong += 1
    else:
        kind = "right" if written.right else "wrong"
        got = f"{verdict.outcome} {verdict.misconception}".strip()
        detail = f" ({verdict.case}: {verdict.got}, not {verdict.expected})" if verdict.case else ""
        found.problems.append(f"{exercise.name}: the {kind} answer {written.label} is judged {got}{detail}")


def _lacking(exercise: Exercise, own: list[Written]) -> Iterator[str]:
    labels = [written.label for written in own if not written.right]
    if not any(written.right for written in own):
        yield "there is no right answer"
    for name in sorted(set(exercise.misconceptions) ^ set(labels)):
        yield f"the misconception {name} has {'no wrong answer' if name not in labels else 'no message'}"
    for name in {name for name in labels if labels.count(name) > 1}:
        yield f"the misconception {name} has two wrong answers"


def _twins(of_exercise: dict[str, list[Any]]) -> Iterator[str]:
    for (one, first), (other, second) in combinations(of_exercise.items(), 2):
        if alike(first, second):
            yield f"{one} and {other} cannot be told apart by any case"


def _unkind(chapter: str, exercise: Exercise) -> Iterator[str]:
    """The stub and constants must get an outcome of their own, and never the name of a misconception."""

    def stub(*arguments: Any, **named: Any) -> Any:
        raise NotImplementedError

    if judge(chapter, exercise, stub).outcome != "unwritten":
        yield "the stub is not told from an answer"
    for constant in (0, 1.0, None):
        if (outcome := judge(chapter, exercise, lambda *_, constant=constant, **__: constant).outcome) == "right":
            yield f"the constant {constant} is judged {outcome}"


def _inject(found: Audit, exercise: Exercise, own: list[Written]) -> None:
    for written in own:
        if not written.right:
            continue
        for fault in faults_of(written):
            found.injected += 1
            if _right(found.chapter, exercise, fault):
                found.survivors.append(fault)
            else:
                found.found += 1


def _right(chapter: str, exercise: Exercise, fault: Fault) -> bool:
    try:
        with time_limit():
            return judge(chapter, exercise, fault.function()).outcome == "right"
    except Endless:
        return False
