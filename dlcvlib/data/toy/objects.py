"""Objects: each class is a combination of a shape, a texture and an arrangement, in random colours.

The three image sets have different combinations of the same elements, so that features transfer between them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from dlcvlib.data.toy.shapes import OUTLINES, coverage
from dlcvlib.data.toy.textures import PATTERNS, smooth_noise, to_bytes

ARRANGEMENTS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "single": ((0.0, 0.0, 1.0),),
    "hollow": ((0.0, 0.0, 1.0),),
    "pair": ((-0.5, 0.0, 0.62), (0.5, 0.0, 0.62)),
    "tower": ((0.0, -0.5, 0.62), (0.0, 0.5, 0.62)),
}
"""Arrangements by name: the parts of an object as (right, down, size) in object units. A hollow object has a hole."""


@dataclass(frozen=True)
class Concept:
    """The properties that define a class."""

    shape: str
    texture: str
    arrangement: str

    @property
    def name(self) -> str:
        """Readable name, such as `striped star pair`."""
        name = f"{self.texture} {self.shape}"
        return name if self.arrangement == "single" else f"{name} {self.arrangement}"


def concepts(first: int, count: int) -> tuple[Concept, ...]:
    """Return the concepts `first` to `first + count - 1` of 256.

    They are numbered in a fixed shuffled order, the same for every seed: ranges that do not overlap share no concept,
    and a range of 50 contains every shape, texture and arrangement several times, so that all three are needed to
    classify.

    Raises:
        ValueError: the range is not within 0 to 255.
    """
    combinations = list(product(OUTLINES, PATTERNS, ARRANGEMENTS))
    if first < 0 or count < 0 or first + count > len(combinations):
        last = len(combinations) - 1
        raise ValueError(f"no concepts {first} to {first + count - 1}: they are numbered 0 to {last}")
    order = np.random.default_rng(0).permutation(len(combinations))
    return tuple(Concept(*combinations[code]) for code in order[first : first + count])


def _colour_pair(generator: np.random.Generator) -> np.ndarray:
    """Draw two colours of any hue that differ clearly in brightness; (2, 3, 1, 1) float32 in [0, 1]."""
    hues = generator.random((2, 3)).astype(np.float32)
    hues -= hues.mean(axis=1, keepdims=True)
    dark = generator.uniform(0.1, 0.45)
    bright = dark + generator.uniform(0.3, 0.5)
    levels = np.array([dark, bright], np.float32)[generator.permutation(2)]
    return np.clip(levels[:, None] + 0.7 * hues, 0, 1).reshape(2, 3, 1, 1)


def _blend(image: np.ndarray, colour: np.ndarray, amount: np.ndarray) -> None:
    """Blend a colour, (3, 1, 1) or one per pixel, into an image (3, size, size) in place; `amount` is in [0, 1]."""
    image += amount * (colour - image)


def _pose(x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the object coordinates of every pixel for a random position, size, rotation and aspect, and the size."""
    size = generator.uniform(0.58, 0.84)
    room = 0.95 - size
    right, down = generator.uniform(-room, room, 2).tolist()
    turn = generator.normal(0, math.radians(9))
    squeeze = math.exp(generator.normal(0, 0.08))
    cos, sin = math.cos(turn), math.sin(turn)
    u = ((x - right) * cos + (y - down) * sin) / (size * squeeze)
    v = ((y - down) * cos - (x - right) * sin) / (size / squeeze)
    return u, v, size


def _paint_background(x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Paint a textured background with small shapes; (3, size, size) float32 in about [0, 1]."""
    size = len(x)
    first, second = _colour_pair(generator)
    weight = generator.uniform(0.2, 0.6)  # less contrast than the object's texture
    pattern = list(PATTERNS.values())[generator.integers(len(PATTERNS))]
    turn = generator.uniform(0, math.pi)
    u = x * math.cos(turn) + y * math.sin(turn)
    v = y * math.cos(turn) - x * math.sin(turn)
    blend = weight * pattern(u, v, generator.uniform(0.3, 0.9), generator)
    blend += 0.12 * smooth_noise(size, size / 4, generator)
    image = first + blend * (second - first)
    outlines = list(OUTLINES.values())
    for _ in range(generator.integers(1, 5)):
        small = generator.uniform(0.08, 0.22)
        right, down = generator.uniform(-1, 1, 2).tolist()
        inside = outlines[generator.integers(len(outlines))]((x - right) / small, (y - down) / small)
        _blend(image, generator.random((3, 1, 1), np.float32), coverage(inside, 2 / size / small))
    return image


def _paint_object(
    image: np.ndarray, concept: Concept, u: np.ndarray, v: np.ndarray, pixel: float, generator: np.random.Generator
) -> None:
    """Paint the parts of an object over `image` in place; `pixel` is the size of a pixel in object units."""
    first, second = _colour_pair(generator)
    period = generator.uniform(0.36, 0.5)
    outline, pattern = OUTLINES[concept.shape], PATTERNS[concept.texture]
    for right, down, part in ARRANGEMENTS[concept.arrangement]:
        part_u, part_v = (u - right) / part, (v - down) / part
        inside = outline(part_u, part_v)
        if concept.arrangement == "hollow":
            inside = np.minimum(inside, -outline(part_u / 0.5, part_v / 0.5) * 0.5)
        image *= 1 - 0.45 * np.clip(inside * 5 + 0.8, 0, 1)  # soft shadow on the background
        blend = pattern(part_u, part_v, period / part**0.7, generator)
        colours = first + blend * (second - first)
        lit = 1 + 0.16 * np.clip(-part_u - part_v, -1, 1)  # light from the upper left
        _blend(image, colours * lit, coverage(inside, pixel / part))


def _paint_occluder(image: np.ndarray, x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> None:
    """Paint a bar over the image in place."""
    turn, away = generator.uniform(0, math.pi), generator.uniform(-0.7, 0.7)
    half_width = generator.uniform(0.06, 0.17)
    distance = np.abs(x * math.cos(turn) + y * math.sin(turn) - away)
    _blend(image, generator.random((3, 1, 1), np.float32), coverage(half_width - distance, 2 / len(x)))


def _develop(image: np.ndarray, x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Add light, exposure and sensor noise, and convert to uint8."""
    turn = generator.uniform(0, 2 * math.pi)
    slope = generator.uniform(0, 0.25) * (x * math.cos(turn) + y * math.sin(turn))
    exposure = generator.uniform(0.7, 1.15) * generator.uniform(0.85, 1.1, (3, 1, 1)).astype(np.float32)
    image = image * (1 + slope) * exposure
    image = image + generator.uniform(0.01, 0.06) * generator.standard_normal(image.shape, np.float32)
    return to_bytes(image.transpose(1, 2, 0))


def draw_object(concept: Concept, size: int, generator: np.random.Generator) -> np.ndarray:
    """Draw one image of a class.

    Args:
        concept: the class.
        size: side of the image, pixels.
        generator: source of all differences between images of a class.

    Returns:
        (size, size, 3) uint8, RGB.
    """
    axis = ((np.arange(size, dtype=np.float32) + 0.5) * 2 / size - 1).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    image = _paint_background(x, y, generator)
    u, v, scale = _pose(x, y, generator)
    _paint_object(image, concept, u, v, 2 / size / scale, generator)
    if generator.random() < 0.35:
        _paint_occluder(image, x, y, generator)
    return _develop(image, x, y, generator)
