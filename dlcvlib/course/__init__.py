"""Facts of the course: its editions and their problems, the settings A to E, and the values that others reached."""

from dlcvlib.course.archives import DRIVE_IDS
from dlcvlib.course.marks import MARKS, VALIDATION_IMAGES, mark_of
from dlcvlib.course.measures import MEASURES
from dlcvlib.course.problems import PROBLEMS
from dlcvlib.course.questions import EDITIONS, NAMED_IMAGES, QUESTIONS, Question
from dlcvlib.course.reported import REPORTED, REPORTED_CLASSES, REPORTED_SETTINGS
from dlcvlib.course.reports import REPORTS
from dlcvlib.course.settings import EXTRA, READINGS, SETTINGS

__all__ = [
    "DRIVE_IDS",
    "EDITIONS",
    "EXTRA",
    "MARKS",
    "MEASURES",
    "NAMED_IMAGES",
    "PROBLEMS",
    "QUESTIONS",
    "READINGS",
    "REPORTED",
    "REPORTED_CLASSES",
    "REPORTED_SETTINGS",
    "REPORTS",
    "SETTINGS",
    "VALIDATION_IMAGES",
    "Question",
    "mark_of",
]
