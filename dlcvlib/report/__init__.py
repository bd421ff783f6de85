"""The report that writes itself: our values beside the reported and the best known."""

from dlcvlib.report.collect import Shelf, System, open_shelf
from dlcvlib.report.compose import Section, by_edition, by_report, missing, of_one, overview, systems_of, tally
from dlcvlib.report.export import export
from dlcvlib.report.result import Result
from dlcvlib.report.rows import REPORTS, Answer, answers, of_edition, of_report
from dlcvlib.report.tables import class_table, marks_table, missing_table, systems_table

__all__ = [
    "REPORTS",
    "Answer",
    "Result",
    "Section",
    "Shelf",
    "System",
    "answers",
    "by_edition",
    "by_report",
    "class_table",
    "export",
    "marks_table",
    "missing",
    "missing_table",
    "of_edition",
    "of_one",
    "of_report",
    "open_shelf",
    "overview",
    "systems_of",
    "systems_table",
    "tally",
]
