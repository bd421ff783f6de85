"""Disk cache of SAM's results, by weights, image and parameters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dlcvlib import paths
from dlcvlib.files.arrays import read_cache, write_cache

VERSION = 1  # of the cached results; increase it when their computation changes
Arrays = dict[str, np.ndarray]


def cached(
    kind: str, weights: str, pixels: np.ndarray, parameters: Mapping[str, Any], make: Callable[[], Arrays]
) -> Arrays:
    """Return the result of `make`, from the cache if possible; a damaged file is replaced.

    Args:
        kind: prefix of the file name.
        weights: SHA-256 of the weights.
        pixels: image.
        parameters: other parameters, JSON-serialisable.
        make: computes the result.
    """
    file = file_of(kind, weights, pixels, parameters)
    found = read_cache(file)
    if found is None:
        found = make()
        write_cache(file, found)
    return found


def file_of(kind: str, weights: str, pixels: np.ndarray, parameters: Mapping[str, Any]) -> Path:
    """Return the file of `cached` for these arguments."""
    facts = [VERSION, weights, str(pixels.dtype), pixels.shape, dict(parameters)]
    digest = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return paths.cache_home() / "sam" / f"{kind}-{digest.hexdigest()}.npz"
