"""Objects: each class is a shape with a texture, such as a striped star, in random colours.

The three image sets have different combinations of the same shapes and textures, so that features transfer between
them. Colour tells nothing: it is drawn anew for each image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dlcvlib.data.toy.shapes import OUTLINES, coverage
from dlcvlib.data.toy.textures import PATTERNS, smooth_noise, to_bytes

SIZES = (0.76, 0.9)
"""Smallest and largest radius of an object, as a share of half the image."""
PERIODS = (0.5, 0.65)
"""Shortest and longest period of a texture, as a share of the object's radius."""
DARK, MIDDLE, BRIGHT = 0.25, 0.5, 0.75
"""Brightness of a texture's two colours and of the background between them: the same in all images, since a
self-supervised method learns whatever two views of an image share, and that is to be shape and texture."""
SATURATION = np.float32(1.0)
"""Range of red, green and blue around a brightness: with more, colour is what a method learns that keeps it."""
LUMA = np.array((0.299, 0.587, 0.114), np.float32)


@dataclass(frozen=True)
class Concept:
    """The properties that define a class."""

    shape: str
    texture: str

    @property
    def name(self) -> str:
        """Readable name, such as `striped star`."""
        return f"{self.texture} {self.shape}"


def concepts(*shifts: int) -> tuple[Concept, ...]:
    """Return the classes of one or more shifts: shape k has texture k + shift.

    One shift has every shape and every texture once. With two, a texture alone leaves two classes to choose from, and
    so does a shape: both are needed. Sets without a common shift share no class.

    Raises:
        ValueError: a shift is not within 0 to 7.
    """
    shapes, textures = list(OUTLINES), list(PATTERNS)
    if outside := [shift for shift in shifts if not 0 <= shift < len(textures)]:
        raise ValueError(f"shift {outside[0]}: a shift is 0 to {len(textures) - 1}")
    return tuple(
        Concept(shape, textures[(k + shift) % len(textures)]) for shift in shifts for k, shape in enumerate(shapes)
    )


def _colour(brightness: float, generator: np.random.Generator) -> np.ndarray:
    """Draw a colour of any hue with the given brightness in [0, 1]; (3, 1, 1) float32 in [0, 1]."""
    colour = SATURATION * generator.random(3).astype(np.float32)
    colour += np.float32(brightness) - LUMA @ colour
    return np.clip(colour, 0, 1).reshape(3, 1, 1)


def _blend(image: np.ndarray, colour: np.ndarray, amount: np.ndarray) -> None:
    """Blend a colour, (3, 1, 1) or one per pixel, into an image (3, size, size) in place; `amount` is in [0, 1]."""
    image += amount * (colour - image)


def _pose(x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the object coordinates of every pixel for a random position, size, rotation and aspect, and the size."""
    size = generator.uniform(*SIZES)
    room = 0.95 - size
    right, down = generator.uniform(-room, room, 2).tolist()
    turn = generator.normal(0, math.radians(10))
    squeeze = math.exp(generator.normal(0, 0.08))
    cos, sin = math.cos(turn), math.sin(turn)
    u = ((x - right) * cos + (y - down) * sin) / (size * squeeze)
    v = ((y - down) * cos - (x - right) * sin) / (size / squeeze)
    return u, v, size


def _paint_background(x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Paint a soft background, from one colour to another; (3, size, size) float32 in about [0, 1]."""
    first, second = _colour(MIDDLE, generator), _colour(MIDDLE, generator)
    turn = generator.uniform(0, 2 * math.pi)
    blend = 0.5 + 0.35 * (x * math.cos(turn) + y * math.sin(turn))
    blend = blend + 0.15 * smooth_noise(len(x), len(x) / 3, generator)
    return first + blend * (second - first)


def _paint_object(
    image: np.ndarray, concept: Concept, u: np.ndarray, v: np.ndarray, pixel: float, generator: np.random.Generator
) -> None:
    """Paint the object over `image` in place; `pixel` is the size of a pixel in object units."""
    dark, bright = _colour(DARK, generator), _colour(BRIGHT, generator)
    inside = OUTLINES[concept.shape](u, v)
    image *= 1 - 0.45 * np.clip(inside * 5 + 0.8, 0, 1)  # soft shadow on the background
    blend = PATTERNS[concept.texture](u, v, generator.uniform(*PERIODS), generator)
    lit = 1 + 0.16 * np.clip(-u - v, -1, 1)  # light from the upper left
    _blend(image, (dark + blend * (bright - dark)) * lit, coverage(inside, pixel))


def _develop(image: np.ndarray, x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Add light, exposure and sensor noise, and convert to uint8."""
    turn = generator.uniform(0, 2 * math.pi)
    slope = generator.uniform(0, 0.25) * (x * math.cos(turn) + y * math.sin(turn))
    exposure = generator.uniform(0.7, 1.15) * generator.uniform(0.85, 1.1, (3, 1, 1)).astype(np.float32)
    image = image * (1 + slope) * exposure
    image = image + generator.uniform(0.01, 0.04) * generator.standard_normal(image.shape, np.float32)
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
    return _develop(image, x, y, generator)
