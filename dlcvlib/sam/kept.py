"""SAM's work kept on disk: the same weights, image and parameters need not be computed twice."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from dlcvlib import places
from dlcvlib.files import whole_file

VERSION = 1  # of what is kept; a change of how it is made must raise it
Arrays = dict[str, np.ndarray]


def kept(
    kind: str, weights: str, pixels: np.ndarray, parameters: Mapping[str, Any], make: Callable[[], Arrays]
) -> Arrays:
    """What `make` returns, from disk where an earlier call left it; a spoilt file is made anew.

    Args:
        kind: begins the file's name.
        weights: fingerprint of the weights it is made with.
        pixels: the image it is made of.
        parameters: whatever else it depends on, as JSON holds it.
        make: computes it.
    """
    file = file_of(kind, weights, pixels, parameters)
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (FileNotFoundError, ValueError, EOFError, BadZipFile, zlib.error):
        made = make()
    with whole_file(file) as target:
        np.savez_compressed(target, allow_pickle=False, **made)
    return made


def file_of(kind: str, weights: str, pixels: np.ndarray, parameters: Mapping[str, Any]) -> Path:
    """Where `kept` keeps it, beside the decoded images of the run records."""
    facts = [VERSION, weights, str(pixels.dtype), pixels.shape, dict(parameters)]
    digest = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return places.cache_home() / "sam" / f"{kind}-{digest.hexdigest()}.npz"
