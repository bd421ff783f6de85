"""Weights of all layers as one block of bytes: matrices in half precision, vectors in single precision.

Rounding the matrices to float16 halves the download; vectors (biases, and scales and shifts of batch normalisation) are
small and stay exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from dlcvlib.live.layer import Layer

Precision = Literal["float16", "float32"]
PRECISIONS: tuple[Precision, ...] = ("float16", "float32")
ALIGNMENT = 4  # bytes: a Float32Array must begin at a multiple of its elements' size


def places(layers: Sequence[Layer], precision: Precision) -> list[dict[str, dict[str, Any]]]:
    """Return for each layer the place of each tensor: `at` in bytes, `shape` and `type`, all as JSON."""
    found: list[dict[str, dict[str, Any]]] = [{} for _ in layers]
    at = 0
    for index, name, tensor in _tensors(layers):
        stored = _type(tensor, precision)
        found[index][name] = {"at": at, "shape": list(tensor.shape), "type": stored.__name__}
        at += _padded(tensor.numel() * np.dtype(stored).itemsize)
    return found


def pack(layers: Sequence[Layer], precision: Precision) -> bytes:
    """Return the weights in the order of `places`, little-endian.

    Raises:
        ValueError: a weight is nan or infinite, or too large for float16; the message names the layer.
    """
    blocks = []
    for index, name, tensor in _tensors(layers):
        stored, values = _type(tensor, precision), tensor.detach().cpu().numpy()
        if not np.isfinite(values).all():
            raise ValueError(f"the layer {layers[index].name!r} has a {name} that is nan or infinite")
        with np.errstate(over="ignore"):
            rounded = values.astype(stored)
        if not np.isfinite(rounded).all():
            raise ValueError(
                f"the layer {layers[index].name!r} has a {name} of {np.abs(values).max():.3g}, which float16 cannot "
                'hold: plan the network with precision="float32"'
            )
        block = rounded.astype(rounded.dtype.newbyteorder("<")).tobytes()
        blocks.append(block.ljust(_padded(len(block)), b"\0"))
    return b"".join(blocks)


def _tensors(layers: Sequence[Layer]) -> Iterator[tuple[int, str, Tensor]]:
    for index, layer in enumerate(layers):
        for name, tensor in layer.weights.items():
            yield index, name, tensor.to(torch.float32)


def _type(tensor: Tensor, precision: Precision) -> type[np.float16] | type[np.float32]:
    return np.float16 if precision == "float16" and tensor.ndim > 1 else np.float32


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
