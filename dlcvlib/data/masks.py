"""Reading satellite masks, for both training and `dlcv data check`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dlcvlib.data import palette
from dlcvlib.data.images import decode_as_stored
from dlcvlib.data.sets import FileError

COLOURED = ("RGB", "RGBA", "P", "PA")
"""Modes of Pillow that hold colours; masks in other modes are refused."""
UNDOCUMENTED = "undocumented mask colour"
STRAY_PIXELS = 32
"""Maximum number of pixels in undocumented colours; `palette.class_ids` reads them, pure red as Unknown.

The course's masks hold up to 7 pixels of pure red. A mask in wrong colours (BGR, class ids, JPEG noise) has thousands,
and would silently be trained as Unknown.
"""
SHOWN = 3
"""Maximum number of colours in a message."""


@dataclass(frozen=True)
class Mask:
    """A mask."""

    ids: np.ndarray  # uint8 (H, W), class ids 0..6
    stray: dict[tuple[int, int, int], int]  # pixels of each undocumented colour, at most STRAY_PIXELS in total

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.ids.shape[1], self.ids.shape[0]


def read_mask(raw: bytes, path: Path) -> Mask:
    """Read the class ids of a mask in the course's colours: an RGB image, or one with a palette; alpha is dropped.

    Args:
        raw: content of the file.
        path: for the error message.

    Raises:
        DataError: the file cannot be decoded, is stored as grey, or has undocumented colours.
    """
    image = decode_as_stored(raw, path)
    if image.mode not in COLOURED:
        reason = f"is stored as {image.mode}, without colours; {_CURE}"
        raise FileError(path, UNDOCUMENTED, reason)
    ids, stray = palette.ids_and_undocumented(np.asarray(image if image.mode == "RGB" else image.convert("RGB")))
    if sum(stray.values()) > STRAY_PIXELS:
        raise FileError(path, UNDOCUMENTED, f"{in_words(stray)}; {_CURE}")
    return Mask(ids, stray)


_CURE = "save it as a PNG in the seven colours of the course (RGB, not resampled; a JPEG changes colours)"


def require_size_of(mask: Mask, path: Path, image: Image.Image, image_path: Path) -> None:
    """Raise an error if a mask and its image differ in size.

    Raises:
        DataError: they do.
    """
    if mask.size != image.size:
        reason = (
            f"is {_by(mask.size)} pixels, but its image {image_path.name} is {_by(image.size)}; download both again"
        )
        raise FileError(path, "mask of another size than its image", reason)


def in_words(colours: dict[tuple[int, int, int], int]) -> str:
    """Return a message about undocumented colours and their numbers of pixels."""
    first = ", ".join(
        f"{colour} in {count:,} pixel{'s' if count > 1 else ''}" for colour, count in list(colours.items())[:SHOWN]
    )
    more = f" and {len(colours) - SHOWN:,} more" if len(colours) > SHOWN else ""
    return f"has colours that the course does not document: {first}{more}"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
