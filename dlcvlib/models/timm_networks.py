"""Any classifier of timm by its name behind "timm/", such as "timm/resnet26" or "timm/resnet26.bt_in1k"."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from dlcvlib.models.features import classifier_name

PREFIX = "timm/"


def configuration(name: str) -> Any:
    """Return timm's `PretrainedCfg` of a network: mean, std and size of its images, and its published weights.

    Raises:
        ValueError: timm has no network of this name, or no weights of this tag.
    """
    import timm  # only here: the other networks need neither timm nor the time of its import

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
    """Return the function that builds a network of timm with random weights.

    It takes `num_classes` and, by keyword, every option of timm's own constructor; and `image_size`, in pixels, where
    the network is built for one size only (timm's `img_size`).

    Raises:
        ValueError: see `configuration`; when it is called: an option that the network does not take.
    """
    fixed_size = configuration(name).fixed_input_size

    def full(num_classes: int, **options: Any) -> nn.Module:
        import timm

        try:
            model = timm.create_model(name.removeprefix(PREFIX), pretrained=False, num_classes=num_classes, **options)
        except (TypeError, AssertionError) as error:
            raise ValueError(f"{name} cannot be built with the options {options}: {error}") from error
        classifier_name(model)  # a network with two classifiers, or none, is refused here
        return model

    def full_at_size(num_classes: int, *, image_size: int | None = None, **options: Any) -> nn.Module:
        return full(num_classes, **({"img_size": image_size} if image_size else {}), **options)

    return full_at_size if fixed_size else full


def fit_state(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Fit published weights to `model` by timm's own rule for its family: keys renamed, position tables resampled."""
    rule = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    return rule(state, model) if rule else state
