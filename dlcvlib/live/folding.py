"""Folding: batch normalisation and activation become part of the layer before them.

A convolution followed by y = scale * x + shift is a convolution with other weights, so batch normalisation with fixed
statistics costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from dlcvlib.live.layer import Layer

MATRICES = ("conv", "transposed", "linear")
"""Kinds with a weight matrix, which take a scale and a shift."""
ACTIVATED = (*MATRICES, "affine", "add")
"""Kinds that take an activation."""


def fold(layers: Sequence[Layer], output: int) -> tuple[list[Layer], int]:
    """Fold scales, shifts and activations into the layer whose output they alone read.

    Args:
        layers: in the order of the forward pass.
        output: index of the layer whose output is the network's.

    Returns:
        the remaining layers with renumbered inputs, and the new index of the output.
    """
    readers = Counter([output, *(index for layer in layers for index in layer.inputs)])
    kept: list[Layer] = []
    moved: list[int] = []  # new index of each layer
    for layer in layers:
        renumbered = replace(layer, inputs=tuple(moved[index] for index in layer.inputs))
        alone = len(layer.inputs) == 1 and readers[layer.inputs[0]] == 1
        before = renumbered.inputs[0] if alone else -1
        if alone and (merged := _merged(kept[before], renumbered)):
            kept[before] = merged
            moved.append(before)
        else:
            kept.append(renumbered)
            moved.append(len(kept) - 1)
    return kept, moved[output]


def _merged(before: Layer, layer: Layer) -> Layer | None:
    """Return `before` with `layer` folded in, or None if they stay two."""
    if "activation" in before.options:
        return None
    folded = (*before.folded, layer.name)
    if layer.kind == "affine" and before.kind in MATRICES:
        return replace(before, weights=_scaled(before, layer.weights["scale"], layer.weights["shift"]), folded=folded)
    if layer.kind == "activation" and before.kind in ACTIVATED:
        return replace(before, options={**before.options, **layer.options}, folded=folded)
    return None


def _scaled(layer: Layer, scale: Tensor, shift: Tensor) -> dict[str, Tensor]:
    """Return the weights of a layer whose output channels are scaled and shifted."""
    weight, bias = (layer.weights[name].double() for name in ("weight", "bias"))
    scale = scale.double()
    rows = scale.repeat_interleave(len(weight) // len(bias))  # a transposed convolution has several rows a channel
    return {"weight": (rows[:, None] * weight).float(), "bias": (scale * bias + shift.double()).float()}
