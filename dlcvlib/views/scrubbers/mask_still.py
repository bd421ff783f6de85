"""Images and masks as a still picture, for print and until the script draws."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from dlcvlib.data import palette

SIDE, GAP, COLOURS = 128, 6, 64
"""Width of a cell and gap in pixels, and number of colours."""


def coloured(masks: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Paint class ids, integer (H, W), in the course's colours: uint8 (H, W, 3) each."""
    return [palette.COLOURS[ids] for ids in masks]


def still(rows: Sequence[Sequence[np.ndarray]], *, colours: int = COLOURS) -> bytes:
    """PNG of pictures, uint8 (H, W, 3), in rows with transparent gaps, for light and dark pages."""
    scaled = [[Image.fromarray(pixels).resize(_size(pixels)) for pixels in row] for row in rows]
    step, heights = SIDE + GAP, [max(picture.height for picture in row) for row in scaled]
    whole = (step * len(rows[0]) - GAP, sum(heights) + GAP * (len(rows) - 1))
    sheet, top = Image.new("RGBA", whole), 0
    for row, height in zip(scaled, heights, strict=True):
        for column, picture in enumerate(row):
            sheet.paste(picture, (column * step, top))
        top += height + GAP
    file = io.BytesIO()
    # Few colours suffice for a still picture, and take a fifth of the bytes.
    sheet.quantize(colours, method=Image.Quantize.FASTOCTREE).save(file, "PNG", optimize=True)
    return file.getvalue()


def _size(pixels: np.ndarray) -> tuple[int, int]:
    return SIDE, max(1, round(SIDE * pixels.shape[0] / pixels.shape[1]))
