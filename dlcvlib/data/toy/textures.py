"""Textures of objects and backgrounds, independent of colour."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image

Pattern = Callable[[np.ndarray, np.ndarray, float, np.random.Generator], np.ndarray]


def smooth_noise(size: int, cell: float, generator: np.random.Generator) -> np.ndarray:
    """Draw random heights on a coarse grid and interpolate them bicubically ("value noise").

    Args:
        size: side of the square, pixels.
        cell: distance between two independent heights, pixels; at least 1.
        generator: source of the heights.

    Returns:
        (size, size) float32, zero mean and about unit variance.
    """
    count = int(np.ceil(size / cell)) + 4
    heights = generator.standard_normal((count, count)).astype(np.float32)
    start = 1 + generator.random()
    box = (start, start, start + size / cell, start + size / cell)
    noise = np.asarray(Image.fromarray(heights).resize((size, size), Image.Resampling.BICUBIC, box=box))
    centred = noise - noise.mean()
    return np.divide(centred, max(float(noise.std()), 1e-6), dtype=np.float32)


def fractal_noise(size: int, cell: float, generator: np.random.Generator, octaves: int = 3) -> np.ndarray:
    """Sum smooth noise at several scales, each half as coarse and half as strong as the last; (size, size) float32."""
    layers = [smooth_noise(size, max(cell / 2**k, 1.0), generator) / 2**k for k in range(octaves)]
    return np.add.reduce(layers)


def soft_square(wave: np.ndarray) -> np.ndarray:
    """Turn a wave in [-1, 1] into stripes in [0, 1] with soft edges, to avoid aliasing."""
    return 0.5 + 0.5 * np.tanh(3.0 * wave)


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Round an image in [0, 1] to uint8; values outside are clipped."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def _plain(u: np.ndarray, v: np.ndarray, period: float, generator: np.random.Generator) -> np.ndarray:
    return np.zeros_like(u)


def _banded(u: np.ndarray, v: np.ndarray, period: float, generator: np.random.Generator) -> np.ndarray:
    return soft_square(np.sin(2 * math.pi * (v / period + generator.random())).astype(u.dtype))


def _striped(u: np.ndarray, v: np.ndarray, period: float, generator: np.random.Generator) -> np.ndarray:
    return _banded(v, u, period, generator)


def _checked(u: np.ndarray, v: np.ndarray, period: float, generator: np.random.Generator) -> np.ndarray:
    p, q = generator.random(), generator.random()
    return soft_square(1.6 * np.sin(math.pi * (u / period + p)) * np.sin(math.pi * (v / period + q)))


def _dotted(u: np.ndarray, v: np.ndarray, period: float, generator: np.random.Generator) -> np.ndarray:
    p, q = generator.random(), generator.random()
    return soft_square(np.cos(2 * math.pi * (u / period + p)) + np.cos(2 * math.pi * (v / period + q)) - 0.7)


def _ringed(u: np.ndarray, v: np.ndarray, period: float, generator: np.random.Generator) -> np.ndarray:
    return _banded(u, np.hypot(u, v), period, generator)


def _rayed(u: np.ndarray, v: np.ndarray, period: float, generator: np.random.Generator) -> np.ndarray:
    rays = max(4, round(3.2 / period))
    return soft_square(np.sin(rays * np.arctan2(v, u) + 2 * math.pi * generator.random()))


def _mottled(u: np.ndarray, v: np.ndarray, period: float, generator: np.random.Generator) -> np.ndarray:
    pixel = abs(float(u[0, 1] - u[0, 0])) + abs(float(v[0, 1] - v[0, 0]))
    return soft_square(smooth_noise(u.shape[0], max(0.5 * period / max(pixel, 1e-6), 1.0), generator))


PATTERNS: dict[str, Pattern] = {
    "plain": _plain,
    "banded": _banded,
    "striped": _striped,
    "checked": _checked,
    "dotted": _dotted,
    "ringed": _ringed,
    "rayed": _rayed,
    "mottled": _mottled,
}
"""Patterns by name: functions of object coordinates u (right) and v (down), a period and a generator (for the phase)
that return the weight of the second of two colours, in [0, 1]."""
