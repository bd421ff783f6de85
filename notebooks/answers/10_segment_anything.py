# Answers to the exercises of chapter 10, right and wrong ones. Never handed out.

# %%
import numpy as np
import torch
from torchvision.ops import box_iou, masks_to_boxes

from dlcvlib.metrics import course_iou
from dlcvlib.sam import majority as library_majority

# %%


def boxes_of(masks):
    """Boxes of masks: (left, top, right, bottom), the last two exclusive."""
    boxes = []
    for mask in masks:
        rows, columns = np.nonzero(mask)
        boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    return boxes


def iou(first, second):
    """IoU of two boxes."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    overlap = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return overlap / (sum(areas) - overlap)


# %% right: paint, large to small


def paint(regions):
    painted = np.full(regions.masks.shape[1:], -1)
    order = sorted(range(len(regions)), key=lambda i: (-regions.areas[i], -i))
    for number in order:
        painted[regions.masks[number]] = number
    return painted


# %% right: paint, the smallest of each pixel


def paint(regions):
    sizes = np.where(regions.masks, regions.areas[:, None, None], np.inf)
    return np.where(regions.masks.any(axis=0), sizes.argmin(axis=0), -1)


# %% right: paint, small to large, where nothing is yet


def paint(regions):
    painted = np.full(regions.masks.shape[1:], -1)
    for number in np.argsort(regions.areas, kind="stable"):
        painted[regions.masks[number] & (painted == -1)] = number
    return painted


# %% wrong: paint, small_before_large


def paint(regions):
    painted = np.full(regions.masks.shape[1:], -1)
    for number in np.argsort(regions.areas, kind="stable"):
        painted[regions.masks[number]] = number
    return painted


# %% wrong: paint, in_their_order


def paint(regions):
    painted = np.full(regions.masks.shape[1:], -1)
    for number, mask in enumerate(regions.masks):
        painted[mask] = number
    return painted


# %% wrong: paint, by_score


def paint(regions):
    painted = np.full(regions.masks.shape[1:], -1)
    for number in np.argsort(regions.scores, kind="stable"):
        painted[regions.masks[number]] = number
    return painted


# %% wrong: paint, zero_for_uncovered


def paint(regions):
    painted = np.zeros(regions.masks.shape[1:], dtype=int)
    for number in sorted(range(len(regions)), key=lambda i: (-regions.areas[i], -i)):
        painted[regions.masks[number]] = number
    return painted


# %% wrong: paint, ties_to_the_last


def paint(regions):
    painted = np.full(regions.masks.shape[1:], -1)
    for number in np.argsort(-regions.areas, kind="stable"):
        painted[regions.masks[number]] = number
    return painted


# %% wrong: paint, by_box


def paint(regions):
    painted = np.full(regions.masks.shape[1:], -1)
    sizes = [(b[2] - b[0]) * (b[3] - b[1]) for b in boxes_of(regions.masks)]
    for number in sorted(range(len(regions)), key=lambda i: (-sizes[i], -i)):
        painted[regions.masks[number]] = number
    return painted


# %% right: keep, mask by mask


def keep(masks, scores, most=0.7):
    boxes, kept = boxes_of(masks), []
    for number in np.argsort(-scores):
        if all(iou(boxes[number], boxes[other]) <= most for other in kept):
            kept.append(int(number))
    return kept


# %% right: keep, best of what is left


def keep(masks, scores, most=0.7):
    boxes = masks_to_boxes(torch.from_numpy(masks)) + torch.tensor([0, 0, 1, 1])
    overlaps = box_iou(boxes, boxes)
    left, kept = torch.from_numpy(scores).argsort(descending=True), []
    while len(left):
        best = left[0]
        kept.append(best)
        left = left[1:][overlaps[best, left[1:]] <= most]
    return torch.stack(kept)


# %% wrong: keep, weakest_first


def keep(masks, scores, most=0.7):
    boxes, kept = boxes_of(masks), []
    for number in np.argsort(scores):
        if all(iou(boxes[number], boxes[other]) <= most for other in kept):
            kept.append(int(number))
    return kept


# %% wrong: keep, suppresses_itself


def keep(masks, scores, most=0.7):
    boxes, kept = boxes_of(masks), []
    for number in np.argsort(-scores):
        if all(iou(boxes[number], other) <= most for other in boxes):
            kept.append(int(number))
    return kept


# %% wrong: keep, mask_iou


def keep(masks, scores, most=0.7):
    kept = []
    for number in np.argsort(-scores):
        overlaps = [
            (masks[number] & masks[other]).sum() / (masks[number] | masks[other]).sum()
            for other in kept
        ]
        if all(overlap <= most for overlap in overlaps):
            kept.append(int(number))
    return kept


# %% wrong: keep, dropped_ones_drop


def keep(masks, scores, most=0.7):
    boxes, kept = boxes_of(masks), []
    order = np.argsort(-scores)
    for rank, number in enumerate(order):
        if all(iou(boxes[number], boxes[other]) <= most for other in order[:rank]):
            kept.append(int(number))
    return kept


# %% wrong: keep, only_the_best


def keep(masks, scores, most=0.7):
    boxes, kept = boxes_of(masks), []
    for number in np.argsort(-scores):
        if not kept or iou(boxes[number], boxes[kept[0]]) <= most:
            kept.append(int(number))
    return kept


# %% wrong: keep, only_the_last_kept


def keep(masks, scores, most=0.7):
    boxes, kept = boxes_of(masks), []
    for number in np.argsort(-scores):
        if not kept or iou(boxes[number], boxes[kept[-1]]) <= most:
            kept.append(int(number))
    return kept


# %% wrong: keep, not_best_first


def keep(masks, scores, most=0.7):
    boxes, kept = boxes_of(masks), []
    for number in np.argsort(-scores):
        if all(iou(boxes[number], boxes[other]) <= most for other in kept):
            kept.append(int(number))
    return sorted(kept)


# %% wrong: keep, least_for_most


def keep(masks, scores, most=0.7):
    boxes, kept = boxes_of(masks), []
    for number in np.argsort(-scores):
        if all(iou(boxes[number], boxes[other]) > most for other in kept):
            kept.append(int(number))
    return kept


# %% wrong: keep, last_pixel_left_out


def keep(masks, scores, most=0.7):
    boxes = masks_to_boxes(torch.from_numpy(masks))
    overlaps, kept = box_iou(boxes, boxes), []
    for number in np.argsort(-scores):
        if not any(overlaps[number, other] > most for other in kept):
            kept.append(int(number))
    return kept


# %% right: majority, region by region


def majority(painted, ids):
    voted = np.full(painted.shape, 6)
    for number in np.unique(painted[painted >= 0]):
        inside = painted == number
        voted[inside] = np.bincount(ids[inside], minlength=7).argmax()
    return voted


# %% right: majority, by a table of counts


def majority(painted, ids):
    counts = np.zeros((painted.max() + 2, 7), dtype=int)
    np.add.at(counts, (painted + 1, ids), 1)
    winners = counts.argmax(axis=1)
    winners[0] = 6
    return winners[painted + 1]


# %% wrong: majority, mean_of_ids


def majority(painted, ids):
    voted = np.full(painted.shape, 6)
    for number in np.unique(painted[painted >= 0]):
        inside = painted == number
        voted[inside] = round(float(ids[inside].mean()))
    return voted


# %% wrong: majority, median_of_ids


def majority(painted, ids):
    voted = np.full(painted.shape, 6)
    for number in np.unique(painted[painted >= 0]):
        inside = painted == number
        voted[inside] = int(np.median(ids[inside]))
    return voted


# %% wrong: majority, uncovered_as_a_region


def majority(painted, ids):
    voted = np.full(painted.shape, 6)
    for number in np.unique(painted):
        inside = painted == number
        voted[inside] = np.bincount(ids[inside], minlength=7).argmax()
    return voted


# %% wrong: majority, uncovered_as_they_are


def majority(painted, ids):
    voted = ids.copy()
    for number in np.unique(painted[painted >= 0]):
        inside = painted == number
        voted[inside] = np.bincount(ids[inside], minlength=7).argmax()
    return voted


# %% wrong: majority, unknown_left_out


def majority(painted, ids):
    voted = np.full(painted.shape, 6)
    for number in np.unique(painted[painted >= 0]):
        inside = painted == number
        voted[inside] = np.bincount(ids[inside], minlength=7)[:6].argmax()
    return voted


# %% wrong: majority, one_vote_for_all


def majority(painted, ids):
    voted = np.full(painted.shape, 6)
    voted[painted >= 0] = np.bincount(ids.ravel(), minlength=7).argmax()
    return voted


# %% wrong: majority, ties_to_the_higher


def majority(painted, ids):
    voted = np.full(painted.shape, 6)
    for number in np.unique(painted[painted >= 0]):
        inside = painted == number
        counts = np.bincount(ids[inside], minlength=7)
        voted[inside] = np.flatnonzero(counts == counts.max())[-1]
    return voted


# %% right: vote_score, by the library's functions


def vote_score(painted, predicted, truth):
    return course_iou(library_majority(painted, predicted), truth).mean_of_present


# %% right: vote_score, by hand


def vote_score(painted, predicted, truth):
    voted = np.full(painted.shape, 6)
    for number in np.unique(painted[painted >= 0]):
        inside = painted == number
        voted[inside] = np.bincount(predicted[inside]).argmax()
    scores = []
    for number in range(6):
        either = (voted == number) | (truth == number)
        both = (voted == number) & (truth == number)
        if either.any():
            scores.append(both.sum() / either.sum())
    return np.mean(scores)


# %% wrong: vote_score, looks_at_the_truth


def vote_score(painted, predicted, truth):
    return course_iou(library_majority(painted, truth), truth).mean_of_present


# %% wrong: vote_score, the_network_alone


def vote_score(painted, predicted, truth):
    return course_iou(predicted, truth).mean_of_present


# %% wrong: vote_score, covered_pixels_only


def vote_score(painted, predicted, truth):
    covered = painted >= 0
    voted = library_majority(painted, predicted)
    return course_iou(voted[covered][None], truth[covered][None]).mean_of_present


# %% wrong: vote_score, uncovered_by_the_network


def vote_score(painted, predicted, truth):
    voted = library_majority(painted, predicted, elsewhere=predicted)
    return course_iou(voted, truth).mean_of_present


# %% wrong: vote_score, pixel_accuracy


def vote_score(painted, predicted, truth):
    return (library_majority(painted, predicted) == truth).mean()


# %% wrong: vote_score, unknown_counted


def vote_score(painted, predicted, truth):
    voted = library_majority(painted, predicted)
    scores = []
    for number in range(7):
        either = (voted == number) | (truth == number)
        both = (voted == number) & (truth == number)
        if either.any():
            scores.append(both.sum() / either.sum())
    return np.mean(scores)
