"""Satellite masks from their files: training and `dlcv data check` read them here, and so agree on what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dlcvlib.data import palette
from dlcvlib.data.images import decode_as_stored
from dlcvlib.data.sets import FileError

COLOURED = ("RGB", "RGBA", "P", "PA")
"""Modes of Pillow that hold colours. The others hold shades or numbers, in which 0 and 255 alone would be classes."""
UNDOCUMENTED = "undocumented mask colour"
STRAY_PIXELS = 32
"""Pixels of undocumented colours that a mask may hold; they are read by `palette.class_ids`, pure red as Unknown.

The course's own masks hold pure red, at most 7 pixels a file. A mask in other colours (BGR, ids, the noise of a JPEG)
has thousands: it would train, silently, as Unknown.
"""
NAMED = 3
"""Colours that a message names."""


@dataclass(frozen=True)
class Mask:
    """One mask, read."""

    ids: np.ndarray  # uint8 (H, W), class ids 0..6
    stray: dict[tuple[int, int, int], int]  # pixels of each undocumented colour, STRAY_PIXELS at most in all

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.ids.shape[1], self.ids.shape[0]


def read_mask(raw: bytes, path: Path) -> Mask:
    """Read the class ids of a mask in the course's colours: an RGB image, or one with a palette; alpha is dropped.

    Args:
        raw: the content of the file.
        path: its name, for the message.

    Raises:
        DataError: the file cannot be decoded, is stored as grey, or has other colours than the course documents.
    """
    image = decode_as_stored(raw, path)
    if image.mode not in COLOURED:
        reason = f"is stored as {image.mode}, without colours, so its values are no classes of the course; {_CURE}"
        raise FileError(path, UNDOCUMENTED, reason)
    ids, stray = palette.ids_and_undocumented(np.asarray(image if image.mode == "RGB" else image.convert("RGB")))
    if sum(stray.values()) > STRAY_PIXELS:
        raise FileError(path, UNDOCUMENTED, f"{in_words(stray)}; {_CURE}")
    return Mask(ids, stray)


_CURE = "save it as a PNG in the seven colours of the course (RGB, not resampled; a JPEG changes colours)"


def require_size_of(mask: Mask, path: Path, image: Image.Image, image_path: Path) -> None:
    """Make certain that a mask is as large as its image.

    Raises:
        DataError: it is not.
    """
    if mask.size != image.size:
        reason = f"is {_by(mask.size)} pixels, but its image {image_path.name} is {_by(image.size)}; fetch both anew"
        raise FileError(path, "mask of another size than its image", reason)


def in_words(colours: dict[tuple[int, int, int], int]) -> str:
    """Say which undocumented colours a mask has, and in how many pixels."""
    first = ", ".join(
        f"{colour} in {count:,} pixel{'s' if count > 1 else ''}" for colour, count in list(colours.items())[:NAMED]
    )
    more = f" and {len(colours) - NAMED:,} more" if len(colours) > NAMED else ""
    return f"has colours that the course does not document: {first}{more}"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
