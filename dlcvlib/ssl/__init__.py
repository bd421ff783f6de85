"""Self-supervised learning: the methods, their schedules and monitors."""

import inspect
from typing import Any

from torch import nn

from dlcvlib.ssl.byol import BYOL
from dlcvlib.ssl.dino import DINO
from dlcvlib.ssl.method import Method
from dlcvlib.ssl.simsiam import SimSiam

METHODS: dict[str, type[Method]] = {"byol": BYOL, "dino": DINO, "simsiam": SimSiam}


def build(name: str, backbone: nn.Module, feature_dim: int, *, views: int, epochs: int, **options: Any) -> Method:
    """Build a method around `backbone`, its other networks with random weights.

    Args:
        name: key of `METHODS`.
        backbone: maps images (N, 3, H, W) to features (N, feature_dim).
        feature_dim: length of a feature vector.
        views: number of views of each image in a batch.
        epochs: length of the training run.
        options: further keyword arguments of the method's constructor.

    Raises:
        ValueError: unknown method or option.
    """
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; known are {', '.join(METHODS)}")
    parameters = inspect.signature(METHODS[name]).parameters.values()
    known = {each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}
    given = {key: value for key, value in (("views", views), ("epochs", epochs)) if key in known}
    if unknown := options.keys() - (known - given.keys()):
        names = ", ".join(sorted(known - given.keys()))
        raise ValueError(f"unknown option {', '.join(map(repr, sorted(unknown)))} of {name}; known are {names}")
    return METHODS[name](backbone, feature_dim, **given, **options)


__all__ = ["METHODS", "Method", "build"]
