"""The time at a chapter's head is the one that the build of the page measured, and no chapter types one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from docutils import nodes

from book import minutes

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "extensions"))
import measured_minutes  # noqa: E402

CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))
SECONDS = {"07_fcn": 2.4, **{f"{recipe}-{seed}": 30.0 for recipe in ("our_fcn32s", "our_fcn8s") for seed in range(5)}}


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda file: file.stem)
def test_a_chapter_types_no_time_of_its_own(chapter: Path) -> None:
    text = chapter.read_text(encoding="utf-8")
    said = [" ".join(part.replace("\n#", " ").split()) for part in text.split("**It takes** ")[1:]]
    assert all(part.startswith(minutes.UNMEASURED) for part in said)
    assert len(said) == (chapter.stem != "13_mistakes")


def test_the_time_is_that_of_the_chapter_and_of_its_trainings() -> None:
    said = minutes.measured("07_fcn", "quick", 0, SECONDS)
    assert said.startswith("2 seconds of one core once its ") and "took 5 minutes: measured" in said
    assert said.endswith("with the profile quick.")


def test_trainings_that_were_there_already_have_no_time() -> None:
    some = {name: seconds for name, seconds in SECONDS.items() if not name.endswith("-4")}
    assert "of them took 4 minutes" in minutes.measured("07_fcn", "quick", 0, some)
    assert "took" not in minutes.measured("07_fcn", "quick", 0, {"07_fcn": 2.4})


def test_a_chapter_that_was_not_measured_says_so_and_no_number() -> None:
    said = minutes.measured("07_fcn", "quick", 0, {"our_fcn32s-0": 30.0})
    assert said == minutes.UNKNOWN and not any(letter.isdigit() for letter in said)


def test_the_report_does_not_count_the_trainings_of_other_chapters() -> None:
    assert minutes.measured("12_report", "quick", 0, SECONDS | {"12_report": 6.4}).startswith("6 seconds of one core")
    other = minutes.plan.jobs(ROOT / "notebooks", "quick", 0)
    assert not {"our_fcn32s-0", "our_dino-0"} & set(minutes.trainings("11_cross_entropy_gradient", other))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.3, "about a second"), (7.4, "7 seconds"), (89, "89 seconds"), (100, "2 minutes"), (9000, "2.5 hours")],
)
def test_durations_are_said_as_one_would(seconds: float, words: str) -> None:
    assert minutes.duration(seconds) == words


def test_the_measured_words_stand_where_the_chapter_says_that_it_cannot_know() -> None:
    first, rest = minutes.UNMEASURED.split("; ")
    paragraph = nodes.paragraph(
        "", "", nodes.strong(text="It takes"), nodes.Text(f" {first};\n{rest} Nothing\ntrains.")
    )
    assert measured_minutes.replace(nodes.section("", paragraph), "an hour.")
    assert paragraph.astext() == "It takes an hour. Nothing trains."


def test_words_that_are_typed_stay() -> None:
    paragraph = nodes.paragraph("", "", nodes.strong(text="It takes"), nodes.Text(" a minute."))
    assert not measured_minutes.replace(nodes.section("", paragraph), "an hour.")
    assert paragraph.astext() == "It takes a minute."
