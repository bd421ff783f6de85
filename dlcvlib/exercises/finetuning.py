"""Exercises and questions of chapter 6, fine-tuning settings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlcvlib import metrics
from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question
from dlcvlib.training import linear_probe
from dlcvlib.training.linear_probe import probe_step

# probe_step


def _probe(answer: Answer, *, steps: int = 1, trains_all: bool = False, dropout: float = 0.0) -> Any:
    """State after some steps; `trains_all` gives the optimizer the backbone's weights as well."""
    torch.manual_seed(1)
    backbone = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(dropout)).train()
    classifier = nn.Linear(5, 3)
    trained = [*classifier.parameters(), *(backbone.parameters() if trains_all else ())]
    optimizer = torch.optim.SGD(trained, lr=0.3)
    losses, graph = [], False
    for seed in range(steps):
        images, labels = _batch(seed)
        loss = answer(backbone, classifier, optimizer, images, labels)
        graph = graph or getattr(loss, "requires_grad", False)
        losses.append(float(loss.detach() if isinstance(loss, Tensor) else loss))
    return {
        "losses": losses,
        "loss requires a gradient": graph,
        "classifier": _flat(classifier.parameters()),
        "backbone's weights": _flat(backbone.parameters()),
        "backbone's statistics": _flat(backbone.buffers()),
        "backbone has gradients": any(each.grad is not None for each in backbone.parameters()),
    }


def _batch(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return 1 + torch.randn(8, 6, generator=generator), torch.randint(3, (8,), generator=generator)


def _flat(tensors: Any) -> Tensor:
    return torch.cat([each.detach().double().flatten() for each in tensors])


PROBE_STEP = Exercise(
    name="probe_step",
    reference=probe_step,
    cases=(
        Case("one step", _probe, "Features, logits, loss, gradients, step: in this order."),
        Case(
            "three steps", lambda answer: _probe(answer, steps=3), "What does `backward()` do to gradients of before?"
        ),
        Case(
            "an optimizer that holds the backbone too",
            lambda answer: _probe(answer, steps=2, trains_all=True),
            "A weight without a gradient is not changed.",
        ),
        Case(
            "a backbone with dropout", lambda answer: _probe(answer, dropout=0.5), "Are the features drawn by chance?"
        ),
    ),
    misconceptions={
        "statistics_move": "No weight of the backbone changed, but its running means and variances did: its BatchNorm "
        "layers are in training mode. Compare `backbone.state_dict()` before and after.",
        "backbone_trained": "Gradients reach the backbone's weights; an optimizer that holds them changes them. Look "
        "at `grad` of a backbone's weight after the step.",
        "gradients_add_up": "The first step is right, the later ones are not: `backward()` adds to the gradients that "
        "are there, and yours are still there from the step before.",
        "not_stepped": "The loss is right and the gradients exist, but no weight of the classifier changed.",
        "keeps_the_graph": "The step is right. But the loss that you return still holds all that was computed for it; "
        "a list of such losses fills the memory. Return a number.",
    },
)


# difference_of_means


def difference_of_means(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Ends of the library's 95 % interval of the difference of two means."""
    return metrics.difference_of_means(first, second).interval


ONE = (0.52, 0.55, 0.50, 0.57, 0.53)
OTHER = (0.44, 0.49, 0.38)

DIFFERENCE_OF_MEANS = Exercise(
    name="difference_of_means",
    reference=difference_of_means,
    cases=(
        Case("five and five seeds", lambda answer: answer(ONE, (0.51, 0.45, 0.48, 0.46, 0.49)), "Check $SE$ by hand."),
        Case(
            "five and three seeds, unequal spread",
            lambda answer: answer(ONE, OTHER),
            "Each side has its own $s$ and n.",
        ),
        Case("two and two seeds", lambda answer: answer((0.6, 0.64), (0.5, 0.59)), "Few seeds make a wide interval."),
        Case("the second is ahead", lambda answer: answer(OTHER, ONE), "Which mean is subtracted from which?"),
    ),
    misconceptions={
        "ddof_0": "Your variances divide by n. Of a sample they divide by n - 1; `numpy.var` does not, unless told.",
        "not_divided_by_n": "Yours is the interval of *one* run against one other. A mean of n runs varies less than a "
        "run: its variance is the n-th part.",
        "one_standard_error": "Yours reaches one standard error to each side. That holds about 68 % at best; 95 % "
        "needs a factor from the t distribution.",
        "pooled": "You take one variance for both sides. A setting that varies more than the other should keep its own "
        "variance, as in Welch's interval.",
        "normal_quantile": "Your factor is 1.96, that of a normal distribution with a known variance. With few seeds "
        "the variance is itself uncertain: Student's t is wider.",
        "errors_added": "You add the two standard errors. Independent errors seldom point the same way: their squares "
        "add up.",
        "exchanged": "The sign is the other way round: it is the mean of `first` minus the mean of `second`.",
        "one_sided": "Your factor leaves 5 % at each end, together 10 %.",
    },
)


# standardised


def standardised(train: Tensor, val: Tensor) -> tuple[Tensor, Tensor]:
    """Both standardised by the mean and std that the library takes from the training features."""
    mean, std = linear_probe.mean_and_std(train)
    return (train - mean) / std, (val - mean) / std


def features(count: int, seed: int, *, shift: float = 0.0) -> Tensor:
    """Features (count, 3) whose dimensions differ in mean and spread."""
    drawn = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    return torch.tensor([1.0, -4.0, 10.0]) + torch.tensor([0.5, 2.0, 5.0]) * (drawn + shift)


def _constant(answer: Answer) -> Any:
    """One dimension has the same value everywhere."""
    train, val = features(7, 5), features(4, 6)
    train[:, 1], val[:, 1] = 2.0, 2.0
    return answer(train, val)


STANDARDISED = Exercise(
    name="standardised",
    reference=standardised,
    cases=(
        Case("eight training and five validation rows", lambda answer: answer(features(8, 1), features(5, 2))),
        Case("other validation features", lambda answer: answer(features(9, 3), features(3, 4, shift=2.0))),
        Case("a dimension that is the same everywhere", _constant, "What is 0 / 0?"),
        Case(
            "one validation row", lambda answer: answer(features(6, 7), features(1, 8)), "Its own std is not defined."
        ),
    ),
    misconceptions={
        "validation_by_its_own": "You standardise the validation features by their own mean and std. Then the same "
        "image gets other features as soon as other images stand beside it, and a single one cannot be classified.",
        "fitted_on_both": "Your mean and std are of both sets together. So the training knows something of the "
        "validation images.",
        "per_row": "You standardise each image by its own entries. Each *dimension* is to have mean 0 and std 1 over "
        "the training images.",
        "nan_at_zero_std": "A dimension that is the same everywhere has std 0 and becomes nan, and with it every "
        "logit. It should become 0.",
        "ddof_0": "You divide by N in the std. Here it is the sample std of torch, with N - 1.",
        "variance": "You divide by the variance. What has the unit of the features is its root.",
        "not_centred": "You divide, but do not subtract the mean.",
        "one_for_all": "You take one mean and std for all dimensions together. Each dimension has its own.",
    },
)


# choose_decay

DECAYS = (0.03, 0.1, 0.3, 1.0)


def choose_decay(
    features: Tensor, labels: Tensor, val_features: Tensor, val_labels: Tensor, decays: Sequence[float]
) -> tuple[float, float]:
    """The library's choice, every fifth training image held out, and the validation loss of the fit on all."""
    index, classes = torch.arange(len(labels)), int(labels.max()) + 1
    kept, held_out = index[index % 5 != 0], index[index % 5 == 0]
    decay = linear_probe.choose_decay(features, labels, classes, kept, held_out, decays)
    fit = linear_probe.fit_linear(features, labels, classes, decay)
    with torch.no_grad():
        return decay, float(functional.cross_entropy(fit.classifier(val_features), val_labels))


def noisy(seed: int, *, train: int = 40, val: int = 30) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features of two overlapping classes in 6 dimensions, with labels, for training and for validation."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(train + val) % 2
    drawn = torch.randn(train + val, 6, generator=generator)
    drawn[:, :2] += 0.8 * labels[:, None]
    return drawn[:train], labels[:train], drawn[train:], labels[train:]


def _chosen_decay(seed: int, answer: Answer) -> Any:
    return answer(*noisy(seed), DECAYS)


CHOOSE_DECAY = Exercise(
    name="choose_decay",
    reference=choose_decay,
    cases=tuple(
        Case(f"{words} features", partial(_chosen_decay, seed), idea)
        for words, seed, idea in [
            ("some", 1, "Every fifth training image chooses, the others are fitted."),
            ("other", 2, "With the decay chosen, all training images are fitted once more."),
            ("yet other", 3, "Which images decide, and which only measure?"),
        ]
    ),
    misconceptions={
        "looks_at_validation": "The validation images choose the decay, and then measure its accuracy. A number that "
        "was chosen for being good is too good.",
        "lowest_training_loss": "You choose by the loss on the very images that were fitted. That is always the "
        "smallest decay, whatever the images.",
        "no_refit": "Your choice is right, but the classifier that you measure has seen four fifths of the training "
        "images. Once the decay is chosen, none needs to be left out.",
        "highest_loss": "You choose the decay with the highest loss on the held-out images.",
    },
)


MOVING_FEATURES = Question(
    name="moving_features",
    text="All weights of a backbone are frozen, but its BatchNorm layers are in *training mode* while the classifier "
    "on top is trained. Do the features of the validation images change?",
    choices={
        "no": Choice(
            "No: no weight changes.",
            "BatchNorm holds more than weights: a running mean and variance, which a forward pass in training mode "
            "updates without any gradient. Evaluation uses them.",
        ),
        "yes": Choice(
            "Yes",
            "A forward pass in training mode updates the running mean and variance of BatchNorm, and evaluation "
            "normalises with them. So the features move although no weight does.",
        ),
        "training": Choice(
            "Only those of the training images.",
            "In training mode a batch is normalised by its own mean, that is true. But the running statistics are "
            "updated too, and these are what validation images are normalised with.",
        ),
    },
    right="yes",
)

SEEDS_OR_SETTINGS = Question(
    name="seeds_or_settings",
    text="Take the two seeds of one setting that differ most, and the two settings whose means are closest. Which "
    "difference is larger?",
    choices={
        "seeds": Choice(
            "That of the two seeds.",
            "If so, one run for each setting, as in the reports, cannot tell these two settings apart.",
        ),
        "settings": Choice(
            "That of the two settings.",
            "If so, even one run for each setting would have ranked all of them right. That needs settings that are "
            "far apart, or many validation images.",
        ),
    },
)

EARLY_OR_LATE = Question(
    name="early_or_late",
    text="Setting A starts from random weights, C from our own pre-training; both train the whole network. Which one "
    "is ahead in validation accuracy after the first epoch, and which after the last?",
    choices={
        "always": Choice("C after both.", "Pre-training would then help at the start and still at the end."),
        "early": Choice(
            "C after the first, A after the last.",
            "Pre-training would then save steps, while the end depends on what the images of Office teach.",
        ),
        "late": Choice(
            "A after the first, C after the last.",
            "The classifier on top starts at random in both, so the first epoch may be one of adapting it.",
        ),
        "never": Choice("A after both.", "Features learnt on other images would then be a burden here."),
    },
)

exercises = ExerciseSet(
    "06_finetuning_settings",
    exercises=(DIFFERENCE_OF_MEANS, PROBE_STEP, STANDARDISED, CHOOSE_DECAY),
    questions=(SEEDS_OR_SETTINGS, MOVING_FEATURES, EARLY_OR_LATE),
)
