"""Exercises of every chapter: right answers are accepted, wrong ones named, and nothing is recognised by luck."""

from __future__ import annotations

from functools import cache
from statistics import median

import pytest

from dlcvlib import exercises, paths
from dlcvlib.exercises import answers
from dlcvlib.exercises.audit import Audit, audit, measured_fingerprints
from dlcvlib.exercises.fingerprints import stored
from dlcvlib.exercises.judge import alike
from dlcvlib.views.markdown import inline_html

CHAPTERS = list(exercises.CHAPTERS)
ALL = [f"{number:02}" for number in (*range(13), 14)]
MIN_EXERCISES = 40
MIN_MISCONCEPTIONS = 4
"""In the median over all exercises."""
MIN_REJECTED = 0.9
"""Share of random faults in right answers; survivors give an equal program, or differ in rare inputs only."""


@cache
def written(chapter: str) -> tuple[answers.Written, ...]:
    return answers.read(paths.answers_home() / f"{chapter}.py")


@cache
def audited(chapter: str) -> Audit:
    return audit(exercises.of_chapter(chapter), written(chapter), inject=True)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_right_answer_is_accepted_and_every_wrong_one_named(chapter: str) -> None:
    found, known = audited(chapter), written(chapter)
    assert found.problems == []
    assert found.right == sum(answer.right for answer in known) and found.wrong == len(known) - found.right
    assert found.right >= found.exercises > 0


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_stored_fingerprints_are_those_that_the_wrong_answers_give(chapter: str) -> None:
    measured = measured_fingerprints(exercises.of_chapter(chapter), written(chapter))
    kept = stored(chapter)
    told = f"run `python -m dlcvlib exercises check {chapter} --write`"
    assert {name: list(known) for name, known in kept.items()} == {
        name: list(known) for name, known in measured.items()
    }, told
    stale = [
        f"{name}, {misconception}"
        for name, known in measured.items()
        for misconception, fingerprint in known.items()
        if not alike(fingerprint, kept[name][misconception])
    ]
    assert stale == [], told


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exercise_has_right_answers_written_in_two_ways(chapter: str) -> None:
    ways = {
        exercise.name: sum(answer.right for answer in written(chapter) if answer.exercise == exercise.name)
        for exercise in exercises.of_chapter(chapter).exercises
    }
    assert {name: count for name, count in ways.items() if count < 2} == {}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_message_never_holds_a_line_of_a_right_answer(chapter: str) -> None:
    lines = {
        line.strip()
        for answer in written(chapter)
        if answer.right
        for line in answer.source.splitlines()
        if len(line.strip()) > 15 and not line.strip().startswith(("def ", "class ", "import ", "from "))
    }
    said = [
        text
        for exercise in exercises.of_chapter(chapter).exercises
        for text in (*exercise.misconceptions.values(), *(case.idea for case in exercise.cases))
    ]
    assert [line for line in lines if any(line in text for text in said)] == []


def texts(chapter: str) -> list[str]:
    """Messages, ideas and questions of a chapter, in Markdown."""
    of_chapter = exercises.of_chapter(chapter)
    said = [text for each in of_chapter.exercises for text in each.misconceptions.values()]
    said += [case.idea for each in of_chapter.exercises for case in each.cases]
    for question in of_chapter.questions:
        said += [question.text, *(part for choice in question.choices.values() for part in (choice.text, choice.why))]
    return said


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_formulas_of_messages_and_questions_are_drawn(chapter: str) -> None:
    for text in texts(chapter):
        assert inline_html(text).count("<math") == text.replace(r"\$", "").count("$") / 2, text


def test_nearly_all_random_faults_are_rejected() -> None:
    found = [audited(chapter) for chapter in CHAPTERS]
    injected, rejected = sum(each.injected for each in found), sum(each.found for each in found)
    survivors = [f"{each.written.exercise}, {each.change}" for audit in found for each in audit.survivors]
    assert rejected >= MIN_REJECTED * injected > 0, "\n".join(survivors)


def test_in_the_median_an_exercise_names_several_misconceptions() -> None:
    counts = [
        len(exercise.misconceptions) for chapter in CHAPTERS for exercise in exercises.of_chapter(chapter).exercises
    ]
    assert median(counts) >= MIN_MISCONCEPTIONS


def test_every_chapter_but_that_of_mistakes_has_exercises() -> None:
    assert sorted(chapter.partition("_")[0] for chapter in CHAPTERS) == ALL
    assert sum(len(exercises.of_chapter(chapter).exercises) for chapter in CHAPTERS) >= MIN_EXERCISES


def test_chapters_with_exercises_are_those_of_the_book_and_stand_in_its_order() -> None:
    files = {file.stem for file in (paths.home() / "notebooks").glob("[0-9][0-9]_*.py")}
    assert set(CHAPTERS) <= files and sorted(CHAPTERS) == CHAPTERS
    assert [exercises.of_chapter(chapter).chapter for chapter in CHAPTERS] == CHAPTERS
