"""The report: our values beside the reported and the best known, written from the records."""

from dlcvlib.course import REPORTS
from dlcvlib.report.answers import Answer, answers, of_edition, of_report
from dlcvlib.report.collect import Sources, System, find_sources
from dlcvlib.report.compose import Section, by_edition, by_report, missing, overview, systems_of, tally
from dlcvlib.report.export import export
from dlcvlib.report.tables import claims_table, class_table, marks_table, missing_table, systems_table

__all__ = [
    "REPORTS",
    "Answer",
    "Section",
    "Sources",
    "System",
    "answers",
    "by_edition",
    "by_report",
    "claims_table",
    "class_table",
    "export",
    "find_sources",
    "marks_table",
    "missing",
    "missing_table",
    "of_edition",
    "of_report",
    "overview",
    "systems_of",
    "systems_table",
    "tally",
]
