"""Exercises and questions of chapter 12, the report."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from dlcvlib.data import palette
from dlcvlib.data.tables import csv_text
from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question
from dlcvlib.runs import Group


def course_csv(files: Sequence[Path], labels: Tensor) -> str:
    """Text of the csv that the course asks for, as `dlcv predict` writes it."""
    named = ((file.name, label) for file, label in zip(files, labels.tolist(), strict=True))
    return csv_text(("filename", "label"), named)


def rgb_mask(ids: np.ndarray, file: Path) -> None:
    """Write class ids, uint8 (H, W), as a PNG in the course's colours, as `dlcv predict` does."""
    file.write_bytes(palette.rgb_png(ids))


def row_of_report(runs: Sequence[pd.DataFrame], reported: float, is_toy: bool) -> dict[str, float | None]:
    """The library's mean and standard deviation over seeds; each of `runs` has a row an epoch, columns val and test."""
    best = [float(run["test"].iloc[int(run["val"].argmax())]) for run in runs]
    group = Group(tuple({"best": {"score": value}} for value in best), "score")
    return {"here": group.mean, "std": group.std, "reported": None if is_toy else reported}


# --- course_csv ---


def _csv(names: Sequence[str], labels: Sequence[int]) -> Callable[[Answer], Any]:
    def run(answer: Answer) -> Any:
        return answer([Path("data", "p1_data", "val_50") / name for name in names], torch.tensor(labels))

    return run


COURSE_CSV = Exercise(
    name="course_csv",
    reference=course_csv,
    cases=(
        Case(
            "three images", _csv(("0_450.png", "0_451.png", "1_450.png"), (0, 17, 1)), "Compare character by character."
        ),
        Case(
            "names in another order than the alphabet's",
            _csv(("2_450.png", "10_450.png", "1_450.png"), (10, 2, 31)),
            "The rows are in the order of `files`.",
        ),
        Case("one image", _csv(("49_499.png",), (49,)), "A table of one row has a header, too."),
    ),
    misconceptions={
        "whole_path": "The first column holds your folders. The grader's folders are others: only the name of the file "
        "is the same there.",
        "blank_after_comma": "There is a blank after the comma. It becomes part of the label's text, or of the "
        "column's name: ` label` is not `label`.",
        "no_header": "The first line, with the names of the columns, is missing. A reader of the file takes the first "
        "image for it.",
        "crlf": "The lines end in two characters, as on Windows. Python's csv module does so unless it is told "
        "otherwise; some graders read the second one as part of the label.",
        "labels_as_floats": "The labels have become floats: 10.0 is not the text 10. It happens when labels pass "
        "through a table with a missing value, or a float tensor.",
        "labels_as_tensors": "The labels are written as tensors, `tensor(10)`. Convert them to numbers first.",
        "index_column": "A first column numbers the rows, and the header begins with a comma: it is the index of "
        "pandas.",
        "sorted_by_name": "The rows are sorted by name, while the grader pairs rows by position. Keep the order of "
        "`files`.",
        "labels_sorted": "The labels are sorted, and no longer stand beside their images.",
        "no_last_line_end": "The last line does not end. Some programs count lines by their ends, and miss one image.",
        "columns_exchanged": "The label comes first. Look at the header.",
    },
)

# --- rgb_mask ---


def _mask(ids: np.ndarray) -> Callable[[Answer], Any]:
    """Case of a mask: what is in the file afterwards, as Pillow opens it."""

    def run(answer: Answer) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "0013_mask.png")
            answer(ids, file)
            with Image.open(file) as image:
                values = np.asarray(image) if image.format == "PNG" else "not read"
                return {"format": image.format, "mode": image.mode, "values": values}

    return run


def _fields(height: int, width: int) -> np.ndarray:
    """All seven classes in blocks of 16 pixels, so that a JPEG keeps most of them recognisable."""
    rows, columns = np.indices((height, width)) // 16
    return ((rows * 3 + columns) % 7).astype(np.uint8)


RGB_MASK = Exercise(
    name="rgb_mask",
    reference=rgb_mask,
    cases=(
        Case("a mask of all classes", _mask(_fields(48, 64)), "Seven colours, three bytes a pixel."),
        Case("a mask of water only", _mask(np.full((16, 24), 4, dtype=np.uint8)), "Water is blue: (0, 0, 255)."),
        Case("a mask of Unknown only", _mask(np.full((16, 24), 6, dtype=np.uint8)), "Unknown is black."),
    ),
    misconceptions={
        "palette_file": "The file holds ids and a table of colours. It looks right in a viewer, but a grader that "
        "reads the array gets ids, and no third axis.",
        "ids_as_grey": "The file holds the ids as grey values. It looks black, as 6 of 255 is almost black.",
        "bgr": "Red and blue are exchanged, as OpenCV orders them: Water, which is blue, becomes red. Look at one "
        "pixel of Water.",
        "one_for_255": "The colours go up to 1 instead of 255. It looks black; floats in [0, 1] were converted to "
        "bytes.",
        "jpeg": "The file is a JPEG with the name of a PNG. JPEG changes colours near borders, and a grader that "
        "compares exact colours loses these pixels.",
        "alpha_added": "The file has a fourth channel, alpha. A grader that compares three values a pixel fails on it.",
        "grey_of_the_colours": "The colours were converted to grey. Several classes then have almost the same value.",
        "transposed": "Height and width are exchanged: Pillow names the width first, arrays the height.",
    },
)

# --- row_of_report ---


def histories(seeds: int, seed: int, epochs: int = 6) -> list[pd.DataFrame]:
    """Scores by epoch; the best epoch on the validation images is another than the best on the test images."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(seeds):
        val, test = draw.permutation(np.linspace(0.5, 0.75, epochs)), draw.permutation(np.linspace(0.45, 0.7, epochs))
        best = int(val.argmax())
        if best in (int(test.argmax()), epochs - 1):  # neither the best on the test images nor the last
            test, val = np.roll(test, 2), np.roll(val, 1)
        found.append(pd.DataFrame({"val": val, "test": test}))
    return found


ROW_OF_REPORT = Exercise(
    name="row_of_report",
    reference=row_of_report,
    cases=(
        Case(
            "three seeds on the course's images",
            lambda answer: answer(histories(3, 1), 0.71, False),
            "Choose an epoch for each seed first, by the validation images.",
        ),
        Case("two seeds", lambda answer: answer(histories(2, 2), 0.66, False), "What is divided by, n or n - 1?"),
        Case(
            "a single seed", lambda answer: answer(histories(1, 3), 0.66, False), "What does one value say of chance?"
        ),
        Case(
            "three seeds in the toy world",
            lambda answer: answer(histories(3, 4), 0.71, True),
            "May the reported value stand beside it?",
        ),
    ),
    misconceptions={
        "toy_beside_reported": "A value from drawn images stands beside the reported one, as if both measured the "
        "same. Neither is wrong; the pair is.",
        "ddof_0": "You divide by n. This is the deviation of these seeds around their own mean, which is too small for "
        "that of further seeds; with two seeds by a factor of 1.4.",
        "std_of_one_seed_0": "A single seed has no standard deviation. 0 would say that every seed gives the same.",
        "std_of_one_seed_nan": "A single seed has no standard deviation, and nan is a number in the table. Say None, "
        "so that the table can leave it out.",
        "best_epoch_on_test": "The epoch is chosen by the test images, so they are no test any more: the value is too "
        "high, and all the more the more epochs there are.",
        "last_epoch": "You take the last epoch. The course lets you choose one by the validation images.",
        "validation_score": "You report the score by which the epoch was chosen. The best of several values is too "
        "high; that is what the test images are for.",
        "best_seed": "You report the best seed. A reader who trains it again will hardly get that.",
        "standard_error": "You divided by the root of the number of seeds. That is the error of the mean; the column "
        "is the deviation of a single training.",
        "one_epoch_for_all": "You choose one epoch for all seeds. Each training has its own best epoch.",
    },
)

# --- questions ---

LEFT_OUT = Question(
    name="left_out",
    text="The second image of a folder cannot be read, and its row is left out of the csv. All other predictions are "
    "right. The grader pairs rows with labels by position. How many images are counted as wrong?",
    choices={
        "one": Choice(
            "one: the image that was left out",
            "It would be so if the rows were paired by the file's name. By position, each row below the gap meets the "
            "label of the image before it.",
        ),
        "borders": Choice(
            "about one for each class",
            "The files are sorted by class, so a shift by one meets a wrong label where a class ends, and nowhere "
            "else. In a folder without that order almost all would be wrong.",
        ),
        "most": Choice(
            "almost all after it",
            "All of them are shifted by one, and a shifted row is wrong where two neighbours in the list have "
            "different classes.",
        ),
    },
)
CLEAR = Question(
    name="clear",
    text="Three seeds of one network reach .66, .70 and .68. Another network was trained once and reaches .71. Is it "
    "clear that the other one is better?",
    choices={
        "above_all": Choice(
            "yes: .71 is above all three",
            "If both networks were equal, the fourth of four seeds would be the best one every fourth time.",
        ),
        "no": Choice(
            "no",
            "Seeds of one network already differ by .02 (one standard deviation), and nobody knows how much the other "
            "one's differ. Below, the interval of the difference is worked out under the assumption that it is the "
            "same.",
        ),
        "far": Choice(
            "yes: .71 is more than one standard deviation above the mean",
            "One value in six is, by chance alone. And the deviation itself is known from three values only.",
        ),
    },
    right="no",
)
BESIDE = Question(
    name="beside",
    text="A report states a mean IoU of .69 on the course's validation images. Which of your numbers may stand beside "
    "it?",
    choices={
        "toy": Choice(
            "the mean of five seeds in the toy world",
            "Five seeds are good, but the images are others. An easier set gives a higher number with a worse network.",
        ),
        "part": Choice(
            "the IoU on the twenty validation images that were decoded first",
            "A part of the set has other classes and other borders. Mark it, or leave it out.",
        ),
        "best": Choice(
            "the best of your five seeds on all of the course's validation images",
            "The images are right, but the best of five is no estimate of what one training gives, while the report's "
            "value may be one training.",
        ),
        "mean": Choice(
            "the mean of your seeds on all of the course's validation images, pooled, with its standard deviation",
            "The same images, the same definition of the score, and the reader sees what chance does.",
        ),
    },
    right="mean",
)

exercises = ExerciseSet(
    "12_report", exercises=(COURSE_CSV, RGB_MASK, ROW_OF_REPORT), questions=(LEFT_OUT, CLEAR, BESIDE)
)
