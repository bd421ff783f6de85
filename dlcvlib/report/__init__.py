"""The report: our values beside the reported and the best known, written from the records."""

from dlcvlib.course import REPORTS
from dlcvlib.report.answers import Answer, answers, of_edition, of_report, reported_beside
from dlcvlib.report.blocks import Folded
from dlcvlib.report.collect import Sources, System, find_sources
from dlcvlib.report.compose import (
    TASKS,
    Section,
    answered_by_chapters,
    by_edition,
    by_question,
    judged,
    missing,
    overview,
    systems_of,
    tally,
)
from dlcvlib.report.export import export
from dlcvlib.report.settings_matrix import series_title, settings_matrix
from dlcvlib.report.settings_run import settings_tables
from dlcvlib.report.tables import claims_table, class_table, made_table, marks_table, missing_table, systems_table

__all__ = [
    "REPORTS",
    "TASKS",
    "Answer",
    "Folded",
    "Section",
    "Sources",
    "System",
    "answered_by_chapters",
    "answers",
    "by_edition",
    "by_question",
    "claims_table",
    "class_table",
    "export",
    "find_sources",
    "judged",
    "made_table",
    "marks_table",
    "missing",
    "missing_table",
    "of_edition",
    "of_report",
    "overview",
    "reported_beside",
    "series_title",
    "settings_matrix",
    "settings_tables",
    "systems_of",
    "systems_table",
    "tally",
]
