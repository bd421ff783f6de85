"""Shapes: the outlines of the toy objects."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Outline = Callable[[np.ndarray, np.ndarray], np.ndarray]


def coverage(inside: np.ndarray, pixel: float) -> np.ndarray:
    """Return the share of each pixel inside an outline, for smooth edges.

    Args:
        inside: approximate distance to the outline in object units, positive inside.
        pixel: size of a pixel in object units.

    Returns:
        float32 in [0, 1], of the shape of `inside`.
    """
    return np.clip(inside / pixel + 0.5, 0, 1)


def _polygon(u: np.ndarray, v: np.ndarray, corners: int) -> np.ndarray:
    angle = 2 * math.pi / corners
    turn = np.mod(np.arctan2(u, -v), angle) - angle / 2
    return math.cos(angle / 2) - np.hypot(u, v) * np.cos(turn)


def _disc(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return 0.92 - np.hypot(u, v)


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return 0.8 - np.maximum(np.abs(u), np.abs(v))


def _triangle(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _polygon(u, v - 0.22, 3) * 1.1 + 0.05


def _star(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    angle = 2 * math.pi / 5
    turn = np.abs(np.mod(np.arctan2(u, -v) + angle / 2, angle) - angle / 2)  # 0 at a tip, pi / 5 between two tips
    radius = np.hypot(u, v)
    # the straight edge from the tip, at distance 1.1, to the notch, at distance 0.48
    tip, notch = 1.1, 0.48
    x, y = radius * np.cos(turn), radius * np.sin(turn)
    notch_x, notch_y = notch * math.cos(angle / 2), notch * math.sin(angle / 2)
    normal_x, normal_y = notch_y, tip - notch_x
    return (notch_y * tip - normal_x * x - normal_y * y) / math.hypot(normal_x, normal_y)


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    wide, tall = np.abs(u), np.abs(v)
    return np.maximum(np.minimum(0.95 - wide, 0.36 - tall), np.minimum(0.36 - wide, 0.95 - tall))


def _crescent(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.minimum(0.98 - np.hypot(u, v), np.hypot(u - 0.5, v + 0.1) - 0.68)


def _flower(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return 0.74 + 0.26 * np.cos(6 * np.arctan2(v, u)) - np.hypot(u, v)


def _heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    side, up = np.abs(u), 0.12 - v
    lobes = 0.5 - np.hypot(side - 0.43, up - 0.3)
    tip = np.minimum((0.98 + up - 1.28 * side) / 1.62, 0.07 - up)  # the wedge below the lobes
    return np.maximum(lobes, tip)


OUTLINES: dict[str, Outline] = {
    "disc": _disc,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "crescent": _crescent,
    "flower": _flower,
    "heart": _heart,
}
"""Outlines by name: functions of object coordinates u (right) and v (down) that return the approximate distance to the
outline, positive inside; all fit into radius 1.15."""
