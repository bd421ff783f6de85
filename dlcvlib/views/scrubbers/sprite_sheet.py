"""Thumbnails of all samples in one JPEG, smaller than a thousand files."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

from dlcvlib.views.images import channels_last

SIDE = 24  # pixels of a picture
QUALITY = 60  # of the JPEG


def sprite_sheet(images: Tensor | np.ndarray, side: int = SIDE) -> bytes:
    """Arrange the centre squares of images in a grid.

    Args:
        images: uint8 (N, 3, H, W).
        side: side of a thumbnail in pixels; photographs take about 0.14 kB each at 24 pixels.

    Returns:
        JPEG of `ceil(sqrt(N))` columns; unused cells of the last row are black.

    Raises:
        ValueError: images of another dtype or shape, or none.
    """
    pixels = channels_last(images)
    columns = math.ceil(math.sqrt(len(pixels)))
    sheet = Image.new("RGB", (columns * side, math.ceil(len(pixels) / columns) * side))
    for number, image in enumerate(pixels):
        small = ImageOps.fit(Image.fromarray(np.ascontiguousarray(image)), (side, side))
        sheet.paste(small, (number % columns * side, number // columns * side))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()
