"""Steps of the forward pass as PyTorch's operations describe them, and the refusal of those without code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from dlcvlib.live.layer import Map


class UnknownUseError(ValueError):
    """A known operation used in a way that the engine has no code for; the message says which."""


@dataclass(frozen=True)
class Step:
    """A layer without name and output shape, which follow from the exported graph."""

    kind: str
    inputs: Sequence[Map]
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Tensor] = field(default_factory=dict)


def require(known: bool, use: str) -> None:
    """Raise an `UnknownUseError` unless the operation is used in a way that the engine knows."""
    if not known:
        raise UnknownUseError(use)
