"""Image files to RGB, whatever they are stored as.

Pillow does it, and not `torchvision.io`: that is 1.3 to 1.9 times as fast a core, but takes the process down (a
segmentation fault) on a damaged PNG, leaves the EXIF orientation of WebP unread, and every image is decoded once only.
Where both read a file they agree to the bit.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dlcvlib.data.sets import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_DIGITS = re.compile(r"([0-9]+)")


def is_image(name: str) -> bool:
    """Whether a file of this name is taken for an image: by its suffix, in any case; hidden files are not."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def natural(name: str) -> list[str | int]:
    """Sort key by which `0_2.png` comes before `0_10.png`."""
    parts: list[str | int] = list(_DIGITS.split(name))  # text and digits in turn
    parts[1::2] = [int(digits) for digits in parts[1::2]]
    return parts


def read_bytes(path: Path) -> bytes:
    """Content of a file.

    Raises:
        DataError: the file is missing, cannot be read, or is empty.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not raw:
        raise DataError(f"{path}: the file is empty; fetch it anew")
    return raw


def decode_rgb(raw: bytes, path: Path) -> Image.Image:
    """Decode an image file to RGB, upright as its EXIF orientation says.

    Grey, palette, CMYK, 16-bit (its upper 8 bits are kept) and transparent images (alpha is dropped) all become RGB.

    Args:
        raw: the content of the file.
        path: its name, for the message.

    Raises:
        DataError: the file is no image, or is damaged or cut short.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(raw))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode.startswith("I"):  # Pillow's own conversion cuts 16-bit values off at 255
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return image if image.mode == "RGB" else image.convert("RGB")
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is no image of a known format; fetch it anew") from error
    except (
        Exception
    ) as error:  # a damaged file makes Pillow's readers raise almost anything; all of it means the same here
        raise DataError(f"{path}: cannot be decoded ({error}); fetch it anew") from error


def resized_square(image: Image.Image, size: int, resampling: Image.Resampling) -> Image.Image:
    """Shorter side to `size` pixels, then the centre (size, size), as torchvision's Resize and CenterCrop do."""
    width, height = image.size
    if width <= height:
        width, height = size, int(size * height / width)
    else:
        width, height = int(size * width / height), size
    left, top = round((width - size) / 2), round((height - size) / 2)
    if (width, height) != image.size:
        image = image.resize((width, height), resampling)
    return image.crop((left, top, left + size, top + size))
