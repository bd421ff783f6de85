"""Exercises and questions of chapter 7, FCN."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dlcvlib import metrics
from dlcvlib.data.palette import UNKNOWN
from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question
from dlcvlib.models import fcn

HEIGHT, WIDTH = 6, 8


def maps(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Predicted and true label maps, uint8 (count, 6, 8), of all seven classes; about two pixels of three agree."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(7, (count, HEIGHT, WIDTH), generator=generator)
    target[:, 0, :7] = torch.arange(7)  # each image holds every class
    other = torch.randint(7, (count, HEIGHT, WIDTH), generator=generator)
    pred = torch.where(torch.rand(target.shape, generator=generator) < 0.65, target, other)
    return pred.byte(), target.byte()


def mean_iou(pred: Tensor, target: Tensor) -> float:
    """The course's mean IoU of label maps (N, H, W), by the library."""
    return metrics.course_iou(pred, target).mean


def _one_image(answer: Answer) -> Any:
    return answer(*maps(1, 1))


def _unequal_images(answer: Answer) -> Any:
    """The first image is labelled well; the second is mostly of one class, and labelled badly."""
    pred, target = maps(2, 2)
    pred[0], target[1, 1:], pred[1, 1:5] = target[0], 3, 4
    return answer(pred, target)


def _much_unknown(answer: Answer) -> Any:
    pred, target = maps(2, 3)
    target[0, 1:] = UNKNOWN
    return answer(pred, target)


def _predicted_unknown(answer: Answer) -> Any:
    pred, target = maps(2, 4)
    pred[:, 2:5] = UNKNOWN
    return answer(pred, target)


def _without_unknown(answer: Answer) -> Any:
    pred, target = maps(2, 6)
    return answer(pred.clamp(max=UNKNOWN - 1), target.clamp(max=UNKNOWN - 1))


def _absent_class(answer: Answer) -> Any:
    pred, target = (labels.where(labels != 5, UNKNOWN) for labels in maps(2, 5))
    return answer(pred, target)


MEAN_IOU = Exercise(
    name="mean_iou",
    reference=mean_iou,
    cases=(
        Case("one image", _one_image, "Count, for one class at a time: predicted and true, and predicted or true."),
        Case("two images, one mostly of one class", _unequal_images, "Are the pixels of all images pooled?"),
        Case("an image that is mostly Unknown", _much_unknown, "A land class that is predicted on Unknown is wrong."),
        Case("Unknown predicted on land", _predicted_unknown, "A pixel of land that is called Unknown is missed."),
        Case("no Unknown in either map", _without_unknown, "Does your function rely on a pixel of every class?"),
        Case("a class that is in neither map", _absent_class, "What is 0 / 0 here, and what becomes of the mean?"),
    ),
    misconceptions={
        "averaged_images": "You average the scores of images. The course pools the pixels of all images first, so that "
        "a small patch in one image does not weigh as much as a whole image.",
        "unknown_counted": "You take the mean over seven classes. *Unknown* has no IoU of its own.",
        "unknown_masked": "You leave out the pixels whose true class is *Unknown*. Many papers do, and score higher; "
        "here a land class predicted on such a pixel is a mistake.",
        "unknown_masked_in_both": "You leave out every pixel that is *Unknown* in either map. A network could then "
        "call each pixel of doubt *Unknown* and never be wrong.",
        "accuracy": "This is the share of pixels that are right. A class of few pixels hardly changes it; each class "
        "has the same weight in the mean IoU.",
        "recall": "You divide by the true pixels alone. Predict one class everywhere: it would have a score of 1.",
        "precision": "You divide by the predicted pixels alone. Predict a single pixel, rightly: its class would have "
        "a score of 1.",
        "dice": "This is the Dice score, which counts the overlap twice, above and below. It is never lower than the "
        "IoU. Which set of pixels does *union* name?",
        "overlap_twice": "Your union is too large: a pixel that is predicted *and* true is in it twice. A map "
        "compared with itself would score one half.",
        "classes_pooled": "You add up the overlaps of all classes, and their unions, and divide once. A large class "
        "then drowns the small ones.",
        "area_weighted": "You weight each class by its area. All six have the same weight in the course's mean.",
        "absent_as_one": "A class that is in neither map has an IoU of 0 / 0. You count it as 1, which raises the mean "
        "without one pixel that is right.",
        "absent_as_zero": "A class that is in neither map has an IoU of 0 / 0. You count it as 0, which lowers the "
        "mean of a perfect prediction.",
        "absent_skipped": "You leave a class that is in neither map out of the mean. That is sensible, but a mean over "
        "five classes is not the course's score: its script divides 0 by 0. What does floating point make of that?",
    },
)


def _corners(coarse: Tensor) -> Tensor:
    """The network's first enlargement: from corners of cells to their centres."""
    return fcn.bilinear_upsampling(coarse.shape[1], factor=2, padding=2)(coarse).detach()


def _centres(coarse: Tensor) -> Tensor:
    """The network's second enlargement: twice the size."""
    return fcn.bilinear_upsampling(coarse.shape[1], factor=2, padding=1)(coarse).detach()


def _fused(coarse: tuple[int, int], fine: tuple[int, int], upsample: Answer) -> Case:
    def run(answer: Answer) -> Any:
        generator = torch.Generator().manual_seed(sum(coarse) + 10 * sum(fine))
        one, other = (torch.randn(2, 3, *size, generator=generator) for size in (coarse, fine))
        return answer(one, other, upsample)

    name = f"scores of {coarse[0]} x {coarse[1]} onto {fine[0]} x {fine[1]}"
    idea = "What shape has the enlarged map, and which of its rows and columns are too many?"
    return Case(name, run, idea)


FUSE = Exercise(
    name="fuse",
    reference=fcn.fuse,
    cases=(
        _fused((3, 4), (6, 8), _centres),
        _fused((4, 5), (6, 8), _corners),
        _fused((3, 4), (5, 7), _centres),
        _fused((4, 5), (5, 8), _corners),
    ),
    misconceptions={
        "concatenates": "You put both maps side by side in the channels, as U-Net does. FCN has scores of the same "
        "classes in both, and needs one score a class.",
        "fine_shrunk": "You bring the fine map down to the coarse one. Then its detail is gone before it was used.",
        "cropped_left_and_top": "You cut off the first rows and columns. Position 0 of both maps is at the image's "
        "upper left corner; which end is left over?",
        "times_four": "You enlarge by 4. From one pooling layer to the one before it, the stride changes by 2.",
        "averages": "You halve the sum. The paper adds; a network with one more map would then have smaller scores.",
    },
)


def _kernel(channels: int, factor: int) -> Case:
    name = f"{channels} {'class' if channels == 1 else 'classes'}, enlarged by {factor}"
    return Case(name, lambda answer: answer(channels, factor), "What does one score become, pixel by pixel?")


BILINEAR_KERNEL = Exercise(
    name="bilinear_kernel",
    reference=fcn.bilinear_kernel,
    cases=(_kernel(1, 2), _kernel(3, 2), _kernel(2, 4), _kernel(2, 8)),
    misconceptions={
        "classes_mixed": "Every class gets the scores of every other. What should the weight from Water to Forest be?",
        "sums_to_one": "Your kernel sums to 1, as a filter that blurs does. Here each output pixel meets only every "
        "factor-th weight in each direction: enlarge a map of ones, and look at its middle.",
        "half_a_pixel_off": "Your triangle has its peak on a weight. The kernel has an even number of weights, so its "
        "middle lies between two of them; yours shifts the map by half a pixel.",
        "wrong_size": "Your kernel is too small to reach from one score to the next: between two scores it leaves the "
        "map at the value of one of them, in steps.",
    },
)


def blobs(count: int, side: int, seed: int) -> Tensor:
    """Label maps of soft regions, uint8 (count, side, side), all seven classes."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(count, 7, side // 4, side // 4, generator=generator)
    return functional.interpolate(scores, (side, side), mode="bicubic").argmax(1).byte()


def _river(answer: Answer) -> Any:
    """A river two pixels wide, not parallel to the grid."""
    column, row = torch.arange(16)[None], torch.arange(16)[:, None]
    river = (column - row // 2 - 3).abs() <= 1
    return answer(torch.where(river, 4, 1)[None].byte(), 8)


THROUGH_A_GRID = Exercise(
    name="through_a_grid",
    reference=metrics.through_a_grid,
    cases=(
        Case("a river, stride 8", _river, "Which classes does a cell hold, and what is the share of each?"),
        Case(
            "two maps, stride 4", lambda answer: answer(blobs(2, 16, 1), 4), "Interpolate the shares, class by class."
        ),
        Case(
            "two maps, stride 2", lambda answer: answer(blobs(2, 16, 2), 2), "Interpolate the shares, class by class."
        ),
        Case("stride 1", lambda answer: answer(blobs(1, 8, 3), 1), "A grid of single pixels changes nothing."),
    ),
    misconceptions={
        "labels_averaged": "You average the class numbers. Half *Urban* (0) and half *Rangeland* (2) is then "
        "*Agriculture* (1), which is in neither.",
        "argmax_first": "You choose each cell's class, and enlarge that: squares. A network chooses at the end, from "
        "scores that were interpolated.",
        "maximum": "You ask whether a class is in the cell at all. One pixel then counts as much as all others.",
        "corners_aligned": "You stretch the grid until its outer cells' centres lie on the image's corners. A cell's "
        "centre is half a cell from the border.",
    },
)

ONE_CLASS_GUESS = Question(
    name="one_class_guess",
    text="A network calls every pixel by the most frequent class, and is right for a share *p* of the pixels. All six "
    "land classes occur. What is its mean IoU?",
    choices={
        "p": Choice("p", "That is its pixel accuracy, and the IoU of its one class. The other five are in the mean."),
        "sixth": Choice(
            "p / 6",
            "Its one class has the overlap p and the union 1, all pixels. The other five have no overlap, so "
            "an IoU of 0.",
        ),
        "seventh": Choice("p / 7", "*Unknown* has no IoU of its own: the mean is over six classes."),
        "half": Choice(
            "p / (2 − p)", "This would be the IoU if the class were predicted on a share p of the pixels only."
        ),
    },
    right="sixth",
)

IDEAL_STRIDE = Question(
    name="ideal_stride",
    text="A network with a stride of 32 knows the exact share of each class in each cell of 32 by 32 pixels, and "
    "interpolates between the cells. What is its mean IoU on these masks?",
    choices={
        "high": Choice("above 0.95", "A border is then lost only in a few pixels of a hundred."),
        "good": Choice("0.85 to 0.95", "Borders are drawn roughly, and most thin parts survive."),
        "fair": Choice("0.7 to 0.85", "Borders are drawn roughly, and many thin parts are lost."),
        "low": Choice("below 0.7", "Most regions are then about as thin as a cell, or thinner."),
    },
)

SKIPS_GAIN = Question(
    name="skips_gain",
    text="FCN8s adds the scores of finer maps. Which class gains more IoU from it: the one that survives the coarse "
    "grid best, in large fields, or the one that survives it worst, in thin parts?",
    choices={
        "large": Choice("the large fields", "Their borders are long, and each pixel of a border counts."),
        "thin": Choice(
            "the thin parts", "A part that is thinner than a cell has no cell of its own without the skips."
        ),
        "same": Choice("both alike, within 0.02", "Then the skips changed something that both have in common."),
    },
)

exercises = ExerciseSet(
    "07_fcn",
    exercises=(MEAN_IOU, THROUGH_A_GRID, BILINEAR_KERNEL, FUSE),
    questions=(ONE_CLASS_GUESS, IDEAL_STRIDE, SKIPS_GAIN),
)
