"""Exercises that the reader writes, and questions to answer before a result is shown.

One file a chapter (`fcn.py`) holds what is tried and said: an `ExerciseSet` named `exercises`. Right and wrong answers
are in `notebooks/answers/`, which is never handed out; what the wrong ones give is in `fingerprints/`, as numbers. A
chapter writes

    from dlcvlib.exercises.fcn import exercises

    mean_iou = exercises.check(mean_iou)

and has the reader's function from there on once it is right, and the library's until then.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from dlcvlib.exercises.exercise import Case, Choice, Exercise, ExerciseSet, Question

__all__ = ["CHAPTERS", "Case", "Choice", "Exercise", "ExerciseSet", "Question", "of_chapter"]

CHAPTERS = {
    "00_start_here": "start",
    "01_data_tour": "data_tour",
    "02_classification": "classification",
    "03_feature_space": "feature_space",
    "04_byol": "byol",
    "05_dino": "dino",
    "06_finetuning_settings": "finetuning",
    "07_fcn": "fcn",
    "08_unet_ablation": "unet",
    "09_deeplab": "deeplab",
    "10_segment_anything": "segment_anything",
    "11_cross_entropy_gradient": "cross_entropy",
    "12_report": "report_chapter",
    "14_without_a_framework": "without_framework",
}
"""Module of each chapter that has exercises."""


def of_chapter(chapter: str) -> ExerciseSet:
    """Exercises of a chapter, named as its file without the suffix.

    Raises:
        ValueError: the chapter has none; the message lists those that have.
    """
    name = Path(chapter).stem
    if name not in CHAPTERS:
        raise ValueError(f"no exercises belong to the chapter {name!r}; they belong to {', '.join(CHAPTERS)}")
    found: ExerciseSet = import_module(f"dlcvlib.exercises.{CHAPTERS[name]}").exercises
    return found
