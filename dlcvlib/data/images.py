"""Decoding of image files to RGB.

Pillow is used instead of `torchvision.io`, which is 1.3 to 1.9 times as fast per core and equal to the bit, but crashes
(segmentation fault) on a damaged PNG and ignores the EXIF orientation of WebP. Every image is decoded only once.
"""

from __future__ import annotations

import io
import re
import stat
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dlcvlib.data.sets import FileError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
UNDECODABLE = "undecodable file"
"""Kind of the problem for a file that cannot be decoded."""
MAX_PIXELS = 2**26
"""Maximum size of an image, about that of a 60-megapixel camera; sixteen threads then need 3 GB."""
MAX_RATIO = 16
"""Maximum ratio of the sides of an image; a longer one is cropped before it is resized."""
_DIGITS = re.compile(r"([0-9]+)")


def is_image(name: str) -> bool:
    """Return True if the suffix is one of an image, in upper or lower case, and the file is not hidden."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def natural(name: str) -> list[str | int]:
    """Return a sort key for natural order: `0_2.png` before `0_10.png`."""
    parts: list[str | int] = list(_DIGITS.split(name))  # text and digits alternate
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return parts


def read_bytes(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        DataError: the file is missing, cannot be read, is empty, or is a pipe or a device.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            raise FileError(path, UNDECODABLE, "is not a regular file but a folder, a pipe or a device; remove it")
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(path, UNDECODABLE, f"cannot be read ({error.strerror})") from error
    if not raw:
        raise FileError(path, UNDECODABLE, "the file is empty; download it again")
    return raw


def decode_rgb(raw: bytes, path: Path) -> Image.Image:
    """Decode an image file to RGB, rotated by its EXIF orientation.

    Grey, palette, CMYK, 16-bit (the upper 8 bits are used) and transparent images (alpha is dropped) become RGB.

    Args:
        raw: content of the file.
        path: for the error message.

    Raises:
        DataError: the file is not an image, is damaged or incomplete, has more than `MAX_PIXELS`, or holds
            floating-point or 32-bit values, whose range is unknown.
    """
    image = decode_as_stored(raw, path)
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):  # a PNG has 16 bits at most
        numbers = "floating-point" if image.mode == "F" else "32-bit"
        raise FileError(path, UNDECODABLE, f"holds {numbers} values, not 0 to 255; save it with 8 bits")
    if image.mode.startswith("I"):  # Pillow's own conversion clips 16-bit values at 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    try:
        return image if image.mode == "RGB" else image.convert("RGB")
    except ValueError as error:
        raise FileError(path, UNDECODABLE, f"is stored as {image.mode}; save it as RGB") from error


def decode_as_stored(raw: bytes, path: Path) -> Image.Image:
    """Decode an image file without converting its mode, rotated by its EXIF orientation; see `decode_rgb`.

    Raises:
        DataError: the file is not an image, is damaged or incomplete, or has more than `MAX_PIXELS`.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(raw))
        _check_size(image.size, path)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return image
    except FileError:
        raise
    except UnidentifiedImageError as error:
        raise FileError(path, UNDECODABLE, "is not an image of a known format; download it again") from error
    except Image.DecompressionBombError as error:
        raise FileError(path, UNDECODABLE, f"is too large ({error}); remove it") from error
    except Exception as error:  # on a damaged file, Pillow raises almost anything
        raise FileError(path, UNDECODABLE, f"cannot be decoded ({error}); download it again") from error


def _check_size(size: tuple[int, int], path: Path) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        reason = f"is {width}x{height} pixels, more than the maximum of {MAX_PIXELS:,}; remove it or make it smaller"
        raise FileError(path, UNDECODABLE, reason)


def resized_square(image: Image.Image, size: int, resampling: Image.Resampling) -> Image.Image:
    """Resize the shorter side to `size` and crop the centre (size, size), as torchvision's Resize and CenterCrop do."""
    image = _limit_ratio(image)
    width, height = image.size
    if width <= height:
        width, height = size, int(size * height / width)
    else:
        width, height = int(size * width / height), size
    left, top = round((width - size) / 2), round((height - size) / 2)
    if (width, height) != image.size:
        image = image.resize((width, height), resampling)
    return image.crop((left, top, left + size, top + size))


def _limit_ratio(image: Image.Image) -> Image.Image:
    """Crop the ends of a very long image; they are outside the centre, and resizing them could fill the memory."""
    width, height = image.size
    longest = MAX_RATIO * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return image.crop((left, top, min(width, left + longest), min(height, top + longest)))
