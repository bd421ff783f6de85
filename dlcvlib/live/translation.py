"""Layers of the plan by the PyTorch operations that they stand for.

Each function of `TRANSLATIONS` has the signature of the operation (`torch.ops.aten`), with maps in place of the network's
intermediate tensors, and returns a `Step`, or the map that it is given if the operation does nothing to one image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dlcvlib.live.layer import Map

Pair = Sequence[int]
Number = int | float


class UnknownUseError(ValueError):
    """A known operation used in a way that the engine has no code for; the message says which."""


@dataclass(frozen=True)
class Step:
    """A layer without name and output shape, which follow from the exported graph."""

    kind: str
    inputs: Sequence[Map]
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Tensor] = field(default_factory=dict)


def conv2d(
    x: Map,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Step:
    """Convolution; its weights become the matrix (out_channels, in_channels / groups * height * width)."""
    _require(isinstance(weight, Tensor), "weights that are computed")
    options = {
        "kernel": list(weight.shape[2:]),
        "stride": _pair(stride),
        "padding": _pair(padding),
        "dilation": _pair(dilation),
        "groups": groups,
    }
    return Step("conv", [x], options, _matrix_and_bias(weight.flatten(1), bias, len(weight)))


def conv_transpose2d(
    x: Map,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    output_padding: Pair = (0, 0),
    groups: int = 1,
    dilation: Pair = (1, 1),
) -> Step:
    """Transposed convolution; its weights become the matrix (out_channels * height * width, in_channels)."""
    _require(isinstance(weight, Tensor), "weights that are computed")
    _require(groups == 1, f"groups={groups}")
    _require(not any(_pair(output_padding)), f"output_padding={list(output_padding)}")
    _require(_pair(dilation) == [1, 1], f"dilation={list(dilation)}")
    options = {"kernel": list(weight.shape[2:]), "stride": _pair(stride), "padding": _pair(padding)}
    return Step("transposed", [x], options, _matrix_and_bias(weight.flatten(1).T, bias, weight.shape[1]))


def linear(x: Map, weight: Tensor, bias: Tensor | None = None) -> Step:
    """Linear layer on a vector."""
    _require(isinstance(weight, Tensor), "weights that are computed")
    _require(len(x.shape) == 1, f"an input of shape {x.shape} per image")
    return Step("linear", [x], weights=_matrix_and_bias(weight, bias, len(weight)))


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
    _require((min_val, max_val) == (0, 6), f"limits of {min_val} and {max_val}")
    return _activation(x, "relu6")


def gelu(x: Map, approximate: str = "none") -> Step:
    """GELU."""
    _require(approximate == "none", f"approximate={approximate!r}")
    return _activation(x, "gelu")


def add(x: Any, other: Any, alpha: Number = 1) -> Step:
    """Sum of two maps, or of a map and a constant for all pixels or each channel."""
    if isinstance(x, Map) and isinstance(other, Map):
        _require(alpha == 1, f"alpha={alpha}")
        _require(x.shape == other.shape, f"maps of shapes {x.shape} and {other.shape}")
        return Step("add", [x, other])
    feature_map, constant = (x, other) if isinstance(x, Map) else (other, x)
    return _affine(feature_map, 1.0, constant if alpha == 1 else constant * alpha)


def subtract(x: Any, other: Any, alpha: Number = 1) -> Step:
    """Difference of a map and a constant, in either order."""
    if isinstance(x, Map):
        _require(not isinstance(other, Map), "the difference of two maps")
        return _affine(x, 1.0, -alpha * other)
    return _affine(other, -float(alpha), x)


def multiply(x: Any, other: Any) -> Step:
    """Product of a map and a constant."""
    _require(not (isinstance(x, Map) and isinstance(other, Map)), "the product of two maps")
    return _affine(x, other, 0.0) if isinstance(x, Map) else _affine(other, x, 0.0)


def divide(x: Any, other: Any) -> Step:
    """Quotient of a map and a constant."""
    _require(isinstance(x, Map) and not isinstance(other, Map), "division by a map")
    return _affine(x, 1 / other, 0.0)


def concat(maps: Sequence[Map], dim: int = 0) -> Step | Map:
    """Concatenation of channels."""
    _require(all(isinstance(each, Map) for each in maps) and dim in (1, -len(maps[0].shape)), f"dim={dim}")
    return Step("concat", maps) if len(maps) > 1 else maps[0]


def max_pool2d(
    x: Map,
    kernel_size: Pair,
    stride: Pair = (),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    ceil_mode: bool = False,
) -> Step:
    """Maximum over windows; `ceil_mode` shows in the output shape alone."""
    _require(_pair(dilation) == [1, 1], f"dilation={list(dilation)}")
    return Step("max_pool", [x], _windows(kernel_size, stride, padding))


def avg_pool2d(
    x: Map,
    kernel_size: Pair,
    stride: Pair = (),
    padding: Pair = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Step:
    """Mean over windows, with or without the padding."""
    _require(divisor_override is None, f"divisor_override={divisor_override}")
    counted = {"count_padding": count_include_pad}
    return Step("average_pool", [x], _windows(kernel_size, stride, padding) | counted)


def adaptive_avg_pool2d(x: Map, output_size: Pair) -> Step:
    """Mean over windows that divide the map into `output_size`."""
    return Step("adaptive_average_pool", [x])


def adaptive_max_pool2d(x: Map, output_size: Pair) -> tuple[Step, None]:
    """Maximum over windows that divide the map into `output_size`; its second result, the indices, has no layer."""
    return Step("adaptive_max_pool", [x]), None


def mean(x: Map, dim: Sequence[int], keepdim: bool = False) -> Step:
    """Mean over height and width."""
    _require(len(x.shape) == 3 and sorted(each % 4 for each in dim) == [2, 3], f"dim={list(dim)}")
    return Step("adaptive_average_pool", [x])


def view(x: Map, size: Pair) -> Step | Map:
    """Flattening to a vector; memory stays as it is."""
    sizes = [size[0], *(each for each in size[1:] if each != 1)]
    _require(size[0] in (1, -1) and len(sizes) <= 2, f"a view of shape {list(size)}")
    return Step("flatten", [x])


def expand(x: Map, size: Pair) -> Step:
    """Repetition of one pixel to all positions."""
    _require(len(x.shape) == 3 and x.shape[1:] == (1, 1) and len(size) == 4, f"maps of shape {x.shape}")
    return Step("expand", [x])


def crop(x: Map, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Step:
    """Rows or columns from the first on: a cut at the bottom or the right."""
    _require(len(x.shape) == 3 and dim % 4 in (2, 3), f"a slice of dimension {dim}")
    _require(start in (None, 0) and step == 1, f"a slice from {start} in steps of {step}")
    return Step("crop", [x])


def upsample_bilinear2d(
    x: Map, output_size: Pair | None, align_corners: bool, scale_factors: Sequence[float] | None = None
) -> Step:
    """Bilinear interpolation to the output's size."""
    # PyTorch samples by the factor it is given, which another size than the factor's own would not tell.
    whole = scale_factors is None or all(float(factor).is_integer() for factor in scale_factors)
    _require(whole, f"scale_factor={scale_factors}")
    return Step("resize", [x], {"align_corners": align_corners})


def zeros_like(x: Map, **options: Any) -> Step:
    """Zeros in the shape of a map, such as a dropped skip connection."""
    return Step("zeros", [])


def nothing(x: Map, *arguments: Any, **options: Any) -> Map:
    """Operation that does nothing in evaluation."""
    return x


TRANSLATIONS: dict[str, Callable[..., Any]] = {
    "conv2d.default": conv2d,
    "conv_transpose2d.input": conv_transpose2d,
    "linear.default": linear,
    "_native_batch_norm_legit_no_training.default": lambda *arguments: (batch_norm(*arguments), None, None),
    "relu.default": relu,
    "hardtanh.default": hardtanh,
    "gelu.default": gelu,
    "add.Tensor": add,
    "sub.Tensor": subtract,
    "rsub.Scalar": lambda x, other, alpha=1: subtract(other, x, alpha),
    "mul.Tensor": multiply,
    "div.Tensor": divide,
    "cat.default": concat,
    "max_pool2d.default": max_pool2d,
    "avg_pool2d.default": avg_pool2d,
    "adaptive_avg_pool2d.default": adaptive_avg_pool2d,
    "adaptive_max_pool2d.default": adaptive_max_pool2d,
    "mean.dim": mean,
    "view.default": view,
    "expand.default": expand,
    "slice.Tensor": crop,
    "upsample_bilinear2d.vec": upsample_bilinear2d,
    "zeros_like.default": zeros_like,
    "alias.default": nothing,
    "clone.default": nothing,
    "dropout.default": nothing,
}


def _activation(x: Map, function: str) -> Step:
    return Step("activation", [x], {"activation": function})


def _affine(x: Map, scale: Any, shift: Any) -> Step:
    return Step("affine", [x], weights={"scale": _per_channel(scale, x), "shift": _per_channel(shift, x)})


def _per_channel(constant: Any, x: Map) -> Tensor:
    """Return a number, or a tensor with one value for all pixels or each channel of `x`, as a vector (channels)."""
    tensor = torch.as_tensor(constant, dtype=torch.float32)
    channels, shape = x.shape[0], (1,) * (1 + len(x.shape) - tensor.ndim) + tuple(tensor.shape)
    _require(shape in ((1, channels, *(1 for _ in x.shape[1:])), (1,) * len(shape)), f"a constant of {tensor.shape}")
    return tensor.flatten().expand(channels).contiguous()


def _matrix_and_bias(matrix: Tensor, bias: Tensor | None, channels: int) -> dict[str, Tensor]:
    return {
        "weight": matrix.float().contiguous(),
        "bias": torch.zeros(channels, device=matrix.device) if bias is None else bias.float(),
    }


def _windows(kernel: Pair, stride: Pair, padding: Pair) -> dict[str, list[int]]:
    return {"kernel": _pair(kernel), "stride": _pair(stride or kernel), "padding": _pair(padding)}


def _pair(values: Pair) -> list[int]:
    """Return height and width; one number stands for both."""
    return [int(value) for value in (values if len(values) == 2 else (*values, *values))]


def _require(known: bool, use: str) -> None:
    if not known:
        raise UnknownUseError(use)
