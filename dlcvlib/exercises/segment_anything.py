"""Exercises and questions of chapter 10, Segment Anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torchvision.ops import masks_to_boxes, nms

from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question
from dlcvlib.metrics import course_iou
from dlcvlib.sam import Regions, majority, paint


def keep(masks: np.ndarray, scores: np.ndarray, most: float = 0.7) -> list[int]:
    """Non-maximum suppression of the masks' boxes by torchvision; numbers of the masks kept, best first."""
    boxes = masks_to_boxes(torch.from_numpy(masks))
    boxes[:, 2:] += 1  # a box of one pixel is one pixel wide
    kept: list[int] = nms(boxes, torch.from_numpy(scores), most).tolist()
    return kept


def vote_score(painted: np.ndarray, predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean IoU, over the classes that are present, of the vote of a network's masks in regions."""
    return course_iou(majority(painted, predicted), truth).mean_of_present


# --- paint ---

SIDE = 8


def rectangles(*corners: tuple[int, int, int, int], scores: tuple[float, ...] = ()) -> Regions:
    """Regions of an 8 x 8 image, each given as (top, left, bottom, right)."""
    masks = np.zeros((len(corners), SIDE, SIDE), dtype=bool)
    for mask, (top, left, bottom, right) in zip(masks, corners, strict=True):
        mask[top:bottom, left:right] = True
    return Regions(masks, np.array(scores or np.ones(len(corners)), dtype=np.float32))


NESTED = ((1, 1, 8, 8), (3, 3, 5, 6), (2, 2, 6, 7))
"""Sizes 49, 6 and 20; row 0 and column 0 are in no region."""
TIED = ((0, 0, 4, 4), (2, 2, 6, 6), (1, 3, 3, 5))
"""The first two are of one size and overlap."""


def _pieces(answer: Answer) -> Any:
    """A region of two pieces: its box is larger than another region, its pixels are fewer."""
    regions = rectangles((0, 0, 1, 2), (0, 0, 6, 6), (2, 2, 7, 7))
    regions.masks[0, 7, 6:] = True
    regions.masks[2, 3:6, 3:6] = False
    return answer(regions)


def _many_of_two_sizes(answer: Answer) -> Any:
    """Forty squares of 9 or 4 pixels: of so many equal ones, a sort that is not stable loses the order."""
    draw = np.random.default_rng(6)
    corners = draw.integers(0, 6, size=(40, 2))
    sizes = draw.choice((2, 3), size=40)
    return answer(
        rectangles(*((top, left, top + side, left + side) for (top, left), side in zip(corners, sizes, strict=True)))
    )


PAINT = Exercise(
    name="paint",
    reference=paint,
    cases=(
        Case(
            "three nested regions, some pixels in none",
            lambda answer: answer(rectangles(*NESTED)),
            "The region that is painted last is seen.",
        ),
        Case(
            "the same, the largest with the best score",
            lambda answer: answer(rectangles(*NESTED, scores=(0.9, 0.5, 0.7))),
            "Which property of a region decides who is seen?",
        ),
        Case(
            "two regions of the same size",
            lambda answer: answer(rectangles(*TIED, scores=(0.5, 0.9, 0.7))),
            "Of equally large regions the first is seen: in which order do they have to be painted?",
        ),
        Case("forty regions of two sizes", _many_of_two_sizes, "Is your sort stable?"),
        Case("regions with holes, and of two pieces", _pieces, "The size of a region is its number of pixels."),
    ),
    misconceptions={
        "small_before_large": "You paint the small regions first, and the large ones cover them: a roof disappears "
        "below its block.",
        "in_their_order": "You paint the regions in the order in which they come. Whether a small one is seen then "
        "depends on where it stands in the list.",
        "by_score": "You order the regions by the IoU that SAM expects. A large region with a good score then covers "
        "the small ones in it.",
        "zero_for_uncovered": "Pixels in no region get the number 0, which is the number of the first region. Look at "
        "a corner that nothing covers.",
        "ties_to_the_last": "Of two regions of the same size you show the second. The statement asks for the first, so "
        "that the result does not depend on chance: think of the order in which equal ones are painted.",
        "by_box": "You order the regions by their bounding boxes. A thin region may have a large box.",
    },
)

# --- majority ---


def labels(seed: int, classes: int = 7) -> np.ndarray:
    """Class ids, uint8 (8, 8)."""
    return np.random.default_rng(seed).integers(classes, size=(SIDE, SIDE)).astype(np.uint8)


def quarters() -> np.ndarray:
    """A painted map of three regions; the fourth quarter is covered by none."""
    painted = np.full((SIDE, SIDE), -1, dtype=np.int32)
    painted[:4, :4], painted[:4, 4:], painted[4:, :4] = 0, 1, 2
    return painted


def _clear_winners(answer: Answer) -> Any:
    """A class has half of each region, others share the rest."""
    ids = labels(1)
    ids[:4:2, :4], ids[:4:2, 4:], ids[4::2, :4], ids[4:, 4:] = 5, 1, 3, 2
    return answer(quarters(), ids)


def _unknown_wins(answer: Answer) -> Any:
    """Unknown, 6, is the commonest id of the first region."""
    ids = labels(2, classes=6)
    ids[:4, :2], ids[0, 2:4] = 6, 4
    return answer(quarters(), ids)


def _tie(answer: Answer) -> Any:
    """Half of each region has one id, half another; the higher comes first."""
    ids = np.full((SIDE, SIDE), 5, dtype=np.uint8)
    ids[2:4], ids[6:] = 2, 4
    return answer(quarters(), ids)


MAJORITY = Exercise(
    name="majority",
    reference=lambda painted, ids: majority(painted, ids),
    cases=(
        Case("three regions, each with a clear winner", _clear_winners, "Count the ids within each region."),
        Case("a region in which Unknown is commonest", _unknown_wins, "Every id has a vote, 6 as well."),
        Case("a tie in each region", _tie, "Of two ids with as many pixels the lower one wins."),
        Case(
            "one region everywhere",
            lambda answer: answer(np.zeros((SIDE, SIDE), dtype=np.int32), labels(3)),
            "There may be one region only.",
        ),
        Case(
            "no region at all",
            lambda answer: answer(np.full((SIDE, SIDE), -1, dtype=np.int32), labels(4)),
            "A pixel in no region is Unknown.",
        ),
    ),
    misconceptions={
        "mean_of_ids": "You average the ids. Ids are names: the mean of Urban, 0, and Water, 4, is Rangeland, 2, which "
        "nobody voted for.",
        "median_of_ids": "You take the middle id, as if ids were amounts. They are names without an order.",
        "uncovered_as_a_region": "The pixels in no region vote as if they were a region of their own. The course "
        "counts what is in no region as Unknown.",
        "uncovered_as_they_are": "The pixels in no region keep their own class. This is the table's last variant; here "
        "they are Unknown.",
        "unknown_left_out": "Unknown has no vote in your regions. A region that is mostly Unknown then gets the class "
        "of its few other pixels.",
        "one_vote_for_all": "All regions get one class, that of the whole image. Count within each region.",
        "ties_to_the_higher": "Where two ids have as many pixels you take the higher one; the statement asks for the "
        "lower.",
    },
)

# --- vote_score ---


def network_and_truth(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true ids (8, 8): true fields of one class, a prediction that is right at two pixels of three."""
    draw = np.random.default_rng(seed)
    truth = np.repeat(np.repeat(draw.integers(7, size=(4, 4)), 2, axis=0), 2, axis=1).astype(np.uint8)
    predicted = np.where(draw.random(truth.shape) < 0.65, truth, labels(seed + 1)).astype(np.uint8)
    return predicted, truth


def _score(seed: int, side: int) -> Callable[[Answer], Any]:
    """Case of square regions; those of the last row of squares are left out."""

    def run(answer: Answer) -> Any:
        rows, columns = np.indices((SIDE, SIDE)) // side
        painted = np.where(rows == SIDE // side - 1, -1, rows * (SIDE // side) + columns).astype(np.int32)
        return answer(painted, *network_and_truth(seed))

    return run


VOTE_SCORE = Exercise(
    name="vote_score",
    reference=vote_score,
    cases=(
        Case("regions of 2 x 2 pixels", _score(1, 2), "First the vote, then the course's IoU against the truth."),
        Case("regions of 4 x 4 pixels", _score(2, 4), "Who votes, and who only judges?"),
        Case("regions of 2 x 2 pixels, another image", _score(5, 2), "A pixel in no region is Unknown, and counts."),
    ),
    misconceptions={
        "looks_at_the_truth": "The true classes vote. This is the score of the *true vote*, which nobody can hand in: "
        "on the test images there is no truth to look at.",
        "the_network_alone": "You score the network's mask as it is. Its pixels have to vote in each region first.",
        "covered_pixels_only": "You leave the pixels in no region out of the score. A method that covers one easy "
        "field would then be the best.",
        "uncovered_by_the_network": "The pixels in no region keep the network's class. Here they count as Unknown.",
        "unknown_counted": "Unknown has no IoU of its own in the course's mean.",
        "pixel_accuracy": "This is the share of pixels that are right. The course asks for the mean IoU.",
    },
)

# --- keep ---


def proposals(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rectangles that overlap much, with a corner cut out: masks bool (N, 16, 16), scores float32 (N,)."""
    draw = np.random.default_rng(seed)
    masks = np.zeros((count, 16, 16), dtype=bool)
    for mask in masks:
        top, left = draw.integers(0, 4, size=2)
        height, width = draw.integers(6, 12, size=2)
        mask[top : top + height, left : left + width] = True
        mask[top + 1 : top + height // 2, left + 1 : left + width // 2] = False
    return masks, draw.permutation(np.linspace(0.5, 0.95, count)).astype(np.float32)


def _rows(*spans: tuple[int, int], scores: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Masks of one row of 20 pixels each, from a column to another."""
    masks = np.zeros((len(spans), 4, 20), dtype=bool)
    for mask, (left, right) in zip(masks, spans, strict=True):
        mask[1, left:right] = True
    return masks, np.array(scores, dtype=np.float32)


def _columns(answer: Answer) -> Any:
    masks, scores = _rows((0, 4), (1, 5), scores=(0.6, 0.8))
    return answer(np.ascontiguousarray(masks.transpose(0, 2, 1)), scores, 0.63)


def _chain(answer: Answer) -> Any:
    """Each row overlaps the next one by 8 of 12 pixels, but not the one after it."""
    return answer(*_rows((0, 10), (2, 12), (4, 14), scores=(0.9, 0.8, 0.7)), 0.6)


def _thin(answer: Answer) -> Any:
    """A frame and the area within it: the same box, no pixel in common."""
    masks = np.zeros((2, 10, 10), dtype=bool)
    masks[0, 1:9, 1:9] = True
    masks[0, 2:8, 2:8], masks[1, 2:8, 1:9], masks[1, 1, 4], masks[1, 8, 4] = False, True, True, True
    return answer(masks, np.array([0.8, 0.9], dtype=np.float32), 0.7)


KEEP = Exercise(
    name="keep",
    reference=keep,
    cases=(
        Case(
            "two duplicates and a mask elsewhere",
            lambda answer: answer(*_rows((0, 9), (0, 10), (12, 18), scores=(0.7, 0.9, 0.8))),
            "Go from the best score to the worst.",
        ),
        Case(
            "a chain: the second duplicates the first, the third the second",
            _chain,
            "A mask that was dropped drops nothing any more.",
        ),
        Case("a frame and its inside", _thin, "The boxes are compared, not the masks."),
        Case(
            "twelve proposals, another limit",
            lambda answer: answer(*proposals(12, 1), 0.45),
            "A new mask is compared with every mask kept so far.",
        ),
        Case("twenty proposals, limit 0.6", lambda answer: answer(*proposals(20, 2), 0.6), "Best first in the result."),
        Case(
            "two rows of four pixels, one further",
            lambda answer: answer(*_rows((0, 4), (1, 5), scores=(0.6, 0.8)), 0.63),
            "They have three of five pixels in common.",
        ),
        Case("two columns of four pixels, one further", _columns, "They have three of five pixels in common."),
        Case(
            "one mask of a single pixel, twice",
            lambda answer: answer(*_rows((3, 4), (3, 4), scores=(0.6, 0.8))),
            "A box of one pixel is one pixel wide.",
        ),
    ),
    misconceptions={
        "weakest_first": "You begin with the weakest mask, so that the best of several duplicates is dropped.",
        "suppresses_itself": "Each mask is compared with itself, too, and that IoU is 1. Look at how many are kept.",
        "mask_iou": "You compare the masks themselves. That is slower, and SAM compares their bounding boxes; a frame "
        "and its inside have no pixel in common, but the same box.",
        "dropped_ones_drop": "You compare with every better mask, dropped ones included. Then a mask can be lost "
        "although nothing that is kept resembles it.",
        "only_the_best": "You compare with the best mask only. Duplicates of the others stay.",
        "only_the_last_kept": "You compare with the mask that was kept last. Duplicates of earlier ones stay.",
        "not_best_first": "The right masks, but not from the best score to the worst.",
        "least_for_most": "You drop the masks that overlap little and keep the duplicates.",
        "last_pixel_left_out": "Your boxes end one pixel too early: a box from column 3 to column 3 is one pixel wide.",
    },
)

# --- questions ---

CEILING = Question(
    name="ceiling",
    text="Each region gets its commonest *true* class. Does the mean IoU reach 1?",
    choices={
        "yes": Choice(
            "yes: no class is wrong any more",
            "No region has a wrong class, but a region has one class only, and a pixel in no region has none.",
        ),
        "no": Choice(
            "no",
            "A region that lies across a border has pixels of two classes, and one of them loses. Pixels in no region "
            "count as Unknown. What is missing to 1 is the price of the regions' borders.",
        ),
    },
)
AMBIGUOUS = Question(
    name="one_point",
    text="You click on one point of an image. How many masks does SAM predict for it, and why?",
    choices={
        "one": Choice(
            "one: the most probable object",
            "During training the point was drawn from an object, but a point on a roof lies on the house and on the "
            "block, too. One mask would have to be their average.",
        ),
        "three": Choice(
            "three: the point may mean a whole, a part, or a part of that",
            "Only the best of the three was given a loss in training, so each could become one of the meanings. SAM "
            "predicts the IoU of each, to choose by.",
        ),
        "all": Choice(
            "as many as there are objects",
            "That is what the automatic generator finds, by asking at every point of a grid.",
        ),
    },
    right="three",
)
FINER = Question(
    name="finer",
    text="Smaller regions are asked for: a finer grid of points for SAM, a smaller scale for the classical method. "
    "What becomes of the coverage, and of the score with true classes?",
    choices={
        "both": Choice(
            "both rise",
            "A grid of more points reaches objects between the old points, and small regions cross fewer borders.",
        ),
        "coverage": Choice(
            "only the coverage rises",
            "Compare the true vote in both rows: a smaller region has fewer pixels of a second class.",
        ),
        "score": Choice(
            "only the score rises",
            "A method that divides the whole image covers all of it at any scale. Its borders are what changes.",
        ),
        "neither": Choice(
            "neither",
            "Then the new regions were the old ones. Compare their number in the table.",
        ),
    },
)

exercises = ExerciseSet(
    "10_segment_anything", exercises=(PAINT, KEEP, MAJORITY, VOTE_SCORE), questions=(AMBIGUOUS, CEILING, FINER)
)
