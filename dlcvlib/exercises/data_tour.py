"""Exercises and questions of chapter 1: masks, labels, and how sure an accuracy is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dlcvlib.data import labels as library_labels
from dlcvlib.data import palette
from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question
from dlcvlib.metrics import share_error

# Masks --------------------------------------------------------------------------------------------------------------


def _seven_colours(answer: Answer) -> Any:
    return answer(palette.COLOURS.copy())


def _inexact_colours(answer: Answer) -> Any:
    """As a JPEG or a resized image has them: every channel is off by up to 100."""
    drawn = np.random.default_rng(1)
    ids = drawn.integers(7, size=(4, 6))
    off = drawn.integers(1, 100, size=(4, 6, 3))
    return answer(np.where(palette.COLOURS[ids] > 0, 255 - off, off).astype(np.uint8))


def _at_the_border(answer: Answer) -> Any:
    return answer(np.array([[128, 128, 0], [127, 128, 128], [128, 127, 128], [127, 127, 127]], np.uint8))


def _pure_red(answer: Answer) -> Any:
    return answer(np.array([[[255, 0, 0], [200, 20, 100]], [[140, 120, 10], [0, 0, 0]]], np.uint8))


def _three_masks(answer: Answer) -> Any:
    drawn = np.random.default_rng(2)
    return answer(palette.COLOURS[drawn.integers(7, size=(3, 2, 5))])


CLASS_IDS = Exercise(
    name="class_ids",
    reference=palette.class_ids,
    cases=(
        Case("the seven colours", _seven_colours, "Compare with the table of colours, row by row."),
        Case("colours that are not exact", _inexact_colours, "Is each channel nearer to 0 or to 255?"),
        Case("values of 127 and 128", _at_the_border, "A channel is on from 128 on."),
        Case("pure red", _pure_red, "Red is the colour of no class. Which id says so?"),
        Case("three masks at once", _three_masks, "The last axis holds the channels, however many axes come before."),
    ),
    misconceptions={
        "from_129_on": "A channel of exactly 128 counts as off. The course counts it as on.",
        "exact_colours_only": "Only exact colours get their class. A single inexact channel, and the pixel is lost: "
        "decide channel by channel which side it is on.",
        "bgr": "Red and blue are exchanged: Water is read from red. OpenCV loads images as BGR, Pillow as RGB.",
        "red_is_class_0": "Pure red becomes class 0, Urban. A table filled with zeros answers 0 wherever nothing "
        "was entered.",
        "nearest_colour": "Red gets the class of the colour nearest to it. It is nobody's colour, so it is Unknown.",
    },
)

# How sure an accuracy is --------------------------------------------------------------------------------------------


def standard_error(predicted: Any, labels: Any) -> float:
    """The library's standard error of the proportion of correct predictions."""
    correct = np.asarray(predicted) == np.asarray(labels)
    return share_error(float(correct.mean()), len(correct))


def answered(count: int, classes: int, wrong: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true class ids (count,), of which `wrong` differ."""
    labels = np.arange(count) % classes
    predicted = labels.copy()
    predicted[:wrong] = (predicted[:wrong] + 1) % classes
    return predicted, labels


def _of_four_hundred(answer: Answer) -> Any:
    return answer(*answered(400, 5, 80))


def _of_fifty(answer: Answer) -> Any:
    return answer(*answered(50, 10, 20))


def _of_few(answer: Answer) -> Any:
    return answer(*answered(9, 3, 6))


def _all_right(answer: Answer) -> Any:
    return answer(*answered(30, 6, 0))


STANDARD_ERROR = Exercise(
    name="standard_error",
    reference=standard_error,
    cases=(
        Case("400 images, four of five right", _of_four_hundred, "p is a share, n the number of images."),
        Case("50 images, three of five right", _of_fifty, "With fewer images the error is larger."),
        Case("9 images, a third right", _of_few, "The formula holds for few images, too."),
        Case("all right", _all_right, "p = 1: what does the formula give?"),
    ),
    misconceptions={
        "root_forgotten": "This is the variance. Its unit is that of an accuracy squared; the root is missing.",
        "one_minus_forgotten": "Where all images are right there is nothing to doubt, and yet your error is not 0: "
        "1 − p is missing.",
        "divided_by_classes": "You divide by the number of classes. Twice as many images should make the error "
        "smaller; yours stays.",
        "in_points": "The error is a hundred times too large: it is in points (per cent), and p is a share.",
        "of_one_image": "This is the standard deviation of one image's result, 0 or 1. It does not fall with more "
        "images; the error of their mean does.",
        "sample_deviation": "You divide by n − 1. The formula of the chapter divides by n; with few images the two "
        "differ.",
    },
)

# Labels -------------------------------------------------------------------------------------------------------------


def label_ids(files: Sequence[str], train_files: Sequence[str]) -> list[int]:
    """The library's ids of the classes in names such as "12_345.png"."""
    names = library_labels.classes_of("mini", [_class_of(file) for file in train_files])
    return [names.index(_class_of(file)) for file in files]


def _class_of(file: str) -> str:
    return file.rpartition("_")[0]


NUMBERED = [f"{number}_{image}.png" for image in (41, 7) for number in (10, 2, 0, 1, 11, 3, 4, 5, 6, 7, 8, 9)]
NAMED = ["mug_12.jpg", "bike_3.jpg", "lamp_27.jpg", "file_cabinet_1.jpg", "bike_8.jpg", "mug_5.jpg"]


def _numbers(answer: Answer) -> Any:
    return answer(NUMBERED, NUMBERED)


def _names(answer: Answer) -> Any:
    return answer(NAMED, NAMED)


def _fewer_in_validation(answer: Answer) -> Any:
    return {
        "numbers": answer(["11_3.png", "2_9.png", "11_4.png"], NUMBERED),
        "names": answer(["mug_1.jpg", "lamp_2.jpg"], NAMED),
    }


def _a_gap(answer: Answer) -> Any:
    """No training image is of class 1 or 2."""
    return answer(["3_5.png", "0_4.png", "4_3.png"], ["4_1.png", "0_2.png", "3_6.png", "0_9.png"])


LABEL_IDS = Exercise(
    name="label_ids",
    reference=label_ids,
    cases=(
        Case("classes 0 to 11", _numbers, "Is 10 before or after 2?"),
        Case("classes with names", _names, "The class is what stands before the last underscore; sort the names."),
        Case("validation images of a few classes", _fewer_in_validation, "An id means the same class in both splits."),
        Case("no image of classes 1 and 2", _a_gap, "The number is the id, whichever others there are."),
    ),
    misconceptions={
        "sorted_as_text": "The numbers are sorted as text, in which 10 comes before 2. The ids then stand for other "
        "classes than the course's.",
        "number_of_the_image": "You take the number of the image, behind the underscore. It tells files apart; "
        "the class stands before.",
        "order_of_appearance": "Ids are given in the order in which classes appear. Another order of the files would "
        "give other ids.",
        "numbered_from_validation": "The ids are numbered anew from the files themselves. Where a split lacks a "
        "class, the same id is another class there.",
        "gap_closed": "A class that no training image has is skipped, and all later ones move up. The course's "
        "class 3 stays 3.",
    },
)

# Questions ----------------------------------------------------------------------------------------------------------

CLEAR_DIFFERENCE = Question(
    "clear_difference",
    "Two networks are measured on the same 406 images, about 80 % of which they get right. From which difference on is "
    "one of them clearly ahead (95 %)?",
    {
        "one": Choice("1 point", "One point is four images. The standard error of *one* accuracy is already 2 points."),
        "two": Choice("2 points", "That is one standard error of one accuracy. Two accuracies have two errors."),
        "six": Choice(
            "6 points",
            "Each has an error of 2 points, the difference one of √2 times that, and 95 % are 1.96 of these: 5.5.",
        ),
    },
    right="six",
)
ALWAYS_ONE_ANSWER = Question(
    "always_one_answer",
    "Fifty classes with equally many images each. A network gives the same answer for every image. Its accuracy?",
    {
        "zero": Choice("0", "It is right for the images of the class that it names."),
        "fiftieth": Choice(
            "1 of 50", "One class of fifty is right, as with guessing. An accuracy needs this beside it."
        ),
        "half": Choice("1 of 2", "This would hold with two classes."),
    },
    right="fiftieth",
)
FLOAT_OR_BYTE = Question(
    "float_or_byte",
    "22,500 images are stored as bytes. How many times larger are they as float32?",
    {
        "same": Choice("As large: the pixels are the same.", "They are, but each channel of each takes more bits."),
        "four": Choice(
            "4 times", "32 bits in place of 8. Therefore a batch becomes float32 only on its way to the network."
        ),
        "thirty_two": Choice("32 times", "32 is the number of bits. A byte has 8."),
    },
    right="four",
)

exercises = ExerciseSet(
    "01_data_tour",
    exercises=(CLASS_IDS, STANDARD_ERROR, LABEL_IDS),
    questions=(CLEAR_DIFFERENCE, ALWAYS_ONE_ANSWER, FLOAT_OR_BYTE),
)
