"""Maps packed into two bytes a coordinate: a page of 2,000 dots at 30 epochs then weighs a quarter of a megabyte."""

from __future__ import annotations

import numpy as np

STEPS = 65535  # of the side of the square that all maps share


def square_of(*coordinates: np.ndarray) -> float:
    """Half the side of the square around 0 that holds all of these maps.

    Raises:
        ValueError: a coordinate is not finite, or all of them are 0.
    """
    limit = max(float(np.abs(maps).max()) for maps in coordinates)
    if not np.isfinite(limit) or limit == 0:
        raise ValueError(f"the maps reach out to {limit}: a coordinate is not finite, or all points lie in one place")
    return limit


def packed(coordinates: np.ndarray, limit: float) -> bytes:
    """Coordinates in [-limit, limit] as uint16, little-endian; off by at most half of the side's 65535th part."""
    return np.round((coordinates.astype(np.float64) / limit + 1) / 2 * STEPS).astype("<u2").tobytes()


def unpacked(data: bytes, limit: float) -> np.ndarray:
    """What `packed` has packed, as a float64 array of one dimension."""
    return (np.frombuffer(data, "<u2").astype(np.float64) / STEPS * 2 - 1) * limit
