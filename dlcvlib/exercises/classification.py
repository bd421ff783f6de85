"""Exercises and questions of chapter 2, classification."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dlcvlib import augment, metrics
from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question

# Crops of a batch ---------------------------------------------------------------------------------------------------


def random_crops(images: Tensor, size: int, generator: torch.Generator | None = None) -> Tensor:
    """The library's random crop, without padding."""
    return augment.random_crop(images, size, generator=generator)


def numbered(count: int, height: int, width: int) -> Tensor:
    """Images (count, 2, height, width) in which every pixel has a value of its own, so that a crop tells its origin."""
    return torch.arange(count * 2 * height * width).float().reshape(count, 2, height, width)


def _corners(crops: Tensor, images: Tensor) -> Tensor:
    """Row and column of the first pixel of each crop in its image, (N, 2); out of range if it is from another image."""
    offsets = (crops[:, 0, 0, 0] - images[:, 0, 0, 0]).long()
    return torch.stack([offsets // images.shape[-1], offsets % images.shape[-1]], 1)


def _rectangular_images(answer: Answer) -> Any:
    images = numbered(40, 4, 7)
    crops = answer(images, 3)
    corners = _corners(crops, images).tolist()
    windows = [image[:, top : top + 3, left : left + 3] for image, (top, left) in zip(images, corners, strict=True)]
    return {"shape": list(crops.shape), "each is a window of its own image": all(map(torch.equal, crops, windows))}


def _of_one_batch(answer: Answer) -> Any:
    images = numbered(60, 4, 4)
    return {"positions in one batch": len(_corners(answer(images, 3), images).unique(dim=0))}


def _of_many_batches(answer: Answer) -> Any:
    images = numbered(60, 4, 4)
    corners = torch.cat([_corners(answer(images, 3), images) for _ in range(60)])
    return {"last row and column": corners.amax(0), "positions": len(corners.unique(dim=0))}


def _two_batches(answer: Answer) -> Any:
    """The images have 529 positions: two calls with one draw each hardly ever agree by chance."""
    images = numbered(40, 25, 25)
    first, second = answer(images, 3), answer(images, 3)
    return {"two calls give the same crops": torch.equal(first, second)}


def _seeded(answer: Answer) -> Any:
    images = numbered(40, 5, 5)
    first, again = (answer(images, 3, torch.Generator().manual_seed(7)) for _ in range(2))
    return {"two generators of one seed give the same crops": torch.equal(first, again)}


def _whole_image(answer: Answer) -> Any:
    """A crop of the image's own size is the image."""
    return answer(numbered(3, 4, 4), 4)


RANDOM_CROPS = Exercise(
    name="random_crops",
    reference=random_crops,
    cases=(
        Case("images of 4 by 7 pixels", _rectangular_images, "Rows have their own range, and columns theirs."),
        Case("60 images, one call", _of_one_batch, "How many numbers are drawn for a batch of 60 images?"),
        Case("60 calls", _of_many_batches, "Which is the last row at which a window still fits?"),
        Case("two calls, one after the other", _two_batches, "An epoch should not repeat the crops of the last one."),
        Case("two generators of one seed", _seeded, "Every draw takes the `generator`."),
        Case("a crop as large as the image", _whole_image, "There is one position: 0, 0."),
    ),
    misconceptions={
        "one_draw_a_batch": "All images of the batch are cropped at one and the same position. You draw once for the "
        "batch. Draw for each image; look at the first pixels of two crops to see the difference.",
        "last_position_missing": "The last row and the last column are never reached. `torch.randint(n)` ends at "
        "n − 1: count the positions at which a window of 3 pixels fits into 4.",
        "always_the_same": "Every call gives the same crops, so the network sees the same in every epoch. Something in "
        "your function starts the random numbers anew.",
        "rows_and_columns_tied": "All windows lie on the diagonal: one number serves as row and as column. Draw two.",
        "seed_ignored": "With a generator of the same seed the crops still differ. The draws take their numbers "
        "from elsewhere.",
        "neighbours_image": "The windows come from other images of the batch, so the labels no longer fit. "
        "Follow one image through your function.",
    },
)

# Loss ---------------------------------------------------------------------------------------------------------------


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """torch's cross-entropy with label smoothing."""
    return functional.cross_entropy(logits, labels, label_smoothing=epsilon)


def _logits(count: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(count, classes, generator=generator), torch.randint(classes, (count,), generator=generator)


def _loss_of_some(answer: Answer) -> Any:
    return answer(*_logits(6, 5, 1), 0.1)


def _not_smoothed(answer: Answer) -> Any:
    return answer(*_logits(4, 3, 2), 0.0)


def _half_smoothed(answer: Answer) -> Any:
    return answer(*_logits(4, 4, 3), 0.5)


def _one_image(answer: Answer) -> Any:
    return answer(*_logits(1, 3, 4), 0.2)


def _large_logits(answer: Answer) -> Any:
    logits, labels = _logits(3, 4, 5)
    return answer(200 * logits, labels, 0.1)


SMOOTHED_CROSS_ENTROPY = Exercise(
    name="smoothed_cross_entropy",
    reference=smoothed_cross_entropy,
    cases=(
        Case("six images, five classes, ε = 0.1", _loss_of_some, "Write down the target of one image: K numbers."),
        Case("ε = 0", _not_smoothed, "Without smoothing it is the cross-entropy."),
        Case("ε = 0.5", _half_smoothed, "What does each class get, and what does the true one get on top?"),
        Case("one image", _one_image, "The mean over one image is that image's loss."),
        Case("logits of several hundred", _large_logits, "Softmax, then its logarithm: what is the log of 0?"),
    ),
    misconceptions={
        "over_the_others": "You share ε among the K − 1 wrong classes. The formula shares it among all K, the true "
        "one included. With ε = 0 both agree; add up the target of the true class to see the difference.",
        "one_minus_forgotten": "The targets of one image sum to 1 + ε. The true class still has all of its 1.",
        "softmax_twice": "The loss hardly depends on the logits: the probabilities go through a softmax again. "
        "`functional.cross_entropy` takes logits.",
        "summed": "You add the losses of the images up. With a batch twice as large the loss, and the step, doubles.",
        "wrong_axis": "The softmax runs over the images of the batch. Which axis of (N, K) holds the classes?",
    },
)

# Cutmix -------------------------------------------------------------------------------------------------------------


def _plain(count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Images (count, 3, height, width), all pixels of image n of value n, and one-hot targets of class n."""
    values = torch.arange(count).float()[:, None, None, None]
    return values.expand(count, 3, height, width).clone(), torch.eye(count)


def _mixed(answer: Answer, height: int, width: int, weight: float, centre: tuple[int, int]) -> Any:
    """Whatever the permutation is: the pasted pixels, and how the targets fit the pixels."""
    images, targets = _plain(24, height, width)
    pixels, mixed = answer(images.clone(), targets.clone(), weight, centre)
    own = torch.arange(24)
    moved = [row for row in own.tolist() if (pixels[row] != row).any()]
    others = {row: int(pixels[row][pixels[row] != row][0]) for row in moved}
    shares = functional.one_hot(pixels[:, 0].flatten(1).long(), 24).float().mean(1)
    box = (pixels[moved[0], 0] != moved[0]).nonzero() if moved else torch.zeros(1, 2)
    return {
        "shape": list(pixels.shape),
        "pasted rows": [int(box[:, 0].min()), int(box[:, 0].max())],
        "pasted columns": [int(box[:, 1].min()), int(box[:, 1].max())],
        "one box for all": all(
            bool((pixels[row] != row).sum() == (pixels[moved[0]] != moved[0]).sum()) for row in moved
        ),
        "share of the image's own class": min([float(mixed[row, row]) for row in moved], default=1.0),
        "the other class is that of the pixels": all(bool(mixed[row, other] > 0) for row, other in others.items()),
        "targets sum to 1": bool(torch.allclose(mixed.sum(1), torch.ones(24), atol=1e-5)),
        "largest distance of targets and pixels": float((mixed - shares).abs().max()) if others else 0.0,
    }


def _box_inside(answer: Answer) -> Any:
    return _mixed(answer, 8, 16, 0.75, (4, 8))


def _box_cut_off(answer: Answer) -> Any:
    return _mixed(answer, 8, 16, 0.4375, (0, 13))


def _cut_off_below_on_the_left(answer: Answer) -> Any:
    return _mixed(answer, 8, 16, 0.4375, (7, 2))


def _nothing_pasted(answer: Answer) -> Any:
    images, targets = _plain(5, 8, 8)
    return answer(images, targets, 1.0, (4, 4))


def _pairs_differ(answer: Answer) -> Any:
    images, targets = _plain(64, 8, 8)
    first, second = (answer(images.clone(), targets, 0.75, (4, 4))[0] for _ in range(2))
    return {"two calls pair the images alike": torch.equal(first, second)}


def _pairs_of_one_seed(answer: Answer) -> Any:
    images, targets = _plain(64, 8, 8)
    given = [(images.clone(), targets, 0.75, (4, 4), torch.Generator().manual_seed(7)) for _ in range(2)]
    first, again = (answer(*arguments)[0] for arguments in given)
    return {"two generators of one seed pair the images alike": torch.equal(first, again)}


def _given_unchanged(answer: Answer) -> Any:
    """The caller's tensors stay as they were."""
    images, targets = _plain(12, 8, 8)
    answer(images, targets, 0.75, (4, 4))
    before, truth = _plain(12, 8, 8)
    return {"images unchanged": torch.equal(images, before), "targets unchanged": torch.equal(targets, truth)}


CUTMIX = Exercise(
    name="cutmix",
    reference=augment.cutmix,
    cases=(
        Case("a box inside the image", _box_inside, "The target of an image is the share of pixels of each class."),
        Case("a box cut off at the border", _box_cut_off, "Which share of the pixels was really pasted?"),
        Case("cut off below, on the left", _cut_off_below_on_the_left, "Rows and columns begin at 0, and have an end."),
        Case("weight 1", _nothing_pasted, "Nothing is pasted, and the targets stay."),
        Case("two calls", _pairs_differ, "Which image is pasted is drawn anew for each batch."),
        Case("two generators of one seed", _pairs_of_one_seed, "Every draw takes the `generator`."),
        Case(
            "the tensors that were given", _given_unchanged, "Write into a copy: is an image pasted that was already?"
        ),
    ),
    misconceptions={
        "clipped_box_old_weight": "The box is cut off at the border, and the targets do not know it. Count the pixels "
        "that were pasted, and compare their share with 1 − weight.",
        "labels_unmixed": "The targets are those of the plain images. The network is punished for recognising what "
        "was pasted.",
        "weight_exchanged": "The pasted class gets the weight of what stayed. Try a small box: which class should "
        "have nearly all?",
        "two_permutations": "The targets are mixed with those of other images than the pixels: you draw an order "
        "twice. Draw once.",
        "sides_of_the_area": "The box is too small: its sides are (1 − weight) of the image's, so that its area is "
        "the square of it. The area should be 1 − weight.",
        "seed_ignored": "With a generator of the same seed other images are paired. The order takes its numbers from "
        "elsewhere.",
        "written_in_place": "You write into the batch itself. An image can be pasted that was changed before, and "
        "the caller's images are gone. Work on a copy.",
    },
)

# Confusion matrix ---------------------------------------------------------------------------------------------------


def _answers(count: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Predicted and true class ids (count,); about two of three agree."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=generator)
    other = torch.randint(classes, (count,), generator=generator)
    return torch.where(torch.rand(count, generator=generator) < 0.65, labels, other), labels


def _three_images(answer: Answer) -> Any:
    """One of class 0 is called 1, the two others are right."""
    return answer(torch.tensor([1, 1, 2]), torch.tensor([0, 1, 2]), 3)


def _many_images(answer: Answer) -> Any:
    return answer(*_answers(60, 4, 1), 4)


def _absent_class(answer: Answer) -> Any:
    """Class 3 is neither true nor predicted, class 4 is never predicted."""
    predicted, labels = _answers(40, 3, 2)
    labels[:2] = 4
    return answer(predicted, labels, 5)


CONFUSION_MATRIX = Exercise(
    name="confusion_matrix",
    reference=metrics.confusion_matrix,
    cases=(
        Case("three images, one mistake", _three_images, "Row: the true class. Column: the predicted one."),
        Case("sixty images", _many_images, "Entries are numbers of images; together they are 60."),
        Case("a class without an image", _absent_class, "The matrix has num_classes rows and columns, always."),
    ),
    misconceptions={
        "transposed": "Rows and columns are exchanged: you count predicted times true. The sum of a row should be "
        "the number of images of a class.",
        "normalised": "These are shares, not numbers of images. Matrices of two batches could no longer be added.",
        "absent_classes_dropped": "A class without an image has no row. Then row 4 of one batch is another class "
        "than row 4 of the next.",
        "repeats_counted_once": "No entry is above 1: `matrix[labels, predicted] += 1` adds once for a pair, however "
        "many images have it. Sum the matrix, and compare with the number of images.",
    },
)

# Questions ----------------------------------------------------------------------------------------------------------

TRAINING_BELOW_VALIDATION = Question(
    "training_below_validation",
    "Suppose that the *training* accuracy of a network lies below its *validation* accuracy in the first epochs. Is "
    "there a fault?",
    {
        "fault": Choice(
            "Yes, the training images must be answered best.",
            "Only if both were measured alike. Training accuracy is measured on augmented images, and while the "
            "weights still change.",
        ),
        "no_fault": Choice(
            "No: the two are measured on different images, at different times.",
            "Training images are augmented (harder), and each batch is counted with the weights of its moment, on "
            "average half an epoch older than those that validate.",
        ),
        "leak": Choice(
            "Yes: validation images must have leaked into the training set.",
            "A leak raises both. Check it by comparing files, not by this sign.",
        ),
    },
    right="no_fault",
)
WHERE_THE_COST_IS = Question(
    "where_the_cost_is",
    "In the table of layers below, where are most *parameters*, and where most *multiplications*?",
    {
        "same": Choice(
            "Both in the same half of the layers.",
            "Parameters are counted once, multiplications once for each position of the map. So the two need not "
            "go together; compare the two columns of the table.",
        ),
        "late_early": Choice(
            "Parameters in the later half, multiplications in the earlier half.",
            "Early maps have many positions and few channels, late ones few positions and many channels.",
        ),
        "early_late": Choice(
            "Parameters in the earlier half, multiplications in the later half.",
            "Channels grow with depth, and a convolution has (channels in) × (channels out) weights for each tap.",
        ),
    },
)
DENSENET_OR_CNN = Question(
    "densenet_or_cnn",
    "Both from random weights, on the images of this page: which has the higher validation accuracy, DenseNet121 or "
    "the small convolutional network?",
    {
        "densenet": Choice(
            "DenseNet121, it is the deeper network.",
            "On a million images it is. Here there are few images and few epochs; how many steps does it take?",
        ),
        "small_cnn": Choice(
            "The small network.",
            "It has few layers, which learn in few steps.",
        ),
        "unclear": Choice(
            "There is no clear difference.",
            "A difference is called clear if its 95 % interval excludes 0.",
        ),
    },
)

exercises = ExerciseSet(
    "02_classification",
    exercises=(RANDOM_CROPS, SMOOTHED_CROSS_ENTROPY, CUTMIX, CONFUSION_MATRIX),
    questions=(TRAINING_BELOW_VALIDATION, WHERE_THE_COST_IS, DENSENET_OR_CNN),
)
