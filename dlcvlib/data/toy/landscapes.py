"""Landscapes: satellite images and their land cover, with the classes, colours and class frequencies of the course.

Some classes have similar colours (crops and scrub, roofs and bare soil, water and forest) and differ in texture and
context.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from dlcvlib.data.toy.textures import fractal_noise, smooth_noise, to_bytes

SHARES = np.array([0.106, 0.583, 0.084, 0.115, 0.031, 0.081, 0.0006]) / 1.0006
URBAN, AGRICULTURE, RANGELAND, FOREST, WATER, BARREN, UNKNOWN = range(7)
PRESENCE = (0.5, 1.0, 0.4, 0.6, 0.45, 0.4, 0.1)  # probability that an image contains a class


def share_table(count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw the share of each class in each image, so that the mean over images equals the course's class frequencies.

    Sparse random weights are scaled alternately by row and column until both sums are right (R. Sinkhorn, "Diagonal
    equivalence to matrices with prescribed row and column sums", 1967).

    Args:
        count: number of images, at least 1.
        generator: source of the weights.

    Returns:
        (count, 7) float64; rows sum to 1, column means are `SHARES` to within a thousandth.
    """
    present = generator.random((count, 7)) < PRESENCE
    present[generator.integers(0, count, 7), np.arange(7)] = True  # no class is missing from a split
    present[:, AGRICULTURE] = True
    table = generator.gamma(1.0, size=(count, 7)) * present + 1e-12 * present
    for _ in range(500):
        table *= SHARES / table.mean(axis=0)
        table /= table.sum(axis=1, keepdims=True)
    return table


def _turned(size: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return pixel coordinates along two random perpendicular directions, for fields and streets."""
    turn = generator.uniform(0, np.pi)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    p = columns * np.float32(np.cos(turn)) + rows * np.float32(np.sin(turn))
    q = rows * np.float32(np.cos(turn)) - columns * np.float32(np.sin(turn))
    return p - p.min(), q - q.min()


def _heights(kind: int, share: float, size: int, generator: np.random.Generator) -> np.ndarray:
    """Return heights; the class covers the highest `share` of them: blocks for urban, a winding line for water."""
    blots = fractal_noise(size, size / 2.5, generator, octaves=4)
    if kind == URBAN:
        side = size // 12
        snapped = np.arange(size) // side * side + side // 2
        snapped = np.minimum(snapped, size - 1)
        return smooth_noise(size, size / 2.5, generator)[np.ix_(snapped, snapped)] + 0.05 * blots
    if kind == WATER and share > 0.015:  # less would be a river too narrow to see
        p, q = _turned(size, generator)
        bend = 0.1 * size * np.sin(2 * np.pi * (p / (0.6 * size) + generator.random())) + 0.05 * size * blots
        return -np.abs(q - generator.uniform(0.35, 0.65) * q.max() + bend)
    return blots


def draw_cover(shares: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """Lay out the land cover of one image.

    Args:
        shares: (7,) share of each class in the image; sums to 1. Agriculture covers the rest.
        size: side of the image, pixels.
        generator: source of the layout.

    Returns:
        (size, size) uint8 class ids 0 to 6.
    """
    cover = np.full(size * size, AGRICULTURE, np.uint8)
    free = np.ones(size * size, bool)
    for kind in (WATER, UNKNOWN, URBAN, FOREST, BARREN, RANGELAND):
        area = round(float(shares[kind]) * size * size)
        if area == 0:
            continue
        heights = np.where(free, _heights(kind, shares[kind], size, generator).ravel(), -np.inf)
        highest = np.argsort(-heights, kind="stable")[:area]
        cover[highest] = kind
        free[highest] = False
    return cover.reshape(size, size)


def _tint(colour: tuple[float, float, float], light: np.ndarray) -> np.ndarray:
    return np.asarray(colour, np.float32) * light[..., None]


CROPS = np.array(
    [
        (0.36, 0.43, 0.24),
        (0.45, 0.47, 0.28),
        (0.54, 0.48, 0.34),
        (0.60, 0.54, 0.41),
        (0.42, 0.36, 0.27),
        (0.28, 0.36, 0.21),
        (0.63, 0.60, 0.44),
    ],
    np.float32,
)


def _agriculture(size: int, generator: np.random.Generator) -> np.ndarray:
    """Fields in strips with tracks between them; each field has its own crop and direction of rows."""
    p, q = _turned(size, generator)
    width = generator.uniform(0.11, 0.2) * size
    strip = (p // width).astype(int)
    length = (generator.uniform(0.12, 0.35, strip.max() + 1) * size).astype(np.float32)[strip]
    along = q + generator.uniform(0, size, strip.max() + 1).astype(np.float32)[strip]
    field = strip * 64 + (along // length).astype(int)
    fields = int(field.max()) + 1
    colour = CROPS[generator.integers(0, len(CROPS), fields)] * generator.uniform(0.85, 1.15, (fields, 1)).astype(
        np.float32
    )
    period = generator.uniform(3.2, 7.0, fields).astype(np.float32)[field]
    strength = generator.choice([0.03, 0.1, 0.16], fields).astype(np.float32)[field]
    across = np.where((generator.random(fields) < 0.5)[field], p, q)
    rows = 1 + strength * np.sin(2 * np.pi * across / period)
    edge = np.minimum(np.minimum(p % width, width - p % width), np.minimum(along % length, length - along % length))
    tracks = np.where(edge < 0.9, 1.18, 1.0)
    return colour[field] * (rows * tracks * (1 + 0.03 * fractal_noise(size, 24, generator)))[..., None]


def _urban(size: int, generator: np.random.Generator) -> np.ndarray:
    """Blocks of roofs and gardens in a grid of streets."""
    p, q = _turned(size, generator)
    house = generator.uniform(5.0, 8.0)
    row, column = (p // house).astype(int), (q // house).astype(int)
    count = int(max(row.max(), column.max())) + 1
    roofs = np.array(
        [
            (0.62, 0.58, 0.54),
            (0.55, 0.42, 0.35),
            (0.72, 0.70, 0.68),
            (0.45, 0.44, 0.44),
            (0.34, 0.40, 0.26),
            (0.5, 0.47, 0.38),
        ],
        np.float32,
    )
    colour = roofs[generator.integers(0, len(roofs), (count, count))][row, column]
    gap = np.minimum(p % house, q % house) < 1.4  # the shadow beside a house
    image = colour * np.where(gap, 0.6, 1.0)[..., None].astype(np.float32)
    block = house * generator.integers(3, 5), house * generator.integers(4, 7)
    street = (p % block[0] < 2.2) | (q % block[1] < 2.2)
    image[street] = (0.60, 0.58, 0.55)
    return image * (1 + 0.05 * smooth_noise(size, 3, generator))[..., None]


def _rangeland(size: int, generator: np.random.Generator) -> np.ndarray:
    """Dry grass in soft patches, with scrub."""
    light = 1 + 0.1 * fractal_noise(size, 30, generator, octaves=4)
    scrub = smooth_noise(size, 3.0, generator) > 1.7
    patch = np.clip(0.5 + 0.4 * smooth_noise(size, 40, generator), 0, 1)[..., None]
    grass = patch * np.asarray((0.50, 0.47, 0.31), np.float32) + (1 - patch) * np.asarray(
        (0.39, 0.41, 0.26), np.float32
    )
    return grass * (light * np.where(scrub, 0.68, 1.0))[..., None]


def _forest(size: int, generator: np.random.Generator) -> np.ndarray:
    """Tree crowns, lit from one side."""
    crowns = smooth_noise(size, generator.uniform(3.0, 4.5), generator)
    relief = crowns - np.roll(crowns, (1, 1), (0, 1))
    return _tint((0.25, 0.32, 0.19), 1 + 0.22 * relief + 0.12 * crowns + 0.08 * smooth_noise(size, 40, generator))


def _water(size: int, generator: np.random.Generator) -> np.ndarray:
    """Smooth water, blue, green or brown."""
    colours = [(0.17, 0.25, 0.33), (0.22, 0.31, 0.28), (0.25, 0.30, 0.20), (0.38, 0.36, 0.27)]
    return _tint(colours[generator.integers(len(colours))], 1 + 0.05 * smooth_noise(size, 50, generator))


def _barren(size: int, generator: np.random.Generator) -> np.ndarray:
    """Bare soil and rock with gullies."""
    gullies = np.abs(fractal_noise(size, 26, generator, octaves=4))
    colours = [(0.58, 0.52, 0.42), (0.62, 0.58, 0.52), (0.53, 0.45, 0.36)]
    return _tint(colours[generator.integers(len(colours))], 0.78 + 0.28 * np.sqrt(gullies))


def _unknown(size: int, generator: np.random.Generator) -> np.ndarray:
    """Cloud."""
    return _tint((0.86, 0.87, 0.89), 1 + 0.04 * smooth_noise(size, 30, generator))


GROUNDS: tuple[Callable[[int, np.random.Generator], np.ndarray], ...] = (
    _urban,
    _agriculture,
    _rangeland,
    _forest,
    _water,
    _barren,
    _unknown,
)


def paint_cover(cover: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Paint the satellite image of a land cover.

    Args:
        cover: (size, size) uint8 class ids 0 to 6.
        generator: source of textures, season, light, haze and noise.

    Returns:
        (size, size, 3) uint8, RGB. Borders are blurred over a few pixels.
    """
    size = len(cover)
    image: np.ndarray = np.zeros((size, size, 3), np.float32)
    total = np.zeros((size, size, 1), np.float32)
    blur = generator.uniform(0.8, 1.8)
    for kind in np.unique(cover):
        weight = ndimage.gaussian_filter((cover == kind).astype(np.float32), blur, truncate=3)[..., None]
        image += weight * GROUNDS[kind](size, generator)
        total += weight
    image /= total
    season = 1 + generator.normal(0, 0.06, 3)
    haze, light = generator.uniform(0, 0.15), generator.uniform(0.75, 1.12)
    image = image * season * light * (1 + 0.05 * smooth_noise(size, size / 2, generator))[..., None]
    image = (
        (1 - haze) * image
        + haze * 0.6
        + generator.uniform(0.008, 0.025) * generator.standard_normal(image.shape, np.float32)
    )
    return to_bytes(image)


def annotate(cover: np.ndarray, generator: np.random.Generator, slip: float = 1.7) -> np.ndarray:
    """Add annotation errors to a land cover: borders are shifted by `slip` pixels (root mean square, approximately).

    Args:
        cover: (size, size) uint8 class ids.
        generator: source of the shifts, which change slowly along a border.
        slip: size of the shifts, pixels.

    Returns:
        (size, size) uint8 class ids.
    """
    size = len(cover)
    rows, columns = np.mgrid[:size, :size]
    across, down = (np.rint(slip * smooth_noise(size, 14, generator)).astype(int) for _ in range(2))
    return cover[np.clip(rows + down, 0, size - 1), np.clip(columns + across, 0, size - 1)]
