"""Landscapes: satellite images of farmland with their land cover, in the classes and colours of the course.

They are made to be read by a person, and so that small networks show in seconds what the chapters say:

- *Water* is a river and two brooks, at most a few pixels wide, told by their colour. A stride of 32 loses them, a finer
  one keeps a part. In a U-Net only the shallowest skip carries them at full resolution; the deepest carries nothing
  that the layer below it lacks.
- *Urban* is villages of houses and streets and *Forest* is woods of tree crowns: wide enough for any stride.
- *Agriculture*, most of the land, is fields of crops in rows, and *Rangeland* is plots of the same shape grown with
  scrub, told by its grain, not by its colour.
- *Barren* is the rare class: quarries of pale rock in terraces, pale as roofs and ripe crops are.
- *Unknown* is a few clouds.

The shares of the classes are near the course's, but Water has more pixels, to be measured on, and Barren has fewer, to
be rare: see `SHARES`. Lengths in pixels are for images of 128 pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from dlcvlib.data.toy.textures import fractal_noise, smooth_noise, to_bytes

SHARES = np.array([0.11, 0.532, 0.10, 0.16, 0.075, 0.018, 0.005])
"""Share of all pixels by class; the course's are 0.106, 0.583, 0.084, 0.115, 0.031, 0.081 and 0.0006."""
PRESENCE = (0.6, 1.0, 0.6, 0.7, 0.9, 0.9, 0.1)
"""Probability that an image contains a class."""
EVENNESS = 5.0
"""Shape of the distribution of a class's share over the images that contain it: at 1, a river could fill an image."""
URBAN, AGRICULTURE, RANGELAND, FOREST, WATER, BARREN, UNKNOWN = range(7)


def share_table(count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw the share of each class in each image, so that its mean over images is `SHARES`.

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
    table = generator.gamma(EVENNESS, size=(count, 7)) * present + 1e-12 * present
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


def _plots(size: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return plots in strips: coordinates across and along the strips, number of the plot, distance to its edge."""
    p, q = _turned(size, generator)
    width = generator.uniform(0.12, 0.2) * size
    strip = (p // width).astype(int)
    length = (generator.uniform(0.2, 0.45, strip.max() + 1) * size).astype(np.float32)[strip]
    along = q + generator.uniform(0, size, strip.max() + 1).astype(np.float32)[strip]
    field = strip * 64 + (along // length).astype(int)
    edge = np.minimum(np.minimum(p % width, width - p % width), np.minimum(along % length, length - along % length))
    return p, q, field, edge


def _water_course(size: int, generator: np.random.Generator) -> np.ndarray:
    """Return minus the distance to the nearest of a river and two brooks, in units of their widths."""
    heights = np.full((size, size), -np.inf, np.float32)
    for width, winding in ((1.0, 0.10), (0.5, 0.06), (0.35, 0.06)):
        p, q = _turned(size, generator)
        wave = np.sin(2 * np.pi * (p / (generator.uniform(0.5, 0.8) * size) + generator.random()))
        bend = size * (winding * wave + 0.03 * smooth_noise(size, size / 4, generator))
        middle = generator.uniform(0.3, 0.7) * q.max()
        heights = np.maximum(heights, -np.abs(q - middle + bend) / width)
    return heights


def _heights(kind: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """Return heights; the class covers the highest of them: blocks for urban, lines for water, plots for range."""
    blots = fractal_noise(size, size / 2.5, generator, octaves=4)
    if kind == URBAN:
        side = size // 12
        snapped = np.arange(size) // side * side + side // 2
        snapped = np.minimum(snapped, size - 1)
        return smooth_noise(size, size / 2.5, generator)[np.ix_(snapped, snapped)] + 0.05 * blots
    if kind == WATER:
        return _water_course(size, generator)
    if kind == RANGELAND:
        _, _, field, _ = _plots(size, generator)
        return generator.random(field.max() + 1).astype(np.float32)[field] + 0.001 * blots
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
    for kind in (UNKNOWN, WATER, URBAN, FOREST, BARREN, RANGELAND):
        area = round(float(shares[kind]) * size * size)
        if area == 0:
            continue
        heights = np.where(free, _heights(kind, size, generator).ravel(), -np.inf)
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
        (0.38, 0.46, 0.26),
        (0.63, 0.60, 0.44),
    ],
    np.float32,
)


def _agriculture(size: int, generator: np.random.Generator) -> np.ndarray:
    """Fields in strips with tracks between them; each field has its own crop and direction of rows."""
    p, q, field, edge = _plots(size, generator)
    fields = int(field.max()) + 1
    colour = CROPS[generator.integers(0, len(CROPS), fields)] * generator.uniform(0.85, 1.15, (fields, 1)).astype(
        np.float32
    )
    period = generator.uniform(3.2, 7.0, fields).astype(np.float32)[field]
    strength = generator.choice([0.03, 0.1, 0.16], fields).astype(np.float32)[field]
    across = np.where((generator.random(fields) < 0.5)[field], p, q)
    rows = 1 + strength * np.sin(2 * np.pi * across / period)
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
    """Dry grass grown with scrub."""
    grass = _tint((0.57, 0.53, 0.34), 1 + 0.06 * fractal_noise(size, 30, generator, octaves=4))
    scrub = np.clip(1.5 * (smooth_noise(size, 2.0, generator) - 0.2), 0, 1)[..., None]
    return (1 - scrub) * grass + scrub * np.asarray((0.26, 0.30, 0.17), np.float32)


def _forest(size: int, generator: np.random.Generator) -> np.ndarray:
    """Tree crowns, lit from one side."""
    crowns = smooth_noise(size, generator.uniform(3.0, 4.5), generator)
    relief = crowns - np.roll(crowns, (1, 1), (0, 1))
    return _tint((0.17, 0.27, 0.15), 1 + 0.25 * relief + 0.12 * crowns + 0.08 * smooth_noise(size, 40, generator))


def _water(size: int, generator: np.random.Generator) -> np.ndarray:
    """Smooth water, blue, green or brown."""
    colours = [(0.17, 0.27, 0.40), (0.20, 0.31, 0.38), (0.16, 0.33, 0.40)]
    return _tint(colours[generator.integers(len(colours))], 1 + 0.05 * smooth_noise(size, 50, generator))


def _barren(size: int, generator: np.random.Generator) -> np.ndarray:
    """A quarry: pale rock in terraces."""
    depth = fractal_noise(size, 22, generator, octaves=2)
    ledges = np.clip(4 * np.sin(9 * depth) - 3, 0, 1)
    return _tint((0.80, 0.76, 0.68), 1 - 0.35 * ledges + 0.03 * smooth_noise(size, 3, generator))


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
    blur = generator.uniform(0.4, 0.7)
    for kind in np.unique(cover):
        weight = ndimage.gaussian_filter((cover == kind).astype(np.float32), blur, truncate=3)[..., None]
        image += weight * GROUNDS[kind](size, generator)
        total += weight
    image /= total
    season = 1 + generator.normal(0, 0.04, 3)
    haze, light = generator.uniform(0, 0.12), generator.uniform(0.85, 1.12)
    image = image * season * light * (1 + 0.05 * smooth_noise(size, size / 2, generator))[..., None]
    image = (
        (1 - haze) * image
        + haze * 0.6
        + generator.uniform(0.008, 0.025) * generator.standard_normal(image.shape, np.float32)
    )
    return to_bytes(image)


def annotate(cover: np.ndarray, generator: np.random.Generator, slip: float = 0.6) -> np.ndarray:
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
