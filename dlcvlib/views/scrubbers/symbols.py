"""Polygons of the marks in `dlcvlib.views.palette.SYMBOLS`, for the script and the still picture."""

from __future__ import annotations

import numpy as np

Polygon = list[float]


def _around(radii: list[float], first: float = 90.0) -> Polygon:
    """Corners at equal angles, anticlockwise from `first` degrees, at these distances from the centre."""
    angles = np.deg2rad(first + np.arange(len(radii)) * 360 / len(radii))
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.array(radii)[:, None]
    return [round(float(number), 3) for number in corners.ravel()]


ARM = 0.36  # half the width of a cross's arms
CROSS = [
    *(1, ARM, ARM, ARM, ARM, 1, -ARM, 1, -ARM, ARM, -1, ARM),
    *(-1, -ARM, -ARM, -ARM, -ARM, -1, ARM, -1, ARM, -ARM, 1, -ARM),
]
TURN = np.sqrt(0.5) * np.array([[1, 1], [-1, 1]])  # by 45 degrees

POLYGONS: dict[str, Polygon] = {
    "circle": _around([0.95] * 24),
    "diamond": _around([1.2] * 4),
    "cross": [float(number) for number in CROSS],
    "triangle-up": _around([1.25] * 3),
    "square": _around([1.2] * 4, first=45),
    "x": [round(float(number), 3) for number in (np.reshape(CROSS, (-1, 2)) @ TURN).ravel()],
    "triangle-down": _around([1.25] * 3, first=-90),
    "star": _around([1.3, 0.55] * 5),
    "bowtie": [-1, 1, 1, -1, 1, 1, -1, -1],
    "hourglass": [-1, 1, 1, 1, -1, -1, 1, -1],
}
"""Corners x, y, x, y, … of each mark by name, of radius about 1, y upward."""
