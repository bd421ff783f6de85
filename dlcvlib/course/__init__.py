"""Facts of the course: its editions and questions, the settings A to E, and the values that others reached."""

from dlcvlib.course.marks import MARKS, VALIDATION_IMAGES, Mark, mark_of
from dlcvlib.course.measures import MEASURES, Measure
from dlcvlib.course.questions import EDITIONS, NAMED_IMAGES, QUESTIONS, Question
from dlcvlib.course.reported import REPORTED, REPORTED_CLASSES, REPORTED_SETTINGS
from dlcvlib.course.reports import REPORTS
from dlcvlib.course.settings import EXTRA, READINGS, SETTINGS, Reading, Setting
from dlcvlib.course.systems import Systems

__all__ = [
    "EDITIONS",
    "EXTRA",
    "MARKS",
    "MEASURES",
    "NAMED_IMAGES",
    "QUESTIONS",
    "READINGS",
    "REPORTED",
    "REPORTED_CLASSES",
    "REPORTED_SETTINGS",
    "REPORTS",
    "SETTINGS",
    "VALIDATION_IMAGES",
    "Mark",
    "Measure",
    "Question",
    "Reading",
    "Setting",
    "Systems",
    "mark_of",
]
