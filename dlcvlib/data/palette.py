"""Colours of the satellite masks, and conversion between colours and class ids.

Each channel is thresholded at 128, so that a colour becomes a 3-bit code. Pure red is not documented by the course but
occurs in 27 pixels of 12 of its masks; it becomes Unknown. `dlcvlib.data.masks` refuses masks with many such pixels.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

CLASS_NAMES = ("Urban", "Agriculture", "Rangeland", "Forest", "Water", "Barren", "Unknown")
UNKNOWN = 6
COLOURS = np.array(  # uint8 (7, 3), RGB of class ids 0..6
    [(0, 255, 255), (255, 255, 0), (255, 0, 255), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)], dtype=np.uint8
)


def _codes(rgb: np.ndarray) -> np.ndarray:
    bits = rgb >> 7
    return (bits[..., 0] << 2) | (bits[..., 1] << 1) | bits[..., 2]


_CLASS_OF_CODE = np.full(8, UNKNOWN, dtype=np.uint8)
_CLASS_OF_CODE[_codes(COLOURS)] = np.arange(len(COLOURS), dtype=np.uint8)
_RED = 4  # the only code without a documented colour
_PIECE = 2**14  # bytes, less than a CPU's L1 cache


def class_ids(rgb: np.ndarray) -> np.ndarray:
    """Convert mask colours to class ids.

    Args:
        rgb: uint8 (..., 3).

    Returns:
        uint8 (...), 0..6; pure red, which the course does not document, becomes Unknown, 6.
    """
    return _CLASS_OF_CODE.take(_codes(rgb))


def ids_and_undocumented(rgb: np.ndarray) -> tuple[np.ndarray, dict[tuple[int, int, int], int]]:
    """Convert mask colours to class ids, and count the pixels of every undocumented colour.

    Args:
        rgb: uint8 (..., 3).

    Returns:
        class ids, see `class_ids`; and the number of pixels of each colour that is not exactly one of the seven, most
        frequent first.
    """
    codes = _codes(rgb)
    ids, red = _CLASS_OF_CODE.take(codes), codes == _RED
    if _is_extreme(rgb) and not red.any():
        return ids, {}
    odd = rgb[((rgb != 0) & (rgb != 255)).any(axis=-1) | red].astype(np.uint32)
    packed, counts = np.unique((odd[:, 0] << 16) | (odd[:, 1] << 8) | odd[:, 2], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return ids, {_unpacked(int(packed[i])): int(counts[i]) for i in order}


def _is_extreme(rgb: np.ndarray) -> bool:
    """Return True if every value is 0 or 255; computed in pieces, faster than with a temporary as large as `rgb`."""
    values = rgb.reshape(-1)
    pieces = (values[start : start + _PIECE] for start in range(0, values.size, _PIECE))
    return all((piece + np.uint8(1)).max() <= 1 for piece in pieces)  # 255 becomes 0


def _unpacked(colour: int) -> tuple[int, int, int]:
    return colour >> 16, colour >> 8 & 255, colour & 255


def png(ids: np.ndarray) -> bytes:
    """Return a PNG file of class ids with the course's colours as its palette.

    Args:
        ids: uint8 (H, W), 0..6.

    Raises:
        ValueError: another dtype or shape, or an id above 6.
    """
    _check_ids(ids)
    image = Image.fromarray(ids).convert("P")
    image.putpalette(COLOURS.tobytes())
    file = io.BytesIO()
    image.save(file, "PNG")  # optimize=True takes ten times as long and saves a tenth
    return file.getvalue()


def rgb_png(ids: np.ndarray) -> bytes:
    """Return an RGB PNG file of class ids in the course's colours, the format of its masks.

    Args:
        ids: uint8 (H, W), 0..6.

    Raises:
        ValueError: another dtype or shape, or an id above 6.
    """
    _check_ids(ids)
    file = io.BytesIO()
    Image.fromarray(COLOURS[ids]).save(file, "PNG")
    return file.getvalue()


def _check_ids(ids: np.ndarray) -> None:
    if ids.dtype != np.uint8 or ids.ndim != 2 or ids.size == 0 or ids.max() >= len(COLOURS):
        most = ids.max() if ids.size else "nothing"
        raise ValueError(f"ids must be uint8 (H, W) of at most {UNKNOWN}, got {ids.dtype} {ids.shape} up to {most}")


def read_png(file: Path) -> np.ndarray:
    """Read a mask in the course's colours as class ids, uint8 (H, W).

    Raises:
        ValueError: the file is not an image; the message names it.
    """
    return read_png_bytes(file.read_bytes(), file)


def read_png_bytes(content: bytes, file: Path) -> np.ndarray:
    """Return the class ids in the content of `file`; see `read_png`."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return class_ids(np.asarray(image.convert("RGB")))
    except Exception as error:  # on a damaged file, Pillow raises almost anything
        raise ValueError(f"{file} cannot be read as an image ({error}); remove it and make it again") from error
