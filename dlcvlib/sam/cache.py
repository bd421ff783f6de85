"""SAM's work kept on disk: the same weights, image and parameters need not be computed twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dlcvlib import paths
from dlcvlib.files.arrays import read_cache, write_cache

VERSION = 1  # of what is kept; a change of how it is made must raise it
Arrays = dict[str, np.ndarray]


def kept(
    kind: str, weights: str, pixels: np.ndarray, parameters: Mapping[str, Any], make: Callable[[], Arrays]
) -> Arrays:
    """Return what `make` returns, from disk where an earlier call left it; a damaged file is made again.

    Args:
        kind: begins the file's name.
        weights: fingerprint of the weights it is made with.
        pixels: the image it is made of.
        parameters: whatever else it depends on, as JSON holds it.
        make: computes it.
    """
    file = file_of(kind, weights, pixels, parameters)
    found = read_cache(file)
    if found is None:
        found = make()
        write_cache(file, found)
    return found


def file_of(kind: str, weights: str, pixels: np.ndarray, parameters: Mapping[str, Any]) -> Path:
    """Where `kept` keeps it, beside the decoded images of the run records."""
    facts = [VERSION, weights, str(pixels.dtype), pixels.shape, dict(parameters)]
    digest = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return paths.cache_home() / "sam" / f"{kind}-{digest.hexdigest()}.npz"
