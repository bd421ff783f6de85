"""Operations on every number of a map alone: activations, batch normalisation, sums and products."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dlcvlib.live.layer import Map
from dlcvlib.live.steps import Step, require

Number = int | float


def batch_norm(
    x: Map, weight: Tensor | None, bias: Tensor | None, mean: Tensor, var: Tensor, momentum: float, eps: float
) -> Step:
    """Batch normalisation with running statistics: a scale and a shift for each channel."""
    scale = (var.double() + eps).rsqrt() * (1 if weight is None else weight.double())
    shift = (0 if bias is None else bias.double()) - mean.double() * scale
    return Step("affine", [x], weights={"scale": scale.float(), "shift": shift.float()})


def relu(x: Map) -> Step:
    """ReLU."""
    return _activation(x, "relu")


def hardtanh(x: Map, min_val: Number = -1, max_val: Number = 1) -> Step:
    """ReLU6, which PyTorch exports as a clamp to 0 … 6."""
    require((min_val, max_val) == (0, 6), f"limits of {min_val} and {max_val}")
    return _activation(x, "relu6")


def gelu(x: Map, approximate: str = "none") -> Step:
    """GELU."""
    require(approximate == "none", f"approximate={approximate!r}")
    return _activation(x, "gelu")


def add(x: Any, other: Any, alpha: Number = 1) -> Step:
    """Sum of two maps, or of a map and a constant for all pixels or each channel."""
    if isinstance(x, Map) and isinstance(other, Map):
        require(alpha == 1, f"alpha={alpha}")
        require(x.shape == other.shape, f"maps of shapes {x.shape} and {other.shape}")
        return Step("add", [x, other])
    feature_map, constant = (x, other) if isinstance(x, Map) else (other, x)
    return _affine(feature_map, 1.0, constant if alpha == 1 else constant * alpha)


def subtract(x: Any, other: Any, alpha: Number = 1) -> Step:
    """Difference of a map and a constant, in either order."""
    if isinstance(x, Map):
        require(not isinstance(other, Map), "the difference of two maps")
        return _affine(x, 1.0, -alpha * other)
    return _affine(other, -float(alpha), x)


def multiply(x: Any, other: Any) -> Step:
    """Product of a map and a constant."""
    require(not (isinstance(x, Map) and isinstance(other, Map)), "the product of two maps")
    return _affine(x, other, 0.0) if isinstance(x, Map) else _affine(other, x, 0.0)


def divide(x: Any, other: Any) -> Step:
    """Quotient of a map and a constant."""
    require(isinstance(x, Map) and not isinstance(other, Map), "division by a map")
    return _affine(x, 1 / other, 0.0)


def _activation(x: Map, function: str) -> Step:
    return Step("activation", [x], {"activation": function})


def _affine(x: Map, scale: Any, shift: Any) -> Step:
    return Step("affine", [x], weights={"scale": _per_channel(scale, x), "shift": _per_channel(shift, x)})


def _per_channel(constant: Any, x: Map) -> Tensor:
    """Return a number, or a tensor with one value for all pixels or each channel of `x`, as a vector (channels)."""
    tensor = torch.as_tensor(constant, dtype=torch.float32)
    channels, shape = x.shape[0], (1,) * (1 + len(x.shape) - tensor.ndim) + tuple(tensor.shape)
    require(shape in ((1, channels, *(1 for _ in x.shape[1:])), (1,) * len(shape)), f"a constant of {tensor.shape}")
    return tensor.flatten().expand(channels).contiguous()
