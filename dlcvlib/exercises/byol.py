"""Exercises and questions of chapter 4, BYOL."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question
from dlcvlib.ssl.byol import byol_loss
from dlcvlib.ssl.ema import frozen_copy, update_ema
from dlcvlib.ssl.monitors import normalized_std
from dlcvlib.ssl.schedules import cosine


def vectors(count: int, dim: int, seed: int) -> list[Tensor]:
    """Predictions p1, p2 and projections z1, z2, each (count, dim), of unequal lengths."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(4, count, dim, generator=generator)
    directions[0] += directions[3]  # p1 resembles z2, as after some training
    return list(directions * (0.5 + 2 * torch.rand(4, count, 1, generator=generator)))


# byol_loss


def _equal_directions(answer: Answer) -> Any:
    one, other = functional.normalize(torch.tensor([[1.0, 2.0, 2.0], [0.0, 3.0, -4.0]]), dim=1).unbind()
    return answer(one[None], other[None], other[None], one[None])


def _unit_vectors(answer: Answer) -> Any:
    return answer(*(functional.normalize(each, dim=1) for each in vectors(1, 5, 1)))


def _unequal_lengths(answer: Answer) -> Any:
    return answer(*vectors(1, 5, 2))


def _a_batch(answer: Answer) -> Any:
    return answer(*vectors(6, 5, 3))


def _gradients(answer: Answer) -> Any:
    inputs = [each.requires_grad_() for each in vectors(3, 4, 4)]
    answer(*inputs).backward()
    return {name: each.grad for name, each in zip(("p1", "p2", "z1", "z2"), inputs, strict=True)}


BYOL_LOSS = Exercise(
    name="byol_loss",
    reference=byol_loss,
    cases=(
        Case("p1 equals z2 and p2 equals z1", _equal_directions, "What is predicted without an error costs nothing."),
        Case("one pair of views, vectors of length 1", _unit_vectors, "Count both directions, each as 2 - 2 cos."),
        Case("vectors of any length", _unequal_lengths, "The loss depends on directions only."),
        Case("a batch of six pairs", _a_batch, "How does the loss of a batch follow from those of its pairs?"),
        Case("gradients of all four inputs", _gradients, "Which of the four may the loss pull at?"),
    ),
    misconceptions={
        "gradient_into_target": "The value is right, but `backward()` also reaches $z$: the target would be pulled "
        "towards the prediction. Look at `z1.grad` after `backward()`. For BYOL, $z$ is a constant.",
        "same_view": "You compare the prediction from a view with the target's projection of the *same* view. That can "
        "be solved without knowing what two views share. Which $z$ belongs to $p_1$?",
        "not_normalised": "Your loss changes if a vector is made longer; try `byol_loss(2 * p1, p2, z1, z2)`. "
        "Only the directions are compared.",
        "one_direction": "You compare one of the two pairs. The loss is symmetric: each view is predicted from the "
        "other.",
        "averaged_directions": "Half the value: you take the mean of both directions. BYOL adds them, so the largest "
        "value is 8.",
        "batch_summed": "Your loss grows with the batch: give it the same pair twice and it doubles. The loss of a "
        "batch is the mean of its pairs.",
        "wrong_axis": "You normalise over the batch instead of over the dimensions of a vector: the loss of a pair "
        "then depends on which other images are in the batch. Which axis of (N, D) is a vector?",
        "sign": "Equal directions cost you 8 and opposite ones nothing: training would push the views apart.",
        "mean_over_dimensions": "Your squared distance is averaged over the dimensions, as `mse_loss` does it, so that "
        "it is too small by a factor of D. A squared distance is a sum over dimensions.",
        "cosine_alone": "You return the negative cosine, as SimSiam does. It is lowest for the same vectors, but "
        "equal directions should cost 0, and opposite ones 8.",
    },
)


# update_ema


def network(seed: int) -> nn.Module:
    """Two linear layers with batch normalisation between them; weights, biases and statistics are drawn."""
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    for _ in range(3):
        layers(2 + torch.randn(8, 3))
    for parameter in layers.parameters():
        nn.init.normal_(parameter)
    return layers


def _flat(tensors: Any) -> Tensor:
    return torch.cat([each.detach().double().flatten() for each in tensors])


def _after_steps(answer: Answer, momentum: float, steps: int) -> Any:
    """Target as `answer` leaves it, while the online network is trained in between."""
    target, online = frozen_copy(network(1)), network(2)
    for _ in range(steps):
        answer(target, online, momentum)
        with torch.no_grad():
            for parameter in online.parameters():
                parameter.mul_(1.1)
    return {
        "target": _flat(target.parameters()),
        "target's statistics": _flat(target.buffers()),
        "online": _flat([*online.parameters(), *online.buffers()]),
        "target requires a gradient": any(each.requires_grad for each in target.parameters()),
    }


UPDATE_EMA = Exercise(
    name="update_ema",
    reference=update_ema,
    cases=(
        Case("one step, momentum 0.9", lambda answer: _after_steps(answer, 0.9, 1), "Which network has the weight m?"),
        Case(
            "three steps, momentum 0.8", lambda answer: _after_steps(answer, 0.8, 3), "Each step starts from the last."
        ),
        Case("momentum 1", lambda answer: _after_steps(answer, 1.0, 1), "Then the target stays as it is."),
        Case("momentum 0", lambda answer: _after_steps(answer, 0.0, 1), "Then the target has the online weights."),
    ),
    misconceptions={
        "momentum_exchanged": "The two weights are exchanged: with a momentum near 1 your target follows the online "
        "network almost at once. Try momentum 1, which should leave the target alone.",
        "biases_forgotten": "Some parameters of the target did not move: those of one axis, such as biases. The "
        "average is over every parameter.",
        "statistics_averaged": "You also average buffers, the running means and variances of BatchNorm. They are no "
        "parameters: the target keeps the statistics of the batches that it has seen itself.",
        "statistics_copied": "You copy the buffers of the online network, the running means and variances of "
        "BatchNorm. The target keeps those of the batches that it has seen itself.",
        "moves_online": "The online network changed too. Only the target may be written to; compare "
        "`online.state_dict()` before and after.",
        "rebound": "The target did not change: you compute the new value and bind it to a local name. To change a "
        "network, its own tensors have to be changed *in place*.",
        "keeps_the_graph": "The weights are right, but PyTorch recorded how they were computed: the target's "
        "parameters now require a gradient, and the record grows at every step until the memory is full.",
        "starts_again": "A step forgets the target: the new weights are $(1 - m)\\,\\theta$, with nothing of the old "
        "$\\xi$. Try momentum 1: your target becomes 0.",
    },
)


# cosine

COSINE = Exercise(
    name="cosine",
    reference=cosine,
    cases=(
        Case("from 1 to 0 in 4 epochs of 2 steps", lambda answer: answer(1.0, 0.0, 4, 2), "One value for each step."),
        Case("a rising momentum", lambda answer: answer(0.9, 1.0, 2, 3), "Does your curve also rise?"),
        Case(
            "a warm-up of 2 of 5 epochs",
            lambda answer: answer(0.4, 0.0, 5, 2, 2),
            "How many steps are left for the cosine?",
        ),
        Case("a warm-up from 0.1", lambda answer: answer(0.5, 0.2, 3, 4, 1, 0.1), "Where does the warm-up begin?"),
        Case("nothing but warm-up", lambda answer: answer(1.0, 0.0, 2, 3, warmup_epochs=2), "No step is left over."),
    ),
    misconceptions={
        "linear": "Your values fall along a straight line. Half a cosine starts and ends flat: its first and last "
        "differences are the smallest.",
        "per_epoch": "All steps of an epoch have the same value. The schedule moves at every step.",
        "one_per_epoch": "You return one value for each epoch, not for each step.",
        "reaches_the_end": "Your last step has the final value. In the formula $t$ runs from 0 to $T - 1$, so the last "
        "step comes close and stops one step before it.",
        "falls": "The ends are exchanged: your schedule begins at `final` and moves to `base`. At $t = 0$ it has to be "
        "`base`.",
        "whole_cosine": "Your curve reaches `final` halfway and comes back. Half a cosine ends at $\\pi$.",
        "warmup_short": "Your warm-up stops one step short of `base`. Its last step has the value `base`.",
        "warmup_added": "Your schedule is longer than the training: the warm-up is a part of the `epochs`.",
        "warmup_overlaps": "After the warm-up your cosine does not start at `base`: it ran on during the warm-up. "
        "Count its steps from the end of the warm-up.",
    },
)


# output_std


def _one_direction(answer: Answer) -> Any:
    lengths = torch.tensor([[0.5], [1.0], [2.0], [4.0]])
    return answer(lengths * torch.tensor([[1.0, -2.0, 2.0]]))


OUTPUT_STD = Exercise(
    name="output_std",
    reference=normalized_std,
    cases=(
        Case("eight vectors of length 1", lambda answer: answer(functional.normalize(vectors(8, 4, 5)[1], dim=1))),
        Case("one direction, four lengths", _one_direction, "A length is no difference: all directions are equal."),
        Case("vectors of any length", lambda answer: answer(vectors(6, 3, 6)[1]), "Make all vectors equally long."),
        Case(
            "many dimensions", lambda answer: answer(vectors(5, 40, 7)[1]), "Healthy is 1 for any number of dimensions."
        ),
    ),
    misconceptions={
        "not_normalised": "Your value grows with the length of the vectors: `output_std(2 * z)` is twice as large. "
        "Only directions count.",
        "over_dimensions": "You compare the entries of one vector with each other. A collapse is that *images* have "
        "the same output: compare the rows, dimension by dimension.",
        "root_forgotten": "The value of a healthy network depends on the number of dimensions D: a vector of length 1 "
        "with many entries has small ones. What makes it about 1 for every D?",
        "of_all_entries": "You take one standard deviation of all entries. If all images have the same output, its "
        "entries still differ from each other, and your value stays large.",
        "variance": "This is built on the variance. The standard deviation is its root.",
        "ddof_0": "You divide by N. The sample standard deviation divides by N - 1, as torch does unless told "
        "otherwise.",
    },
)


LOWER_LOSS = Question(
    name="lower_loss",
    text="Two networks are trained on the same images: BYOL, and one without predictor and target, which is free to "
    "give every image the same output. Which has the lower loss at the end?",
    choices={
        "byol": Choice(
            "BYOL: it has learnt more.",
            "The loss does not measure what was learnt. It measures how well one output is predicted from another, "
            "and an output that never changes is the easiest to predict.",
        ),
        "collapsed": Choice(
            "The one without predictor and target.",
            "If every output is the same, every prediction is right, and the loss is 0. So a low loss alone is no "
            "sign of good features.",
        ),
        "equal": Choice(
            "About the same: the loss is the same formula.",
            "The formula is the same, but its lowest value, 0, is reached by a constant output, which only one of the "
            "two is kept from.",
        ),
    },
)

RANDOM_DIRECTIONS = Question(
    name="random_directions",
    text="Before training, $p$ and $z$ point in directions that have nothing to do with each other, in a space of many "
    "dimensions. What is the loss, about?",
    choices={
        "zero": Choice("0", "0 needs equal directions: cosine 1 for both pairs."),
        "two": Choice("2", "Each of the two pairs costs 2 - 2 cos with a cosine near 0, and the loss adds both."),
        "four": Choice(
            "4", "Two random directions of many dimensions are almost at right angles, so both cosines are near 0."
        ),
        "eight": Choice("8", "8 needs opposite directions: cosine -1 for both pairs. Random ones are seldom opposite."),
    },
    right="four",
)

AVERAGED_STEPS = Question(
    name="averaged_steps",
    text="The momentum is $m = 0.996$. Over about how many of the last steps does the target network average?",
    choices={
        "four": Choice("4", "The last 4 steps together have a share of $1 - m^4$ only, which is less than 2 %."),
        "tens": Choice(
            "25", "A step that is 25 steps old still has $m^{25}$, about 90 %, of the weight of the newest."
        ),
        "hundreds": Choice(
            "250",
            "The weight of a step falls by the factor $m$ with every further step: $m^k$ after $k$. These weights "
            "sum to $1 / (1 - m)$ times the newest one.",
        ),
        "all": Choice(
            "All of them alike",
            "No: each step takes the factor $m$ once more, so what is a thousand steps old has about 2 % of the "
            "weight of the newest.",
        ),
    },
    right="hundreds",
)

exercises = ExerciseSet(
    "04_byol",
    exercises=(BYOL_LOSS, UPDATE_EMA, COSINE, OUTPUT_STD),
    questions=(RANDOM_DIRECTIONS, AVERAGED_STEPS, LOWER_LOSS),
)
