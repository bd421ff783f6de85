"""Choice of lines: filled with its right lines a solution is right, with a wrong one it shows what that line names."""

from __future__ import annotations

from html import unescape

import pytest

from dlcvlib.exercises import CHAPTERS, of_chapter
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


def test_three_exercises_can_be_chosen_line_by_line() -> None:
    three = {("04_byol", "byol_loss"), ("07_fcn", "mean_iou"), ("09_deeplab", "focal_loss")}
    assert three <= set(SHOWN)


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


def test_an_exercise_without_lines_says_where_they_belong() -> None:
    exercise = of_chapter("07_fcn").exercise("mean_iou")
    with pytest.raises(KeyError, match=r"no lines of mean_iou: .*dlcvlib/exercises/lines"):
        lines("05_dino", exercise)


def test_a_line_of_an_unknown_misconception_is_an_error() -> None:
    exercise = of_chapter("07_fcn").exercise("mean_iou")
    with pytest.raises(ValueError, match="no misconception of mean_iou is called never_heard_of"):
        Lines("07_fcn", exercise, (Blank("", "a", {"b": "never_heard_of"}),))
