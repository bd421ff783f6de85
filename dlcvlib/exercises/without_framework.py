"""Exercises and questions of chapter 14, a convolutional network without a framework."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question


def fold(
    weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, gamma: Tensor, beta: Tensor, eps: float
) -> tuple[Tensor, Tensor]:
    """Weight (O, I, h, w) and bias (O,) of a convolution with its batch normalisation, as PyTorch folds them."""
    folded = fuse_conv_bn_weights(weight, bias, mean, var, eps, gamma, beta)
    return folded[0].detach(), folded[1].detach()


def windows(image: np.ndarray, kernel: int, stride: int, padding: int) -> np.ndarray:
    """Windows of an image (C, H, W) as columns (C * kernel * kernel, positions), as PyTorch unfolds them."""
    columns = functional.unfold(torch.from_numpy(image)[None], kernel, padding=padding, stride=stride)
    return columns[0].numpy()


# --- fold ---


def _one_channel(answer: Answer) -> Any:
    """With a variance of 3 and an epsilon of 1 the root is 2."""
    return answer(torch.full((1, 1, 1, 1), 3.0), *(torch.tensor([value]) for value in (1.0, 3.0, 3.0, 4.0, 5.0)), 1.0)


def _layer(outputs: int, inputs: int, side: int, seed: int, eps: float = 1e-5) -> Any:
    """Arguments of `fold` for a trained layer."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, inputs, side, side, generator=generator)
    bias, mean, gamma, beta = torch.randn(4, outputs, generator=generator)
    return weight, bias, mean, 0.1 + torch.rand(outputs, generator=generator), gamma, beta, eps


def _constant_channel(answer: Answer) -> Any:
    weight, bias, mean, var, gamma, beta, eps = _layer(4, 2, 3, seed=3)
    var[1] = 0
    return answer(weight, bias, mean, var, gamma, beta, eps)


AXIS = (
    "The factors have met the wrong axis. A batch normalisation has one factor for each channel that comes *out* of "
    "the convolution, and that is the first axis of its weight, (O, I, h, w)."
)
FOLD = Exercise(
    name="fold",
    reference=fold,
    cases=(
        Case("one channel, one weight", _one_channel, "Put the convolution $3x + 1$ into the formula by hand."),
        Case(
            "five channels from two",
            lambda answer: answer(*_layer(5, 2, 3, seed=1)),
            "Which of the axes of the weight has one entry for each factor?",
        ),
        Case(
            "as many channels as rows and columns",
            lambda answer: answer(*_layer(3, 3, 3, seed=2, eps=1e-3)),
            "Here every axis has three entries: a wrong one raises no error.",
        ),
        Case("a channel that is constant", _constant_channel, "Its variance is 0. What keeps the quotient finite?"),
    ),
    misconceptions={
        "epsilon_forgotten": "Epsilon is lost. Most channels hardly show it; one that is constant has a variance of 0, "
        "and you divide by it.",
        "epsilon_outside": "Epsilon stands under the root in batch normalisation, not beside it: $\\sqrt{v + "
        "\\varepsilon}$.",
        "root_forgotten": "You divide by the variance. The outputs are divided by the standard deviation, its root.",
        "bias_not_scaled": "The bias of the convolution is part of the output that is normalised: it is multiplied, "
        "like the rest.",
        "bias_forgotten": "The bias of the convolution is lost. Many networks have none there, as batch normalisation "
        "has its own; `fold` has to be right for the others, too.",
        "mean_forgotten": "The mean is not subtracted: every channel is shifted.",
        "mean_not_scaled": "The mean is subtracted *before* the outputs are scaled. Where you subtract it, everything "
        "is scaled already.",
        "mean_added": "The mean is added, but batch normalisation subtracts it.",
        "weight_not_scaled": "The weight is as it was. The factor of a channel belongs to all its weights and to its "
        "bias.",
        "gamma_forgotten": "$\\gamma$ is lost: the outputs have a standard deviation of 1, not the learnt one.",
        "input_channels": AXIS,
        "columns": AXIS,
    },
)

# --- windows ---


def _counting(channels: int, height: int, width: int) -> np.ndarray:
    """An image with different values everywhere, from 1 on; float32 (channels, height, width)."""
    return np.arange(1, 1 + channels * height * width, dtype=np.float32).reshape(channels, height, width)


TURNED = (
    "Every value is there, but a window is read column by column. The weights of a kernel are stored row by row, and "
    "the windows have to have the same order."
)
WINDOWS = Exercise(
    name="windows",
    reference=windows,
    cases=(
        Case(
            "3 x 3 numbers, windows of 2 x 2",
            lambda answer: answer(_counting(1, 3, 3), 2, 1, 0),
            "Write the four windows on paper, and then each as a column.",
        ),
        Case(
            "two channels",
            lambda answer: answer(_counting(2, 4, 5), 3, 1, 0),
            "The weight of a filter, (I, h, w), is flattened: which axis varies last?",
        ),
        Case(
            "padding 1",
            lambda answer: answer(_counting(1, 3, 4), 3, 1, 1),
            "Zeros stand on all four sides of the image.",
        ),
        Case(
            "stride 2",
            lambda answer: answer(_counting(1, 6, 5), 2, 2, 0),
            "Where does the second window begin?",
        ),
        Case(
            "stride 2 and padding 1",
            lambda answer: answer(_counting(2, 5, 5), 3, 2, 1),
            "The last window ends where the padded image does.",
        ),
    ),
    misconceptions={
        "transposed": "A window is a row of your matrix. Here each window is a column, so that the weights, one row a "
        "filter, can be multiplied from the left.",
        "turned": TURNED,
        "taps_first": "The channels alternate within a window. The weight of a filter, (I, h, w), is stored channel by "
        "channel: all of the first, then all of the second.",
        "flipped": "Every window is read from its last number to its first. Mathematics calls that a convolution; the "
        "layer of that name does not flip its kernel.",
        "padding_forgotten": "The padding is missing, so the output is smaller than the image.",
        "padded_after": "Zeros are added at the right and at the bottom only: the windows begin in the wrong place.",
        "stride_forgotten": "Windows begin at every position. With a stride of 2 every second is left out, in both "
        "directions.",
        "last_missing": "The last window of each row and column is missing: one of size 2 fits into 3 numbers twice.",
        "positions_turned": "The windows are right, and their order is not: as the numbers of an image do, they follow "
        "each other along a row.",
    },
)

# --- questions ---

MULTIPLICATIONS = Question(
    name="multiplications",
    text="Each block doubles the channels, and its pooling halves height and width. Which of the four convolutions "
    "needs the most multiplications?",
    choices={
        "first": Choice(
            "the first, on the largest map",
            "Its map has the most positions, but each needs few: only three channels come in.",
        ),
        "last": Choice(
            "the last, with the most weights",
            "It has most weights, and each is used at few positions. Weights and multiplications are two things.",
        ),
        "equal": Choice(
            "the second, third and fourth need equally many",
            "From block to block the weights become four times as many, and the positions a quarter. The first "
            "convolution has three channels to read, and needs fewer.",
        ),
    },
    right="equal",
)
HALF = Question(
    name="half",
    text="The weights are rounded from 24 significant bits to 11. For how many of the images does another class win?",
    choices={
        "none": Choice(
            "for none",
            "A weight changes by at most a part in 2,048, and the changes of many weights partly cancel. For another "
            "class to win, the two highest logits have to be closer than that.",
        ),
        "few": Choice(
            "for some, fewer than one in fifty",
            "Only where the two highest logits are nearly equal, such a small change decides between them.",
        ),
        "many": Choice(
            "for one in fifty or more",
            "Each of many layers rounds, so this is not absurd. Then the logits of many images have to be nearly "
            "equal, as in a network that has learnt little.",
        ),
    },
)
REFUSED = Question(
    name="refused",
    text="The plan knows convolutions, pooling, batch normalisation, sums, concatenation and resizing. Which of these "
    "networks will it refuse?",
    choices={
        "unet": Choice(
            "U-Net, because of its skip connections",
            "A plan names for each layer those that it reads: that may be several, and none has to be the one before.",
        ),
        "resnet18": Choice(
            "ResNet-18, because of its sums",
            "A sum of two maps is a layer of its own, with two inputs.",
        ),
        "convnext_tiny": Choice(
            "ConvNeXt, because of its normalisation",
            "It normalises each position over the channels, with statistics of the image at hand. They are not known "
            "before, so this cannot be folded, and the engine has no code for it.",
        ),
    },
)

exercises = ExerciseSet(
    "14_without_a_framework",
    exercises=(FOLD, WINDOWS),
    questions=(MULTIPLICATIONS, HALF, REFUSED),
)
