"""Plan of a network: its layers in order, for the engine in the page (`network.js`)."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dlcvlib.live import packing
from dlcvlib.live.export import exported_layers
from dlcvlib.live.folding import fold
from dlcvlib.live.layer import Layer
from dlcvlib.live.packing import PRECISIONS, Precision


@dataclass(frozen=True, eq=False)
class Plan:
    """Layers of a network for one image size, shared by the weights of all its epochs.

    Attributes:
        layers: in the order of the forward pass; the first stands for the image.
        output: index of the layer whose output is the network's.
        precision: of the packed matrices; vectors are always float32.
    """

    layers: tuple[Layer, ...]
    output: int
    precision: Precision = "float16"

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Channels, height and width of the image."""
        return self.layers[0].shape

    def structure(self) -> dict[str, Any]:
        """Return everything but the values of the weights, as JSON types."""
        places = packing.places(self.layers, self.precision)
        layers = [
            {
                "name": layer.name,
                "kind": layer.kind,
                "inputs": list(layer.inputs),
                "shape": list(layer.shape),
                "options": dict(layer.options),
                "folded": list(layer.folded),
                "weights": weights,
            }
            for layer, weights in zip(self.layers, places, strict=True)
        ]
        return {"layers": layers, "output": self.output}

    def to_json(self) -> str:
        """Return `structure()` as JSON text."""
        return json.dumps(self.structure(), separators=(",", ":"), allow_nan=False)

    def pack(self, network: nn.Module | None = None) -> bytes:
        """Return the packed weights of the planned network, or those of another epoch of it.

        Raises:
            ValueError: the other network has other layers, or a weight that cannot be packed; the message names the
                layer.
        """
        other = self
        if network is not None:
            other = plan(network, torch.zeros(1, *self.input_shape), precision=self.precision)
            _check_same(self, other)
        return packing.pack(other.layers, self.precision)


def plan(network: nn.Module, example: Tensor, *, precision: Precision = "float16") -> Plan:
    """Plan a trained network for images of the size of `example`, from a copy in single precision on the CPU.

    Args:
        network: in evaluation mode; maps `example` to one tensor of logits.
        example: (1, C, H, W); only its shape counts.
        precision: of the packed matrices, "float16" or "float32".

    Raises:
        ValueError: the network is in training mode, has a layer that the page cannot run (the message names it), or
            `example` or `precision` is unusable.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} is not known; choose one of {', '.join(PRECISIONS)}")
    if example.ndim != 4 or len(example) != 1:
        raise ValueError(f"the example has the shape {tuple(example.shape)}; give one image, (1, C, H, W)")
    if any(module.training for module in network.modules()):
        raise ValueError("the network is in training mode, where batch normalisation depends on the batch: call eval()")
    layers, output = fold(*exported_layers(copy.deepcopy(network).cpu().float(), torch.zeros(example.shape)))
    return Plan(tuple(layers), output, precision)


def _check_same(plan: Plan, other: Plan) -> None:
    """Raise a ValueError that names the first layer in which two plans differ."""
    if plan.structure() == other.structure():
        return
    for expected, found in zip(plan.structure()["layers"], other.structure()["layers"], strict=False):
        if differing := [key for key in expected if expected[key] != found[key]]:
            raise ValueError(
                f"the network is not the plan's: its layer {found['name']!r} differs from {expected['name']!r} in "
                f"{', '.join(differing)}; plan the network on its own"
            )
    raise ValueError(
        f"the network has {len(other.layers)} layers and the plan {len(plan.layers)}: plan the network on its own"
    )
