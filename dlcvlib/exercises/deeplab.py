"""Exercises and questions of chapter 9, DeepLab."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dlcvlib.data.palette import UNKNOWN
from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question
from dlcvlib.models import aspp
from dlcvlib.training import losses


def focal_loss(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """The library's focal loss with equal class weights."""
    return losses.focal_loss(logits, target, gamma)


def _loss(name: str, gamma: float, idea: str, *, scale: float = 1.0) -> Case:
    """Value and gradient of the loss; `scale` makes the network more certain."""

    def run(answer: Answer) -> Any:
        generator = torch.Generator().manual_seed(7)
        logits = scale * torch.randn(2, 7, 3, 4, generator=generator)
        target = torch.randint(7, (2, 3, 4), generator=generator)
        logits.requires_grad_()
        loss = answer(logits, target, gamma)
        return {"loss": loss, "gradient": torch.autograd.grad(loss, logits)[0]}

    return Case(name, run, idea)


FOCAL_LOSS = Exercise(
    name="focal_loss",
    reference=focal_loss,
    cases=(
        _loss("gamma 2", 2.0, "What is the factor of a pixel whose true class has p = 0.9?"),
        _loss("gamma 0", 0.0, "Every factor is then 1: it is the cross-entropy."),
        _loss("gamma 1, a certain network", 1.0, "Does a pixel that is right for certain count less?", scale=3.0),
        _loss("a pixel that is wrong for certain", 2.0, "What is the logarithm of a probability of 0?", scale=60.0),
    ),
    misconceptions={
        "factor_after_mean": "You take the mean first, and weight it by one factor. Each pixel has a factor of its "
        "own: that is what makes easy pixels count less than hard ones.",
        "p_for_one_minus_p": "Your factor is largest where the network is right already.",
        "sigmoid": "You treat the classes as seven questions of yes or no. Here a pixel has one class: the "
        "probabilities of the seven sum to 1.",
        "wrong_axis": "Your probabilities sum to 1 along a row of pixels. They should sum to 1 over the classes.",
        "normalised": "You divide by the sum of the factors, not by the number of pixels. The loss of a network that "
        "is right nearly everywhere then stays as large as before.",
        "summed": "You sum over the pixels. The loss, and with it the step, then grows with the size of the image.",
        "factor_detached": "The value is right, and the gradient is not: no gradient passes through your factor. It "
        "depends on the logits, too.",
        "sign": "Your loss is negative: training would make the true class less probable.",
        "log_of_softmax": "Right for most pixels, and infinite or not a number for one that is wrong for certain: its "
        "probability is rounded to 0 before you take the logarithm. Which function gives the logarithm at once?",
    },
)


def atrous(image: Tensor, kernel: Tensor, rate: int) -> Tensor:
    """The library's atrous convolution, without what follows it."""
    layer = aspp.convolution_layer(kernel.shape[1], kernel.shape[0], size=3, rate=rate)
    result: Tensor = torch.func.functional_call(layer[0], {"weight": kernel}, (image,))
    return result


def _taps(rate: int, height: int, width: int) -> Case:
    def run(answer: Answer) -> Any:
        generator = torch.Generator().manual_seed(rate)
        image = torch.randn(2, 2, height, width, generator=generator)
        return answer(image, torch.randn(3, 2, 3, 3, generator=generator), rate)

    idea = "Where do the nine inputs of the upper left corner lie, and which of them are outside?"
    return Case(f"rate {rate} on {height} x {width} positions", run, idea)


ATROUS = Exercise(
    name="atrous",
    reference=atrous,
    cases=(_taps(1, 5, 6), _taps(2, 6, 8), _taps(3, 8, 7), _taps(6, 5, 7)),
    misconceptions={
        "padding_one": "Your output is smaller than the image: with a rate of r the outer taps lie r positions "
        "outside, and a border of one position of zeros is not wide enough.",
        "larger_kernel": "You fill the gaps with weights. The kernel has nine weights at any rate; between them "
        "nothing is read.",
        "stride_for_rate": "You compute every r-th output. A stride makes the map coarser, which is what the rate is "
        "to avoid: the output has the size of the image.",
        "wraps_around": "What leaves the image at the right comes in at the left. Outside there are zeros.",
        "flipped": "You turn the kernel by 180 degrees, as the convolution of mathematics does. That of deep learning "
        "multiplies the upper left weight with the upper left tap.",
    },
)


def class_weights(shares: Tensor) -> Tensor:
    """The library's class weights, without Unknown."""
    return losses.class_weights(shares, ignored=UNKNOWN)


def _shares(name: str, shares: tuple[float, ...], idea: str) -> Case:
    return Case(name, lambda answer: answer(torch.tensor(shares, dtype=torch.float64)), idea)


CLASS_WEIGHTS = Exercise(
    name="class_weights",
    reference=class_weights,
    cases=(
        _shares(
            "the course's training images",
            (0.106, 0.583, 0.084, 0.115, 0.031, 0.0804, 0.0006),
            "The six land classes alone: what is their median?",
        ),
        _shares("much Unknown", (0.1, 0.2, 0.15, 0.05, 0.12, 0.08, 0.3), "Is Unknown in the median?"),
        _shares("no Forest", (0.2, 0.4, 0.12, 0.0, 0.08, 0.15, 0.05), "What weight has a class without a pixel?"),
        _shares("two classes", (0.0, 0.7, 0.0, 0.0, 0.3, 0.0, 0.0), "The median of the classes that occur."),
    ),
    misconceptions={
        "median_forgotten": "You take one over the share. The ratios are right, but the loss, and with it the step, "
        "is then many times as large.",
        "unknown_included": "*Unknown* has a weight, more than a hundred times that of a common class in the course's "
        "images, where it is rarest of all. It should have none.",
        "absent_infinite": "A class without a pixel gets an infinite weight, or none that is a number. Its weight is "
        "never used; let it be 0.",
        "mean_for_median": "You take the mean. One class that covers most of the images pulls it up.",
        "lower_median": "`torch.median` returns the *lower* of the two middle values if their number is even. The "
        "median lies halfway between them.",
        "absent_in_median": "You count classes without a pixel in the median: it is that of the classes that occur.",
    },
)


def image_pooling(features: Tensor) -> Tensor:
    """The library's image-level branch without its convolution."""
    branch = aspp.ImagePooling(features.shape[1], features.shape[1])
    for index in range(1, len(branch)):
        branch[index] = nn.Identity()
    pooled: Tensor = branch(features)
    return pooled


def _features(count: int, channels: int, height: int, width: int) -> Case:
    def run(answer: Answer) -> Any:
        return answer(torch.randn(count, channels, height, width, generator=torch.Generator().manual_seed(channels)))

    idea = "Which of the four axes do you take the mean over, and which shape has the result?"
    return Case(f"features ({count}, {channels}, {height}, {width})", run, idea)


IMAGE_POOLING = Exercise(
    name="image_pooling",
    reference=image_pooling,
    cases=(_features(2, 3, 4, 5), _features(3, 2, 5, 3), _features(1, 4, 2, 2)),
    misconceptions={
        "over_the_batch": "Your mean is over all images of the batch, too. What the network says of one image would "
        "depend on the others.",
        "not_broadcast": "The mean is right, and has one position. To be concatenated with the other branches it has "
        "to stand at every position.",
        "maximum": "You take the maximum. This branch tells what the image is like on the whole.",
        "over_channels": "Your mean is over the channels: each position loses what it has to say. The mean is over the "
        "positions.",
    },
)

TAPS_INSIDE = Question(
    name="taps_inside",
    text="A tile of 64 by 64 pixels, features with a stride of 8, an atrous 3x3 convolution with a rate of 36. How "
    "many of the nine taps of a position in the middle lie inside?",
    choices={
        "nine": Choice("9", "The rate counts positions of the features, not pixels: the tile has 8 by 8 of them."),
        "six": Choice("6", "With one row outside, six would be left. How far away is that row?"),
        "three": Choice("3", "That would be one row of taps. How far apart are the taps of a row?"),
        "one": Choice(
            "1",
            "The tile has 8 by 8 positions, and the other eight taps lie 36 away. The layer is then a "
            "convolution of a single position.",
        ),
    },
    right="one",
)

MULTIPLICATIONS = Question(
    name="multiplications",
    text="How many times as many multiplications does a 3x3 convolution need with a rate of 12 as with a rate of 1?",
    choices={
        "same": Choice("as many", "Nine weights for each position, channel and filter, at any rate."),
        "twelve": Choice("12 times", "The taps lie farther apart, and there are no more of them."),
        "area": Choice("144 times", "This would be the area. The positions between the taps are not read."),
        "dense": Choice("625 / 9 times", "This would be a dense kernel of 25 by 25 that covers the same positions."),
    },
    right="same",
)

FOCAL_GAIN = Question(
    name="focal_gain",
    text="With the focal loss in place of the cross-entropy, pixels that are right for certain hardly count any more. "
    "Whose IoU rises most?",
    choices={
        "rarest": Choice("the rarest class", "It has few pixels, and the loss of the many others is now small."),
        "commonest": Choice("the commonest class", "Its pixels are the easy ones, whose weight went down."),
        "other": Choice("another class", "One that is confused often need not be rare."),
        "none": Choice("of none", "Every class has fewer pixels that count; all might suffer."),
    },
)

COVERED_SQUARE = Question(
    name="covered_square",
    text="A square in the middle of an image, a quarter as wide, is covered with one colour. How far from the square "
    "does the trained network still change the class of a pixel?",
    choices={
        "under": Choice("only under it", "A convolution of one pixel would do this. What do its taps read beside it?"),
        "near": Choice("up to one width of the square away", "The borders of fields move, and little else."),
        "far": Choice(
            "farther still",
            "One branch of the pyramid takes the mean of the whole image, and the rates reach far: a few pixels near a "
            "decision change anywhere.",
        ),
    },
)

exercises = ExerciseSet(
    "09_deeplab",
    exercises=(ATROUS, IMAGE_POOLING, FOCAL_LOSS, CLASS_WEIGHTS),
    questions=(TAPS_INSIDE, MULTIPLICATIONS, FOCAL_GAIN, COVERED_SQUARE),
)
