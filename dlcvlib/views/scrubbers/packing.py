"""Maps quantised to two bytes a coordinate: 2,000 dots at 30 epochs take a quarter of a megabyte."""

from __future__ import annotations

import numpy as np

STEPS = 65535  # along the side of the square that all maps share


def square_of(*coordinates: np.ndarray) -> float:
    """Half the side of the smallest square around 0 that contains all maps.

    Raises:
        ValueError: a coordinate is not finite, or all of them are 0.
    """
    limit = max(float(np.abs(maps).max()) for maps in coordinates)
    if not np.isfinite(limit) or limit == 0:
        raise ValueError(f"the maps reach out to {limit}: a coordinate is not finite, or all points coincide")
    return limit


def packed(coordinates: np.ndarray, limit: float) -> bytes:
    """Quantise coordinates in [-limit, limit] to little-endian uint16, with an error of at most limit / 65535."""
    return np.round((coordinates.astype(np.float64) / limit + 1) / 2 * STEPS).astype("<u2").tobytes()


def unpacked(data: bytes, limit: float) -> np.ndarray:
    """Undo `packed`: a float64 array of one dimension."""
    return (np.frombuffer(data, "<u2").astype(np.float64) / STEPS * 2 - 1) * limit
