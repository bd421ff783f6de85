"""Exercises and questions of chapter 5, DINO."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question
from dlcvlib.ssl.dino import DINOLoss, clip_each
from dlcvlib.ssl.monitors import mutual_information


def dino_loss(
    student: Tensor, teacher: Tensor, center: Tensor, teacher_temp: float = 0.04, student_temp: float = 0.1
) -> Tensor:
    """The library's loss as a function of scores: student (V, N, K), teacher (2, N, K), center (K,)."""
    criterion = _criterion(student.shape[-1], len(student), teacher_temp, student_temp=student_temp)
    criterion.center.copy_(center)
    return criterion(student.flatten(0, 1), teacher.flatten(0, 1), epoch=0)


def new_center(center: Tensor, teacher: Tensor, momentum: float = 0.9) -> Tensor:
    """The library's centre after a batch of teacher scores (2 * N, K)."""
    criterion = _criterion(teacher.shape[1], 2, 0.04, center_momentum=momentum)
    criterion.center.copy_(center)
    criterion(teacher.detach(), teacher, epoch=0)
    return criterion.center[0]


def _criterion(out_dim: int, n_crops: int, teacher_temp: float, **options: float) -> DINOLoss:
    constant = {"warmup_teacher_temp": teacher_temp, "teacher_temp": teacher_temp}
    return DINOLoss(out_dim, n_crops, **constant, warmup_epochs=0, epochs=1, **options)


# dino_loss


def scores(views: int, images: int, prototypes: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Scores of the student (views, images, prototypes) and the teacher (2, …), and a centre (prototypes,)."""
    generator = torch.Generator().manual_seed(seed)
    student = 0.2 * torch.randn(views, images, prototypes, generator=generator)
    teacher = 0.8 * student[:2] + 0.05 * torch.randn(2, images, prototypes, generator=generator)
    return student, teacher, 0.05 * torch.randn(prototypes, generator=generator)


def _no_centre(answer: Answer) -> Any:
    student, teacher, center = scores(2, 1, 3, 1)
    return answer(student, teacher, torch.zeros_like(center))


def _gradients(answer: Answer) -> Any:
    student, teacher, center = scores(3, 2, 4, 5)
    answer(student.requires_grad_(), teacher.requires_grad_(), center).backward()
    return {"student": student.grad, "teacher": teacher.grad}


DINO_LOSS = Exercise(
    name="dino_loss",
    reference=dino_loss,
    cases=(
        Case("two views of one image, centre 0", _no_centre, "There are two pairs of different views."),
        Case("a centre", lambda answer: answer(*scores(2, 1, 3, 2)), "From whose scores is the centre subtracted?"),
        Case("three images", lambda answer: answer(*scores(2, 3, 5, 3)), "The loss is a mean over images."),
        Case("two global and three local views", lambda answer: answer(*scores(5, 2, 4, 4)), "Write down all pairs."),
        Case(
            "other temperatures",
            lambda answer: answer(*scores(3, 2, 4, 6), 0.07, 0.2),
            "Each network has a temperature of its own.",
        ),
        Case("gradients", _gradients, "Which of the two networks is trained by the loss?"),
    ),
    misconceptions={
        "view_against_itself": "You also compare the student with the teacher on the *same* view. Predicting what "
        "another network says of the very same pixels needs no understanding of what views share.",
        "student_centred": "You subtract the centre from the student's scores too. Only the teacher is centred: the "
        "centre keeps the *targets* from settling on one prototype.",
        "teacher_not_centred": "The centre changes nothing in your loss. Try one with a large first entry.",
        "one_temperature": "Both networks have the student's temperature. Then the teacher's probabilities are no "
        "sharper than the student's, and nothing draws them away from the uniform ones.",
        "gradient_into_teacher": "The value is right, but `backward()` also reaches the teacher's scores. Look at "
        "`teacher.grad`: for the student the targets are constants.",
        "local_views_teach": "Your local views also serve as targets. Only the global views do: a part is to be told "
        "from the whole, not the whole from a part.",
        "only_global_views": "Your local views do not count. Change the student's scores of one: the loss has to "
        "change.",
        "wrong_number_of_pairs": "The sum is right, but you divide it by another number than that of the pairs. Each "
        "global view of the teacher meets all views of the student but one.",
        "roles_exchanged": "In your cross-entropy the student's probabilities are the target and the teacher gets the "
        "logarithm. Whose probabilities are the truth here?",
        "summed": "Your loss grows with the number of images: give it each image twice. It is their mean.",
        "sum_of_pairs": "You add the pairs up. With more local views the loss, and with it the learning rate, would "
        "grow; take the mean over pairs.",
    },
)


# new_center


def _teacher(seed: int, rows: int = 6, prototypes: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.3 * torch.randn(rows, prototypes, generator=generator) + torch.arange(prototypes) / 4


def _three_batches(answer: Answer) -> Any:
    center = torch.zeros(4)
    for seed in range(3):
        center = answer(center, _teacher(seed), 0.6)
    return center


def _kept_graph(answer: Answer) -> Any:
    center = answer(torch.zeros(4), _teacher(5).requires_grad_(), 0.7)
    return {"center": center, "requires a gradient": center.requires_grad}


NEW_CENTER = Exercise(
    name="new_center",
    reference=new_center,
    cases=(
        Case(
            "a first batch, centre 0", lambda answer: answer(torch.zeros(4), _teacher(1)), "What is the batch's mean?"
        ),
        Case(
            "a later batch", lambda answer: answer(_teacher(2)[0], _teacher(3), 0.8), "How much of the old one stays?"
        ),
        Case("as many rows as prototypes", lambda answer: answer(torch.ones(4), _teacher(4, rows=4))),
        Case("three batches", _three_batches, "Each step starts from the last centre."),
        Case("scores that require a gradient", _kept_graph, "The centre is a number that is kept between steps."),
    ),
    misconceptions={
        "of_probabilities": "You average the teacher's probabilities. The centre is subtracted from *scores*, before "
        "the softmax, so it has to be their mean.",
        "over_prototypes": "You average over the prototypes of an image. The centre has one entry for each prototype: "
        "how much the images give it on average.",
        "keeps_the_graph": "The value is right, but it remembers how it was computed. It is kept for the next step, "
        "and so the record of all steps would pile up in memory. Look at `center.requires_grad`.",
        "momentum_exchanged": "The two weights are exchanged: with a momentum of 0.9 nine tenths of the *old* centre "
        "stay. Yours follows each batch almost fully.",
        "forgets_the_past": "You return the mean of this batch alone. A batch of few images may have any mean; the "
        "centre is a running one.",
        "summed": "You add the rows up instead of averaging them: a batch twice as large moves your centre twice as "
        "far.",
        "unweighted": "You add the whole batch mean to the old centre. Over the steps it would grow without end: the "
        "two weights have to sum to 1.",
    },
)


# clip_each


def _clipped(answer: Answer, *norms: float | None, max_norm: float = 3.0) -> Any:
    """Gradients and weights after clipping; `norms` of the gradients of four parameters, None for no gradient."""
    torch.manual_seed(1)
    parameters = [nn.Parameter(torch.randn(shape)) for shape in ((2, 3), (4,), (3, 2), (2,))][: len(norms)]
    for parameter, norm in zip(parameters, norms, strict=True):
        if norm is not None:
            drawn = torch.randn(parameter.shape)
            parameter.grad = drawn * norm / drawn.norm()
    answer(parameters, max_norm)
    return {
        **{f"gradient {index}": parameter.grad for index, parameter in enumerate(parameters)},
        "weights": torch.cat([parameter.detach().flatten() for parameter in parameters]),
    }


CLIP_EACH = Exercise(
    name="clip_each",
    reference=clip_each,
    cases=(
        Case("norms 6 and 12, at most 3", lambda answer: _clipped(answer, 6.0, 12.0), "Each has a norm of its own."),
        Case("norms 1 and 2, at most 3", lambda answer: _clipped(answer, 1.0, 2.0), "Neither is too long."),
        Case("norms 0.5, 20 and 4, at most 1", lambda answer: _clipped(answer, 0.5, 20.0, 4.0, max_norm=1.0)),
        Case(
            "one without a gradient", lambda answer: _clipped(answer, 6.0, None, 1.0), "What is `grad` before any use?"
        ),
        Case("none with a gradient", lambda answer: _clipped(answer, None, None), "Then nothing is to be done."),
    ),
    misconceptions={
        "one_norm_for_all": "You scale all gradients by one factor, from the norm of all of them together, as "
        "`clip_grad_norm_` does. One long gradient would shorten all others.",
        "clips_entries": "You limit single entries. That changes the direction of a gradient; it is to be shortened "
        "only.",
        "enlarges_small_ones": "Your gradients all have the largest norm: those that were shorter were enlarged. A "
        "limit leaves them alone.",
        "fails_without_gradient": "A parameter that took no part in the loss has `grad = None`, and yours fails there.",
        "rebound": "The gradients did not change: you scale a copy, or bind the result to a local name. Change the "
        "parameter's own `grad`.",
        "clips_weights": "You scale the weights. What is to be limited is the step, so the gradient.",
        "squared_norm": "You compare the sum of squares with the limit. A norm is its root.",
    },
)


# mutual_information


def _probabilities(images: int, prototypes: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(images, prototypes, generator=generator)).softmax(1)


def _some_zeros(answer: Answer) -> Any:
    rows = _probabilities(5, 4, 3)
    rows[:, 2], rows[0, 1] = 0.0, 0.0
    return answer(rows / rows.sum(1, keepdim=True))


MUTUAL_INFORMATION = Exercise(
    name="mutual_information",
    reference=mutual_information,
    cases=(
        Case("six images, four prototypes", lambda answer: answer(_probabilities(6, 4, 1)), "There are two entropies."),
        Case("the same uniform row for all", lambda answer: answer(torch.full((5, 4), 0.25)), "A row tells nothing."),
        Case("two images, each sure of its own", lambda answer: answer(torch.eye(3)[:2]), "0 ln 0 counts as 0."),
        Case("all on the same prototype", lambda answer: answer(torch.eye(4)[[1] * 6]), "A row tells nothing, again."),
        Case("some probabilities are 0", _some_zeros, "0 ln 0 counts as 0."),
        Case("more prototypes than images", lambda answer: answer(_probabilities(3, 7, 2)), "Which axis is which?"),
    ),
    misconceptions={
        "entropy_of_the_mean_alone": "You return the entropy of the mean row. It is also high if every row is uniform, "
        "and then no row tells anything about its image.",
        "mean_entropy_alone": "You return the mean entropy of a row. It is 0 if all images give the same prototype "
        "everything, and then no row tells anything about its image.",
        "sign": "Your value is at most 0. Which of the two entropies is the larger?",
        "log_2": "You measure in bits, with the logarithm to the base 2. Here entropies are in nats, as losses are.",
        "wrong_axis": "You average over prototypes where images were meant. Which axis of (N, K) sums to 1?",
        "nan_at_zero": "Your result is nan as soon as one probability is 0: the logarithm of 0 is infinite, and 0 "
        "times infinity is nan. Its limit, 0, is what counts.",
        "summed_over_images": "You sum the entropies of all images where their mean is meant.",
    },
)


COLLAPSES = Question(
    name="collapses",
    text="One teacher is only *sharpened* (low temperature, no centre), another only *centred* (temperature 1). The "
    "scores of one prototype are raised a little for all images. What do their probabilities look like?",
    choices={
        "dominates": Choice(
            "Only sharpened: one prototype takes all. Only centred: all alike.",
            "A low temperature makes the highest score win, and the raised one is highest for nearly all images. The "
            "centre takes the raise away, but at temperature 1 small differences of scores hardly count.",
        ),
        "uniform": Choice(
            "Only sharpened: all alike. Only centred: one prototype takes all.",
            "The other way round: dividing by a *small* temperature makes differences larger, and subtracting the mean "
            "takes away what one prototype has more of for all images.",
        ),
        "one": Choice(
            "One prototype takes all with both.",
            "That needs a prototype that is ahead for all images. The centre subtracts just this lead.",
        ),
        "neither": Choice(
            "Neither tells anything unusual: each does half of the work.",
            "The two are no halves of one thing. Each prevents one kind of collapse and furthers the other.",
        ),
    },
)

UNIFORM_LOSS = Question(
    name="uniform_loss",
    text="Student and teacher both give each of $K$ prototypes the same probability, for every image. What is the "
    "loss?",
    choices={
        "zero": Choice(
            "0: they agree.",
            "A cross-entropy is 0 only if the target is *certain* and predicted. They agree on not knowing.",
        ),
        "log": Choice(
            "A loss of $\\ln K$",
            "$-\\sum_k \\frac{1}{K} \\ln \\frac{1}{K}$: all $K$ terms are equal. So a loss that stays there is a sign "
            "of this collapse.",
        ),
        "one": Choice(
            "A loss of 1", "The probabilities sum to 1, the cross-entropy does not: it weighs their logarithms."
        ),
        "infinite": Choice(
            "An infinite loss",
            "That needs a prototype that the teacher expects and to which the student gives probability 0.",
        ),
    },
    right="log",
)

TEACHER_VIEWS = Question(
    name="teacher_views",
    text="Of each image there are 2 global views and 6 local ones. How many of the 8 does the teacher see?",
    choices={
        "two": Choice(
            "2",
            "The global ones. So each of its 2 outputs is predicted from the other 7 views: 14 pairs.",
        ),
        "six": Choice(
            "6", "The local views are what the student predicts *from*. A part is a poor target for the whole."
        ),
        "eight": Choice(
            "8", "Then local views would be targets too, and the student would learn to predict parts from the whole."
        ),
        "one": Choice("1", "Then the student's output for this same view would have no partner of equal size."),
    },
    right="two",
)

exercises = ExerciseSet(
    "05_dino",
    exercises=(DINO_LOSS, NEW_CENTER, CLIP_EACH, MUTUAL_INFORMATION),
    questions=(TEACHER_VIEWS, COLLAPSES, UNIFORM_LOSS),
)
