"""Exercises and questions of chapter 8, U-Net."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question
from dlcvlib.models import unet

DRAWS = 200  # of random skips: each of four occurs, but for a chance below 1e-20


def _level(height: int, width: int) -> Case:
    """A level whose skip connection is height x width."""

    def run(answer: Answer) -> Any:
        generator = torch.Generator().manual_seed(10 * height + width)
        skip = torch.randn(2, 3, height, width, generator=generator)
        features = torch.randn(2, 6, (height + 1) // 2, (width + 1) // 2, generator=generator)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            enlarge, convolve = nn.ConvTranspose2d(6, 3, 2, stride=2), nn.Conv2d(6, 3, 3, padding=1)
        return answer(features, skip, enlarge, convolve)

    idea = "What are the shapes of the enlarged map and of the skip connection, and which of its channels come first?"
    return Case(f"a skip connection of {height} x {width}", run, idea)


UP_STEP = Exercise(
    name="up_step",
    reference=unet.up_step,
    cases=(_level(4, 6), _level(5, 6), _level(5, 7), _level(8, 8)),
    misconceptions={
        "adds": "You add both maps, as FCN does. U-Net puts them side by side in the channels, so that the convolution "
        "can weigh each of them.",
        "order_exchanged": "Both maps are there, in the other order: the skip connection's channels come first. With "
        "new weights it would not matter; trained weights expect one order.",
        "not_cropped": "This fails if the skip connection has an odd height or width: pooling rounded up there, and "
        "the enlarged map has one row or column more.",
        "after_pooling": "Your skip connection was pooled. The detail of its level is what it is for: take it before "
        "the pooling.",
    },
)


def skips_of(seed: int) -> list[Tensor]:
    """Skip connections of a small U-Net, shallowest first; no value is 0."""
    generator = torch.Generator().manual_seed(seed)
    return [1 + torch.rand(1, 2**level, 8 // 2**level, 4, generator=generator) for level in range(4)]


def _dropped(dropped: int | None, training: bool) -> Case:
    """One named skip; what the answer changed in its argument is seen, too."""

    def run(answer: Answer) -> Any:
        skips = skips_of(1)
        return {"returned": list(answer(list(skips), dropped, training)), "argument": skips}

    mode = "training" if training else "evaluation"
    what = "none dropped" if dropped is None else f"skip {dropped} dropped"
    return Case(f"{what}, in {mode}", run, "Compare shape by shape what comes out with what went in.")


def _random(training: bool) -> Case:
    """Facts that no draw changes: how many were zero each time, which ever were, and how the others were scaled."""

    def run(answer: Answer) -> Any:
        zero, scales = [], []
        for _ in range(DRAWS):
            skips = skips_of(2)
            returned = answer(list(skips), "random", training)
            if len(returned) != len(skips):
                return {"returned": len(returned)}
            zero.append([bool((after == 0).all()) for after in returned])
            pairs = zip(returned, skips, zero[-1], strict=True)
            scales += [(after / before).mean().item() for after, before, gone in pairs if not gone]
        return {
            "dropped at a time": sorted({sum(each) for each in zero}),
            "ever dropped": [any(each[level] for each in zero) for level in range(unet.LEVELS)],
            "scale of the others": [min(scales), max(scales)],
        }

    mode = "training" if training else "evaluation"
    idea = "Which are zero, and what are the others?" if training else "As dropout: nothing is dropped in evaluation."
    return Case(f"a random one in {mode}, {DRAWS} times", run, idea)


WITH_ONE_DROPPED = Exercise(
    name="with_one_dropped",
    reference=unet.with_one_dropped,
    cases=(
        _dropped(2, True),
        _dropped(1, False),
        _dropped(None, True),
        _random(training=True),
        _random(training=False),
    ),
    misconceptions={
        "removed": "You take the skip connection out of the list. The decoder then has one map less than levels: zeros "
        "keep the network's shape, and its number of parameters.",
        "from_the_deep_end": "You count from the deep end. Skip 1 is the shallowest, of the image's own resolution.",
        "in_place": "You write zeros into the tensor that you were given. It is the encoder's feature map, which the "
        "next level reads as well. Look at the list you passed in, after the call.",
        "also_in_evaluation": "You drop a random connection in evaluation, too: the same image would get another mask "
        "each time.",
        "not_scaled": "With a random connection gone, the others keep their size. What the decoder reads is then "
        "smaller in training than in evaluation, on average; how does dropout make up for that?",
    },
)


def _network(dropped: unet.DropSkip = None) -> unet.UNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return unet.UNet(7, width=2, drop_skip=dropped)


def _images() -> Tensor:
    return torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(3))


def _passes(dropped: unet.DropSkip) -> Case:
    what = "a complete network" if dropped is None else f"skip {dropped} dropped"
    return Case(what, lambda answer: answer(_network(dropped), _images()), "Whose gradient is zero, and whose is not?")


def _after_another_step(answer: Answer) -> Any:
    """The network was trained for a step before a skip was dropped: old gradients are there."""
    network = _network()
    network(_images()).sum().backward()
    network.drop_skip = 3
    return answer(network, _images())


def _silent_from_below(answer: Answer) -> Any:
    """The enlarged map of skip 4's level is zero: its half of the weights gets no gradient."""
    network = _network()
    for parameter in network.enlarge[3].parameters():
        nn.init.zeros_(parameter)
    return answer(network, _images())


def _hard_to_see(answer: Answer) -> Any:
    """One channel of skip 2 alone is not zero, the weights that read skip 3 are, and all gradients are small."""
    network = _network()
    with torch.no_grad():
        network.get_parameter("down.1.4.weight")[:3] = 0  # of the batch normalisation before the level's last ReLU
        network.get_parameter("up.2.0.weight")[:, :8] = 0
        network.classifier.weight.mul_(1e-2)
    return answer(network, _images())


def _encoder_silent(answer: Answer) -> Any:
    """Nothing is dropped, and yet from level 2 on the encoder's features are zero."""
    network = _network()
    nn.init.zeros_(network.get_parameter("down.1.4.weight"))
    return answer(network, _images())


PASSES_GRADIENT = Exercise(
    name="passes_gradient",
    reference=unet.passes_gradient,
    cases=(
        _passes(None),
        _passes(1),
        _passes(4),
        Case("skip 3 dropped after a first step", _after_another_step, "What is in `.grad` before you begin?"),
        Case("one channel of skip 2 alone, and unused weights", _hard_to_see, "Look at all entries of a gradient."),
        Case(
            "nothing dropped, and zeros from level 2 on", _encoder_silent, "What is the gradient of an unused weight?"
        ),
        Case("nothing comes from below at level 4", _silent_from_below, "Which channels does the skip come in by?"),
    ),
    misconceptions={
        "looks_at_weights": "You look at the weights. They are never zero, whatever passes; their gradients tell.",
        "other_half": "You look at the weights that read the map from below. The skip's channels come first.",
        "old_gradients": "Gradients of an earlier step are still there: `backward()` adds to them.",
        "from_the_deep_end": "Your list begins with the deepest. `network.up[0]` belongs to skip 1, the shallowest.",
    },
)

PARAMETERS_OF_ABLATION = Question(
    name="parameters_of_ablation",
    text="A dropped skip connection passes zeros. Has the network then fewer parameters?",
    choices={
        "fewer": Choice("yes, those that read the skip are gone", "They are still there, and read zeros."),
        "same": Choice(
            "no, as many as before",
            "The weights that read the skip remain, so a difference in the score is not one of size. They get "
            "no gradient, and stay as they were drawn.",
        ),
        "more": Choice("more: the decoder has to make up for it", "A parameter is made when the network is built."),
    },
    right="same",
)

COSTLIEST_SKIP = Question(
    name="costliest_skip",
    text="Which skip connection costs more IoU if it is dropped: the shallowest (the image's resolution, few "
    "channels) or the deepest (an eighth of it, many channels)?",
    choices={
        "shallowest": Choice("the shallowest", "It alone knows a position to the pixel."),
        "deepest": Choice("the deepest", "It has the most channels, and what they say of the objects."),
        "same": Choice("no difference that is clear", "The interval of 95 % of the difference includes 0."),
    },
)

RANDOM_IN_EVALUATION = Question(
    name="random_in_evaluation",
    text='The network "random" drops one of four skip connections at each training step, and multiplies the others '
    "by 4/3. What does it do when it is evaluated?",
    choices={
        "drops": Choice("it drops a random one again", "Then the same image would get another mask each time."),
        "average": Choice("it averages over all four", "That would take four passes. The factor makes one enough."),
        "all": Choice(
            "it passes all four, unchanged",
            "As dropout does: the factor 4/3 in training makes up for the one that is missing, on average.",
        ),
        "three_quarters": Choice(
            "it passes all four, times 3/4", "This was dropout's first form. Here the training has the factor, 4/3."
        ),
    },
    right="all",
)

exercises = ExerciseSet(
    "08_unet_ablation",
    exercises=(UP_STEP, WITH_ONE_DROPPED, PASSES_GRADIENT),
    questions=(PARAMETERS_OF_ABLATION, COSTLIEST_SKIP, RANDOM_IN_EVALUATION),
)
