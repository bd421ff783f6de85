"""Choice of lines: filled with its right lines a solution is right, with a wrong one it shows what that line names."""

from __future__ import annotations

from collections import Counter
from html import unescape
from itertools import pairwise

import pytest
from teachers_checkouts import ROOT

from dlcvlib.exercises import CHAPTERS, editions, of_chapter
from dlcvlib.exercises.answers import defined
from dlcvlib.exercises.choice_of_lines import Lines, lines
from dlcvlib.exercises.choice_of_lines import of_chapter as lines_of
from dlcvlib.exercises.judge import judge
from dlcvlib.exercises.lines.blank import Blank

SHOWN = {(chapter, name): of_chapter(chapter).lines(name) for chapter in CHAPTERS for name in lines_of(chapter)}
WRONG = [
    (shown, line, misconception)
    for shown in SHOWN.values()
    for part in shown.parts
    if isinstance(part, Blank)
    for line, misconception in part.wrong.items()
]
of_each_form = pytest.mark.parametrize("shown", SHOWN.values(), ids=[name for _, name in SHOWN])


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_with_exercises_shows_one_line_by_line(chapter: str) -> None:
    assert lines_of(chapter)


@pytest.mark.parametrize(("chapter", "name"), SHOWN)
def test_a_chapter_shows_the_lines_right_after_the_check_and_to_teachers_alone(chapter: str, name: str) -> None:
    cells = editions.read(ROOT / "notebooks" / f"{chapter}.py").cells
    before, after = next(pair for pair in pairwise(cells) if pair[1].source == f'exercises.lines("{name}")')
    assert before.source == f"{name} = exercises.check({name})"
    assert editions.tags(after) == ["teacher", "hide-input"]


def _place(blank: Blank) -> str:
    return f"{blank.choices.index(blank.right) + 1} of {len(blank.choices)}"


def _length(blank: Blank) -> str:
    shorter = sum(len(line) < len(blank.right) for line in blank.wrong)
    longer = sum(len(line) > len(blank.right) for line in blank.wrong)
    return "longest" if shorter == len(blank.wrong) else "shortest" if longer == len(blank.wrong) else "between"


def test_neither_the_place_nor_the_length_of_a_line_tells_that_it_is_right() -> None:
    blanks = [part for shown in SHOWN.values() for part in shown.parts if isinstance(part, Blank)]
    by_chance = sum(1 / len(blank.choices) for blank in blanks)
    for guessed in ("longest", "shortest"):
        assert sum(_length(blank) == guessed for blank in blanks) < by_chance
    for number in (2, 3):
        of_number = [_place(blank) for blank in blanks if len(blank.choices) == number]
        assert max(Counter(of_number).values()) < 0.6 * len(of_number)


@of_each_form
def test_the_right_lines_are_a_right_answer(shown: Lines) -> None:
    verdict = judge(shown.chapter, shown.exercise, defined(shown.exercise.name, shown.filled()))
    assert verdict.outcome == "right", f"{verdict.case}: {verdict.got}, not {verdict.expected}"


@pytest.mark.parametrize(("shown", "line", "misconception"), WRONG, ids=[name for *_, name in WRONG])
def test_a_wrong_line_shows_the_misconception_that_it_names(shown: Lines, line: str, misconception: str) -> None:
    verdict = judge(shown.chapter, shown.exercise, defined(shown.exercise.name, shown.filled(line)))
    assert verdict.misconception == misconception


@of_each_form
def test_each_wrong_line_says_what_its_misconception_is(shown: Lines) -> None:
    blanks = [part for part in shown.parts if isinstance(part, Blank)]
    html = unescape(shown.html)
    assert html.count("<fieldset") == html.count("✓ Right.") == len(blanks)
    for blank in blanks:
        assert len(blank.wrong) >= 1
        for misconception in blank.wrong.values():
            assert f"Not so: {misconception.replace('_', ' ')}." in html


@of_each_form
def test_plain_text_offers_every_line_and_tells_no_verdict(shown: Lines) -> None:
    assert "Right" not in shown.text
    assert all(line in shown.text for part in shown.parts if isinstance(part, Blank) for line in part.choices)


def test_lines_keep_the_indentation_that_tells_them_apart() -> None:
    blank = Blank("", "        a.close()\n        b = 1", {"            a.close()\n        b = 2": "half_renamed"})
    html = Lines("00_start_here", of_chapter("00_start_here").exercise("whole_file"), (blank,)).html
    assert "Choose the lines" in html
    assert "<code>a.close()</code><code>b = 1</code>" in html
    assert "<code>    a.close()</code><code>b = 2</code>" in html


def test_an_exercise_without_lines_says_where_they_belong() -> None:
    exercise = of_chapter("07_fcn").exercise("mean_iou")
    with pytest.raises(KeyError, match=r"no lines of mean_iou: .*dlcvlib/exercises/lines"):
        lines("05_dino", exercise)


def test_a_line_of_an_unknown_misconception_is_an_error() -> None:
    exercise = of_chapter("07_fcn").exercise("mean_iou")
    with pytest.raises(ValueError, match="no misconception of mean_iou is called never_heard_of"):
        Lines("07_fcn", exercise, (Blank("", "a", {"b": "never_heard_of"}),))
