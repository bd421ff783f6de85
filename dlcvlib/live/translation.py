"""Layers of the plan by the PyTorch operations that they stand for.

Each function of `TRANSLATIONS` has the signature of its operation (`torch.ops.aten`), with maps in place of
intermediate tensors. It returns a `Step`, or the map that it is given if the operation does nothing in evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from dlcvlib.live import arithmetic
from dlcvlib.live.layer import Map
from dlcvlib.live.steps import Step, require

Pair = Sequence[int]
"""Height and width, or one number for both."""


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
    require(isinstance(weight, Tensor), "weights that are computed")
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
    require(isinstance(weight, Tensor), "weights that are computed")
    require(groups == 1, f"groups={groups}")
    require(not any(_pair(output_padding)), f"output_padding={list(output_padding)}")
    require(_pair(dilation) == [1, 1], f"dilation={list(dilation)}")
    options = {"kernel": list(weight.shape[2:]), "stride": _pair(stride), "padding": _pair(padding)}
    return Step("transposed", [x], options, _matrix_and_bias(weight.flatten(1).T, bias, weight.shape[1]))


def linear(x: Map, weight: Tensor, bias: Tensor | None = None) -> Step:
    """Linear layer on a vector."""
    require(isinstance(weight, Tensor), "weights that are computed")
    require(len(x.shape) == 1, f"an input of shape {x.shape} per image")
    return Step("linear", [x], weights=_matrix_and_bias(weight, bias, len(weight)))


def concat(maps: Sequence[Map], dim: int = 0) -> Step | Map:
    """Concatenation of channels."""
    require(all(isinstance(each, Map) for each in maps) and dim in (1, -len(maps[0].shape)), f"dim={dim}")
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
    require(_pair(dilation) == [1, 1], f"dilation={list(dilation)}")
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
    require(divisor_override is None, f"divisor_override={divisor_override}")
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
    require(len(x.shape) == 3 and sorted(each % 4 for each in dim) == [2, 3], f"dim={list(dim)}")
    return Step("adaptive_average_pool", [x])


def view(x: Map, size: Pair) -> Step | Map:
    """Flattening to a vector; memory stays as it is."""
    sizes = [size[0], *(each for each in size[1:] if each != 1)]
    require(size[0] in (1, -1) and len(sizes) <= 2, f"a view of shape {list(size)}")
    return Step("flatten", [x])


def expand(x: Map, size: Pair) -> Step:
    """Repetition of one pixel to all positions."""
    require(len(x.shape) == 3 and x.shape[1:] == (1, 1) and len(size) == 4, f"maps of shape {x.shape}")
    return Step("expand", [x])


def crop(x: Map, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Step:
    """Rows or columns from the first on: a cut at the bottom or the right."""
    require(len(x.shape) == 3 and dim % 4 in (2, 3), f"a slice of dimension {dim}")
    require(start in (None, 0) and step == 1, f"a slice from {start} in steps of {step}")
    return Step("crop", [x])


def upsample_bilinear2d(
    x: Map, output_size: Pair | None, align_corners: bool, scale_factors: Sequence[float] | None = None
) -> Step:
    """Bilinear interpolation to the output's size."""
    # PyTorch samples by the factor it is given, which another size than the factor's own would not tell.
    whole = scale_factors is None or all(float(factor).is_integer() for factor in scale_factors)
    require(whole, f"scale_factor={scale_factors}")
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
    "_native_batch_norm_legit_no_training.default": lambda *arguments: (arithmetic.batch_norm(*arguments), None, None),
    "relu.default": arithmetic.relu,
    "hardtanh.default": arithmetic.hardtanh,
    "gelu.default": arithmetic.gelu,
    "add.Tensor": arithmetic.add,
    "sub.Tensor": arithmetic.subtract,
    "rsub.Scalar": lambda x, other, alpha=1: arithmetic.subtract(other, x, alpha),
    "mul.Tensor": arithmetic.multiply,
    "div.Tensor": arithmetic.divide,
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
