"""Page of a class: its misconceptions as bars, and every student's results. One file, offline, without scripts."""

from __future__ import annotations

from collections import Counter
from html import escape
from pathlib import Path

from dlcvlib.exercises.exercise import Exercise
from dlcvlib.exercises.grading.grades import Class, Grade, Result, Student
from dlcvlib.views.markdown import inline_html

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
WORDS: dict[Result, str] = {
    "right": "right",
    "misconception": "a known misconception",
    "wrong": "wrong, unknown how",
    "constant": "the same in every case",
    "unwritten": "not written",
    "missing": "no function of this name",
    "unreadable": "could not be read",
    "broken": "broke off",
}
SIGNS: dict[Result, str] = {"right": "✓", "unwritten": "○", "missing": "○", "unreadable": "?", "broken": "!"}
"""In the table of students; all others have a ✗."""
NO_SANDBOX = (
    "This is no sandbox. Each answer ran on the teacher's machine, in a process of its own with limits. Grade the work "
    "of people whom you do not trust in a container without network."
)
CONTAINER = (
    "docker run --rm --network none --memory 4g --pids-limit 200 -v FOLDER:/class:ro -v OUT:/out IMAGE "
    "dlcv grade /class --chapter {chapter} --csv /out/grades.csv --page /out/grades.html"
)


def page(graded: Class) -> str:
    """HTML of the page."""
    chapter = escape(graded.of_chapter.chapter)
    parts = "\n".join(_of_exercise(graded, exercise) for exercise in graded.of_chapter.exercises)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Grades of {chapter}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><main><h1>Grades of chapter {chapter}</h1>\n{_overview(graded)}\n{parts}\n{_students(graded)}\n"
        f"{_limits(graded)}</main></body></html>\n"
    )


def bar(label: str, count: int, of: int) -> str:
    """A row of a chart; the number stands beside the bar, so that nothing is told by colour or length alone."""
    share = 100 * count / of if of else 0.0
    return (
        f'<tr><th scope="row">{label}</th><td class="count">{count}</td><td class="bar">'
        f'<svg role="img" aria-label="{count} of {of}" viewBox="0 0 100 8" preserveAspectRatio="none">'
        f'<rect class="all" width="100" height="8"/><rect class="own" width="{share:.1f}" height="8"/></svg></td></tr>'
    )


def _overview(graded: Class) -> str:
    students, out_of = graded.students, graded.out_of
    mean = sum(student.points for student in students) / len(students) if students else 0.0
    return (
        f"<p>{len(students)} submissions, on average {mean:.1f} of {out_of} points. Graded in {graded.seconds:.0f} s. "
        "A misconception is named where an answer gives in every case what the misconception gives.</p>"
    )


def _of_exercise(graded: Class, exercise: Exercise) -> str:
    grades = _grades(graded, exercise.name)
    named = Counter(grade.misconception for grade in grades if grade.misconception)
    other: Counter[str] = Counter(grade.result for grade in grades if grade.result != "misconception")
    rows = [bar(_misconception(exercise, name), count, len(grades)) for name, count in named.most_common()]
    rows += [bar(escape(words), other[result], len(grades)) for result, words in WORDS.items() if other[result]]
    caption = f"How many of {len(grades)} answers to {escape(exercise.name)} show which misconception"
    head = '<thead><tr><th scope="col">Answer</th><th scope="col">Number</th><th scope="col">Share</th></tr></thead>'
    return (
        f"<section><h2><code>{escape(exercise.name)}</code></h2><table class='chart'><caption>{caption}</caption>"
        f"{head}<tbody>{''.join(rows)}</tbody></table></section>"
    )


def _misconception(exercise: Exercise, name: str) -> str:
    message = inline_html(exercise.misconceptions.get(name, ""))
    return f"<details><summary>{escape(name.replace('_', ' '))}</summary><p>{message}</p></details>"


def _grades(graded: Class, exercise: str) -> list[Grade]:
    return [grade for student in graded.students for grade in student.grades if grade.exercise == exercise]


def _students(graded: Class) -> str:
    names = "".join(f'<th scope="col">{escape(each.name)}</th>' for each in graded.of_chapter.exercises)
    rows = "".join(map(_student, graded.students))
    return (
        f"<section><h2>Students</h2><div class='wide'><table><caption>Points and results of each submission</caption>"
        f'<thead><tr><th scope="col">Student</th><th scope="col">Points</th>{names}<th scope="col">Notes</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div></section>"
    )


def _student(student: Student) -> str:
    cells = "".join(f"<td>{_result(grade)}</td>" for grade in student.grades)
    notes = "<br>".join(_text(note) for note in student.notes)
    return (
        f'<tr><th scope="row">{_text(student.submission.student)}</th><td class="count">{student.points}</td>{cells}'
        f"<td>{notes}</td></tr>"
    )


def _result(grade: Grade) -> str:
    words = grade.misconception.replace("_", " ") or WORDS[grade.result]
    said = "; ".join(filter(None, (grade.detail, *grade.marks)))
    more = f"<details><summary>more</summary><p>{_text(said)}</p></details>" if said else ""
    return f"{SIGNS.get(grade.result, '✗')} {escape(words)}{more}"


def _limits(graded: Class) -> str:
    holds = "; ".join(f"{name}: {'yes' if held else 'no'}" for name, held in graded.limits.items())
    command = escape(CONTAINER.format(chapter=graded.of_chapter.chapter))
    return (
        f"<section><h2>How it was graded</h2><p>{NO_SANDBOX}</p><p>What this system allowed: {escape(holds)}.</p>"
        f"<pre><code>{command}</code></pre></section>"
    )


def _text(value: str) -> str:
    return escape(value.encode(errors="backslashreplace").decode().replace("\x00", ""))
