"""Layers of a plan, and the feature maps between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Map:
    """Output of a layer of the plan: the layer's index, and the shape without the batch dimension."""

    layer: int
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)  # tensors have no single truth value
class Layer:
    """One step of the forward pass.

    Attributes:
        name: dotted name of the module, made unique; of a function the module that calls it and the kind.
        kind: one of the kinds of `network.js`, such as "conv".
        inputs: indices of the layers whose output it reads.
        shape: of the output, without the batch dimension: (C, H, W) or (C,).
        options: settings, such as the stride; JSON types.
        weights: float32 tensors by name; "weight" is a matrix with one row per output channel, the others are vectors.
        folded: names of the layers that are folded into this one, in order.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    folded: tuple[str, ...] = ()
