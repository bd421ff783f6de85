"""Grades as a csv file: a row for each submission."""

from __future__ import annotations

import csv
import io

from dlcvlib.exercises.grading.grades import Class, Student

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First letters by which a spreadsheet takes a text for a formula."""


def csv_text(graded: Class) -> str:
    """Table with the columns student, file, points, of, and for each exercise its result; at the end the notes."""
    names = [exercise.name for exercise in graded.of_chapter.exercises]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["student", "file", "points", "of", *names, "notes"])
    for student in graded.students:
        writer.writerow([_cell(value) for value in _row(student, graded.out_of)])
    return text.getvalue()


def _row(student: Student, out_of: int) -> list[str]:
    results = [
        f"{grade.result}: {grade.misconception}" if grade.misconception else grade.result for grade in student.grades
    ]
    details = [
        f"{grade.exercise}: {'; '.join(filter(None, (grade.detail, *grade.marks)))}"
        for grade in student.grades
        if grade.detail or grade.marks
    ]
    notes = " | ".join((*student.notes, *details))
    submission = student.submission
    return [submission.student, submission.path.name, str(student.points), str(out_of), *results, notes]


def _cell(value: str) -> str:
    """Text that every spreadsheet shows as text, on one line."""
    value = " ".join(value.encode(errors="backslashreplace").decode().replace("\x00", "").split())
    return f"'{value}" if value.startswith(FORMULA) else value
