"""The small pictures of all samples in one file, since a thousand files in a page cost more than their pixels."""

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
    """Lay images out in rows, as many columns as rows or one more, cut to squares in the middle.

    Args:
        images: uint8 (N, 3, H, W).
        side: of each, in pixels; about 0.3 kB each for 24 pixels.

    Returns:
        JPEG of `ceil(sqrt(N))` columns; the part of the last row that is left is black.

    Raises:
        ValueError: images of another type or shape, or none.
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
