"""Sentence about a layer table: at which sizes of the feature map a network has its weights and its multiplications."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

VECTORS = "vectors"


def layers_in_words(layers: pd.DataFrame) -> str:
    """Say how parameters and multiply-adds are divided among the sizes of the feature maps, as Markdown.

    Args:
        layers: table of `dlcvlib.models.layer_table`, of a network with parameters and multiply-adds.
    """
    sums = layers.groupby(layers["output_shape"].map(_map_size), sort=False)[["parameters", "multiply_adds"]].sum()
    shares = (sums / sums.sum()).round(2)
    each = "; ".join(
        f"{size}: {parameters:.0%} and {multiply_adds:.0%}"
        for size, parameters, multiply_adds in shares[shares.any(axis=1)].itertuples()
    )
    return (
        f"The largest share of the parameters is in layers that return {_largest(shares['parameters'])}, and of the "
        f"multiplications in layers that return {_largest(shares['multiply_adds'])}. By size of the map, parameters "
        f"and multiplications: {each}."
    )


def _map_size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape[1:])) if len(shape) == 3 else VECTORS


def _largest(shares: pd.Series) -> str:
    """Return the size with the largest share, or all of them if their percentages are equal."""
    sizes = [f"**{size}**" for size in shares.index[shares == shares.max()]]
    words = " or ".join(filter(None, [", ".join(sizes[:-1]), sizes[-1]]))
    return f"{'' if VECTORS in words else 'maps of '}{words} ({shares.max():.0%}{' each' if len(sizes) > 1 else ''})"
