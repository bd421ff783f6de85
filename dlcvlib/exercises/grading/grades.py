"""Grades of a class: every answer of every submission, each tried in a process of its own."""

from __future__ import annotations

import gc
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from dlcvlib import exercises
from dlcvlib.exercises.exercise import Exercise, ExerciseSet
from dlcvlib.exercises.grading import isolation, likeness, trial
from dlcvlib.exercises.grading.isolation import Ended, Limits, Running
from dlcvlib.exercises.grading.submissions import Submission, submissions
from dlcvlib.exercises.judge import Outcome, judge, verdict

WORKERS = 2
Result = Outcome | Literal["missing", "unreadable", "broken"]
"""Result of an answer: a verdict's outcome; or there is no function of this name, the submission could not be read, or
the answer broke off."""


@dataclass(frozen=True)
class Grade:
    """Result of one exercise in one submission."""

    exercise: str
    result: Result
    points: int = 0
    misconception: str = ""
    detail: str = ""
    """Failing case with both values, or why it broke off."""
    marks: tuple[str, ...] = ()
    """"as the library has it (…)", "calls dlcvlib"."""


@dataclass(frozen=True)
class Student:
    """Grades of one submission."""

    submission: Submission
    grades: tuple[Grade, ...]
    notes: tuple[str, ...] = ()
    """Notes: parts that could not be read, and other submissions of the same name."""

    @property
    def points(self) -> int:
        """Sum over the exercises."""
        return sum(grade.points for grade in self.grades)


@dataclass(frozen=True)
class Class:
    """Grades of all submissions of a chapter."""

    of_chapter: ExerciseSet
    students: tuple[Student, ...]
    limits: dict[str, bool]
    """Which further limits held, in words (`isolation.available`)."""
    seconds: float

    @property
    def out_of(self) -> int:
        """Points of all exercises."""
        return sum(exercise.points for exercise in self.of_chapter.exercises)


def grade(
    folder: Path,
    chapter: str,
    *,
    limits: Limits | None = None,
    workers: int = WORKERS,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> Class:
    """Grade the submissions in a folder.

    It is **no sandbox**: an answer runs on this machine, with limits. Grade people you do not trust in a container.

    Args:
        folder: holds a script, a notebook, a folder or a zip for each student.
        chapter: "07_fcn".
        limits: of each answer.
        workers: answers that are tried side by side.
        told: called with the number of answers that are done, and of all.

    Raises:
        ValueError: the chapter has no exercises.
        NotADirectoryError: `folder` is none.
        OSError: this system cannot fork (Windows).
    """
    if not hasattr(os, "fork"):
        raise OSError("answers are graded in forked processes, which Windows lacks: use WSL or a container")
    began, of_chapter = time.monotonic(), exercises.of_chapter(chapter)
    found = submissions(folder)
    _warm_up(of_chapter)
    jobs = deque((each, exercise) for each in found if not each.problem for exercise in of_chapter.exercises)
    ends = _run(jobs, of_chapter.chapter, limits or Limits(), workers, told)
    students = tuple(_student(of_chapter, each, ends) for each in found)
    return Class(of_chapter, students, isolation.available(), time.monotonic() - began)


def _warm_up(of_chapter: ExerciseSet) -> None:
    """Do here, once, what every fork would do again; with one thread, for others do not live in a fork."""
    torch.set_num_threads(1)
    for exercise in of_chapter.exercises:
        judge(of_chapter.chapter, exercise, exercise.reference)
    gc.collect()
    gc.freeze()


Job = tuple[Submission, Exercise]


def _run(
    jobs: deque[Job], chapter: str, limits: Limits, workers: int, told: Callable[[int, int], None]
) -> dict[tuple[Path, str], Ended]:
    running: dict[tuple[Path, str], Running] = {}
    ends: dict[tuple[Path, str], Ended] = {}
    count = len(jobs)
    try:
        while jobs or running:
            while jobs and len(running) < workers:
                submission, exercise = jobs.popleft()
                work = partial(trial.trial, submission.path.absolute(), chapter, exercise)
                running[submission.path, exercise.name] = isolation.start(work, limits)
            for key, each in list(running.items()):
                if (ended := each.poll()) is not None:
                    ends[key] = ended
                    del running[key]
                    told(len(ends), count)
            time.sleep(isolation.PAUSE / 2)
    finally:
        for each in running.values():
            each.kill()
    return ends


def _student(of_chapter: ExerciseSet, submission: Submission, ends: dict[tuple[Path, str], Ended]) -> Student:
    if submission.problem:
        missed = tuple(Grade(exercise.name, "unreadable") for exercise in of_chapter.exercises)
        return Student(submission, missed, tuple(filter(None, (submission.problem, submission.note))))
    grades, notes = [], [submission.note] if submission.note else []
    for exercise in of_chapter.exercises:
        ended = ends[submission.path, exercise.name]
        tried = trial.tried(ended.content)
        grades.append(_grade(of_chapter, exercise, tried, ended.stopped))
        notes += tried.problems
    return Student(submission, tuple(grades), tuple(dict.fromkeys(notes)))


def _grade(of_chapter: ExerciseSet, exercise: Exercise, tried: trial.Tried, stopped: str) -> Grade:
    where = likeness.of_library().get(tried.shape) if tried.shape else None
    marks: tuple[str, ...] = (f"as the library has it ({where})",) if where else ()
    marks += ("calls dlcvlib",) if tried.uses_library else ()
    if stopped or tried.raised:
        return Grade(exercise.name, "broken", detail=stopped or tried.raised, marks=marks)
    if not tried.found:
        return Grade(exercise.name, "unreadable" if tried.problems else "missing")
    if len(tried.seen) not in (1, len(exercise.cases)):
        return Grade(exercise.name, "broken", detail="it ended before all cases were tried", marks=marks)
    try:
        found = verdict(of_chapter.chapter, exercise, tried.seen)
    except ValueError:  # fewer observations than cases
        return Grade(exercise.name, "broken", detail="it ended before all cases were tried", marks=marks)
    detail = f"{found.case}: {found.got}, not {found.expected}" if found.expected else found.case
    points = exercise.points if found.outcome == "right" else 0
    return Grade(exercise.name, found.outcome, points, found.misconception, detail, marks)
