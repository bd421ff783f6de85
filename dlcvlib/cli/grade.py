"""`dlcv grade`: grade a folder of submissions to a chapter's exercises."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

DESCRIPTION = """\
Grade the submissions in FOLDER: a script, notebook, folder or zip for each student, named after the student. Answers
are found by the name of the function; only what they use is executed, each in a process of its own, with limits on
time, memory and file size, and without network where the system allows it.

This is no sandbox: an answer that means harm may find a way out. Grade the work of people whom you do not trust in a
container, with dlcv installed in IMAGE:

  docker run --rm --network none --memory 4g --pids-limit 200 -v FOLDER:/class:ro -v OUT:/out IMAGE \\
    dlcv grade /class --chapter 07_fcn --csv /out/grades.csv --page /out/grades.html
"""


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `grade`."""
    parser = commands.add_parser(
        "grade",
        help="grade a class's answers to the exercises of a chapter",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--chapter", required=True, metavar="NAME", help="for instance 07_fcn")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="table to write (default: grades_CHAPTER.csv)")
    parser.add_argument("--page", type=Path, metavar="FILE", help="page to write (default: grades_CHAPTER.html)")
    parser.add_argument("--workers", type=_positive, default=2, metavar="N", help="answers side by side (default: 2)")
    parser.add_argument("--seconds", type=_positive, default=5, metavar="N", help="of the processor, for an answer")
    parser.add_argument("--memory", type=_positive, default=1024, metavar="MIB", help="for an answer (Linux only)")
    parser.add_argument("--replace", action="store_true", help="replace files that dlcv did not write, too")
    parser.set_defaults(run=_grade)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _grade(arguments: argparse.Namespace) -> int:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"  # before torch and numpy are imported: threads do not live in a fork
    from dlcvlib import exercises
    from dlcvlib.exercises.grading.grades import grade
    from dlcvlib.exercises.grading.isolation import Limits
    from dlcvlib.exercises.grading.page import page
    from dlcvlib.exercises.grading.table import csv_text
    from dlcvlib.files.outputs import output_file

    chapter = exercises.of_chapter(arguments.chapter).chapter
    table_file = arguments.csv or Path(f"grades_{chapter}.csv")
    page_file = arguments.page or Path(f"grades_{chapter}.html")
    with (
        output_file(table_file, replace=arguments.replace) as table,
        output_file(page_file, replace=arguments.replace) as html,
    ):
        limits = Limits(seconds=arguments.seconds, memory=arguments.memory)
        graded = grade(arguments.folder, chapter, limits=limits, workers=arguments.workers, told=_told)
        table.write(csv_text(graded).encode())
        html.write(page(graded).encode())
    for name, held in graded.limits.items():
        if not held:
            print(f"dlcv: this system does not allow: {name}", file=sys.stderr)
    for student in graded.students:
        for note in student.notes:
            print(f"{student.submission.path.name}: {note}", file=sys.stderr)
    print("This is no sandbox: see `dlcv grade --help` for a container.", file=sys.stderr)
    print(f"{len(graded.students)} submissions in {graded.seconds:.0f} s: {table_file}, {page_file}")
    return 0


def _told(done: int, count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {count} answers", end="\n" if done == count else "", file=sys.stderr, flush=True)
