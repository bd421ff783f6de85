"""Classifiers of timm by name, such as "timm/resnet26" or "timm/resnet26.bt_in1k"."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from dlcvlib.models.features import classifier_name

PREFIX = "timm/"


def configuration(name: str) -> Any:
    """Return timm's `PretrainedCfg` of a network: preprocessing and published weights.

    Raises:
        ValueError: unknown network or tag.
    """
    import timm  # only here: the other networks do not need timm

    own = name.removeprefix(PREFIX)
    architecture = own.partition(".")[0]
    known = timm.list_models()
    if architecture not in known:
        nearest = ", ".join(PREFIX + each for each in difflib.get_close_matches(architecture, known, n=5))
        hint = f"the nearest are {nearest}; " if nearest else ""
        raise ValueError(f"network {name!r} is not known to timm; {hint}`timm.list_models()` lists all")
    try:
        return timm.get_pretrained_cfg(own)
    except RuntimeError as error:
        tags = ", ".join(timm.list_pretrained(f"{architecture}.*")) or "none"
        raise ValueError(f"{name!r}: {error} Published are {tags}") from error


def constructor(name: str) -> Callable[..., nn.Module]:
    """Return the function (num_classes, **options) that builds a network with random weights.

    Options are those of `timm.create_model`, and `image_size` (timm's `img_size`) for a network with a fixed size.

    Raises:
        ValueError: see `configuration`. The function raises it for an unknown option.
    """
    fixed_size = configuration(name).fixed_input_size

    def full(num_classes: int, **options: Any) -> nn.Module:
        import timm

        try:
            model = timm.create_model(name.removeprefix(PREFIX), pretrained=False, num_classes=num_classes, **options)
        except (TypeError, AssertionError) as error:
            raise ValueError(f"{name} cannot be built with the options {options}: {error}") from error
        classifier_name(model)  # raises a ValueError for a network without a single classifier
        return model

    def full_at_size(num_classes: int, *, image_size: int | None = None, **options: Any) -> nn.Module:
        return full(num_classes, **({"img_size": image_size} if image_size else {}), **options)

    return full_at_size if fixed_size else full


def fit_state(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Fit published weights to `model` by timm's filter of its family, which renames keys and resamples positions."""
    filter_fn = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    return filter_fn(state, model) if filter_fn else state
