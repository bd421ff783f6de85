"""Maps as a still picture, for print and until the script draws."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from dlcvlib.views.palette import NEUTRAL, rgb
from dlcvlib.views.scrubbers.symbols import POLYGONS

SIDE, GAP, EDGE = 440, 16, 10  # pixels: side of a map, between maps, and margin around the dots
FINER = 2  # supersampling, for smooth edges
FRAME = (*rgb(NEUTRAL), 96)


def maps_png(maps: Sequence[np.ndarray], labels: np.ndarray, styles: Sequence[tuple[str, str]], limit: float) -> bytes:
    """Draw maps side by side on a transparent background, for light and dark pages.

    Args:
        maps: each (N, 2), in [-limit, limit].
        labels: integer (N,), into `styles`.
        styles: a (colour, symbol) pair for each class.
        limit: half the side of the square shown.

    Returns:
        PNG of at most 256 colours.
    """
    width = len(maps) * SIDE + (len(maps) - 1) * GAP
    canvas = Image.new("RGBA", (width * FINER, SIDE * FINER))
    draw = ImageDraw.Draw(canvas)
    radius = FINER * (3.5 if len(labels) < 4000 else 2.5)
    marks = [np.reshape(POLYGONS[symbol], (-1, 2)) * (radius, -radius) for _, symbol in styles]
    for number, points in enumerate(maps):
        left, side = number * (SIDE + GAP) * FINER, SIDE * FINER
        draw.rectangle((left, 0, left + side - 1, side - 1), outline=FRAME, width=FINER)
        centres = points / limit * (1, -1) * (side / 2 - EDGE * FINER) + side / 2 + (left, 0)
        for centre, label in zip(centres, labels, strict=True):
            colour = rgb(styles[label][0])
            draw.polygon([tuple(corner) for corner in marks[label] + centre], fill=(*colour, 255))
    file = io.BytesIO()
    small = canvas.resize((width, SIDE), Image.Resampling.BOX)
    small.quantize(64, Image.Quantize.FASTOCTREE).save(file, "PNG", optimize=True)
    return file.getvalue()
