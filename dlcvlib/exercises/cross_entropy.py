"""Exercises and questions of chapter 11, the gradient of the cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.optimize import approx_fprime
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question


def loss_of_logits(a: Tensor, t: Tensor) -> Tensor:
    """Sum of the cross-entropies of logits a and labels t, both (N,), as PyTorch computes it."""
    return binary_cross_entropy_with_logits(a, t, reduction="sum")


def slope(w: Tensor, z: Tensor, t: Tensor) -> Tensor:
    """dG/dw by autograd: w (D,), inputs z (N, D), labels t (N,)."""
    w = w.detach().requires_grad_()
    return torch.autograd.grad(loss_of_logits(z @ w, t), w)[0]


def by_differences(function: Callable[[Tensor], Tensor], point: Tensor, step: float = 1e-5) -> Tensor:
    """Central differences: the mean of SciPy's one-sided ones, upward and downward; point float64 (D,)."""

    def value(entries: np.ndarray) -> float:
        return float(function(torch.from_numpy(entries)).sum())

    both = [approx_fprime(point.numpy(), value, side) for side in (step, -step)]
    return torch.from_numpy(np.mean(both, axis=0))


# --- slope ---


def inputs(count: int, width: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (D,), inputs (N, D) and labels 0 or 1 (N,), float64."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(count, width, generator=generator, dtype=torch.float64)
    t = (torch.rand(count, generator=generator) < 0.5).double()
    return torch.randn(width, generator=generator, dtype=torch.float64), z, t


def _one_input(answer: Answer) -> Any:
    z, t = torch.tensor([[2.0, -1.0]], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    return answer(torch.tensor([0.5, 0.25], dtype=torch.float64), z, t)


def _sure_and_wrong(answer: Answer) -> Any:
    """w · z is -8, the label is 1."""
    z, t = torch.tensor([[-4.0, 2.0]], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    return answer(torch.tensor([1.0, -2.0], dtype=torch.float64), z, t)


ON_Z = (
    "$z_n$ is lost: you return what flows into $a_n = w \\cdot z_n$. One more step of the chain rule leads to the "
    "weights; look at the shape, which has to be that of $w$."
)
OF_THE_SQUARES = (
    "This is the slope of the squared error. Its factor $x_n (1 - x_n)$ is left where nothing cancels it: look at what "
    "your function gives for an input that is wrong with high confidence."
)
SLOPE = Exercise(
    name="slope",
    reference=slope,
    cases=(
        Case("one input of two numbers", _one_input, "With one input nothing is summed: which three factors are left?"),
        Case("forty inputs", lambda answer: answer(*inputs(40, 3, 1)), "G is a sum over the inputs."),
        Case("as many inputs as weights", lambda answer: answer(*inputs(3, 3, 2)), "Which index is summed over?"),
        Case("label 1, and w · z = -8", _sure_and_wrong, "How hard does a prediction pull that is surely wrong?"),
    ),
    misconceptions={
        "sign": "The minus is lost: your slope points downhill. A step of gradient descent makes the loss grow.",
        "mean_for_sum": "You take the mean over the inputs, but G is their sum. All entries are too small by a factor, "
        "so the direction is right; compare with autograd to see the length.",
        "z_forgotten": ON_Z,
        "z_forgotten_and_summed": ON_Z,
        "squared_error": OF_THE_SQUARES,
        "half_squared_error": OF_THE_SQUARES,
        "sigmoid_forgotten": "You compare the label with $a_n$ itself. The prediction is $x_n = \\sigma(a_n)$.",
        "label_0_left_out": "Inputs with label 0 pull, too: both terms of G depend on the weights.",
    },
)

# --- by_differences ---


def _mixed(p: Tensor) -> Tensor:
    """A sum of squares and products of neighbours; float64 (3,) to a number."""
    return 3 * p[0] * p[0] + p[0] * p[1] - 2 * p[1] * p[2] + p[2]


def _two_values(p: Tensor) -> Tensor:
    return torch.stack([p[0] * p[0] * p[0] * p[1], p[1] * p[2] * p[2]])


def _outside_of_torch(p: Tensor) -> Tensor:
    """A function without a graph, which autograd cannot follow."""
    x, y, z = p.detach().tolist()
    return torch.tensor(x * y + 0.5 * z * z)


def at(*entries: float) -> Tensor:
    """A point, float64 (D,)."""
    return torch.tensor(entries, dtype=torch.float64)


def _and_the_point(answer: Answer) -> Any:
    point = at(1.0, -2.0, 0.5)
    return {"gradient": answer(_mixed, point, 0.25), "the point afterwards": point}


ONE_SIDED = (
    "You move to one side only. The error of this shrinks in proportion to h; moved both ways, the largest part of it "
    "cancels. Try a parabola and a large step: two sides are exact there."
)
ALL_AT_ONCE = (
    "All entries move at once, so you measure the slope along one diagonal. A gradient has one entry for each entry of "
    "the point."
)
BY_DIFFERENCES = Exercise(
    name="by_differences",
    reference=by_differences,
    cases=(
        Case("a quadratic function, step 0.25", _and_the_point, "Move one entry at a time, up and down."),
        Case("a function of two values", lambda answer: answer(_two_values, at(1, 2, -1)), "The two values are added."),
        Case(
            "a function that leaves PyTorch",
            lambda answer: answer(_outside_of_torch, at(2, 3, 4), 0.125),
            "Only call the function: its derivative need not be known to anybody, autograd included.",
        ),
        Case(
            "a cubic function, step 0.5",
            lambda answer: answer(lambda p: p[0] * p[0] * p[0] + p[1], at(1, 0), 0.5),
            "Use the step that is given.",
        ),
        Case(
            "a point at 4096, default step",
            lambda answer: answer(lambda p: 2 * p[0] - p[1], at(4096, 4096)),
            "How many digits does the sum of 4096 and 0.00001 need?",
        ),
    ),
    misconceptions={
        "one_sided": ONE_SIDED,
        "one_sided_downward": ONE_SIDED,
        "divided_by_h": "The distance between the two positions is not h: draw them on a line.",
        "all_at_once": ALL_AT_ONCE,
        "all_at_once_unsummed": ALL_AT_ONCE,
        "float32": "You compute in float32, with about 7 digits: next to 4096 a step of 0.00001 is rounded away.",
        "not_moved_back": "The point is moved in place and not put back: the later entries are measured elsewhere, and "
        "the caller's point has changed.",
        "autograd": "You ask autograd, which knows the chain rule. These differences are to be a second, independent "
        "judge: they call the function and nothing else.",
        "first_value_only": "The function may return several values. Their sum is meant.",
    },
)

# --- loss_of_logits ---


def _one_logit(a: float, t: float) -> Callable[[Answer], Any]:
    """Case of one logit, float64; whether too large or not a number is all the same."""

    def run(answer: Answer) -> Any:
        loss = answer(at(a), at(t))
        return loss if np.isfinite(float(loss)) else "not finite"

    return run


def _logits(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a = 2 * torch.randn(count, generator=generator, dtype=torch.float64)
    return a, (torch.rand(count, generator=generator) < 0.5).double()


OVERFLOWS = (
    "The exponential overflows: $e^{1000}$ is infinite in a computer. Give it arguments of at most 0 only; "
    "$1 + e^{a} = e^{a} (1 + e^{-a})$ says how."
)
CLAMPED = (
    "The probability is kept away from 0 and 1, so the loss has a ceiling and the gradient beyond it is 0: the inputs "
    "that are most wrong no longer pull. Start from the logit instead of the probability."
)
LOSS_OF_LOGITS = Exercise(
    name="loss_of_logits",
    reference=loss_of_logits,
    cases=(
        Case("one logit of 2, label 1", _one_logit(2, 1), "Put $x = \\sigma(a)$ into $G$, and shorten."),
        Case("twelve logits", lambda answer: answer(*_logits(12, 3)), "The losses of all inputs are added."),
        Case("a logit of 40, label 0", _one_logit(40, 0), "How far is $\\sigma(40)$ from 1 in a computer?"),
        Case("a logit of 1000, label 0", _one_logit(1000, 0), "Which part of your formula is infinite?"),
        Case("a logit of -1000, label 1", _one_logit(-1000, 1), "Which part of your formula is infinite?"),
    ),
    misconceptions={
        "log_of_sigmoid": "You take the logarithm of $\\sigma(a)$, which is rounded to 0 or 1 for large logits: the "
        "loss becomes infinite. Shorten the formula first, with $a$ in it instead of $x$.",
        "exp_overflows": OVERFLOWS,
        "exp_overflows_on_both_sides": OVERFLOWS,
        "label_exchanged": "The labels are exchanged: a logit of 2 speaks for label 1, so its loss has to be small.",
        "mean_for_sum": "You take the mean over the inputs; G is their sum.",
        "label_0_left_out": "Inputs with label 0 have a loss, too.",
        "clamped_at_1e_7": CLAMPED,
        "clamped_at_1e_12": CLAMPED,
        "clamped_by_pytorch": CLAMPED,
    },
)

# --- questions ---

STEP = Question(
    name="step",
    text="Central differences with a step of h = 1e-5, or of h = 1e-12: which come closer to the gradient, in double "
    "precision (about 16 digits)?",
    choices={
        "large": Choice(
            "1e-5",
            "Two errors add up: the formula's shrinks with h², while rounding, of about 1e-16 of the function's value, "
            "is divided by 2h. They are about equal near 1e-5.",
        ),
        "small": Choice(
            "1e-12",
            "The formula's error is smaller with 1e-12. But both values of the function are rounded at about the 16th "
            "digit and differ from the 12th on: few digits of their difference are left.",
        ),
        "same": Choice(
            "equally close",
            "They would be, if numbers had no end of digits and the function were a line.",
        ),
    },
)
MINUS = Question(
    name="minus_forgotten",
    text="Somebody forgets the minus sign in `slope`. Which check speaks first?",
    choices={
        "line_1": Choice("that of line 1", "Lines 1 to 3 are checked one by one, and none of them uses `slope`."),
        "both": Choice(
            "that of line 4, by both judges",
            "Every line is checked by itself, so the one that fails is the one that is wrong. The two judges work "
            "independently of each other, and both see it.",
        ),
        "autograd": Choice(
            "that of line 4, by autograd only",
            "Differences are less exact than autograd, but a wrong sign is no matter of digits.",
        ),
        "none": Choice(
            "none: the length is right",
            "The entries are compared, not their lengths: with the opposite sign each is wrong by twice its value.",
        ),
    },
    right="both",
)
PULL = Question(
    name="pull",
    text="The label is 1, but a = -8: the prediction is surely wrong. Which loss has the steeper slope in a, and by "
    "how much?",
    choices={
        "about_equal": Choice(
            "both about the same",
            "Both losses are large there, but a slope is what the optimiser sees. Write down the factor that belongs "
            "to each.",
        ),
        "squared": Choice(
            "the squared error, as squares grow fastest",
            "Squares grow fast where the error may grow. Here it stops at 1, as $x_n$ lies between 0 and 1.",
        ),
        "few_times": Choice(
            "the cross-entropy, a few times as steep",
            "The direction is right. Put $x_n \\approx e^{-8}$ into $x_n (1 - x_n)$ to see how many times.",
        ),
        "thousand_times": Choice(
            "the cross-entropy, more than a thousand times as steep",
            "The squared error keeps the factor $2 x_n (1 - x_n)$, and $x_n \\approx e^{-8}$. In the cross-entropy it "
            "cancels.",
        ),
    },
)

exercises = ExerciseSet(
    "11_cross_entropy_gradient",
    exercises=(BY_DIFFERENCES, SLOPE, LOSS_OF_LOGITS),
    questions=(STEP, MINUS, PULL),
)
