"""Image files to RGB, whatever they are stored as.

Pillow does it, and not `torchvision.io`: that is 1.3 to 1.9 times as fast a core, but takes the process down (a
segmentation fault) on a damaged PNG, leaves the EXIF orientation of WebP unread, and every image is decoded once only.
Where both read a file they agree to the bit.
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
"""Kind of problem of a file that gives no pixels."""
MOST_PIXELS = 2**26
"""Pixels of the largest image that is decoded, as of a camera of 60 megapixels; sixteen threads then hold 3 GB."""
LONGEST = 16
"""Length of an image, as a multiple of its shorter side, beyond which its ends are cut off before it is resized."""
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
        DataError: the file is missing, cannot be read, is empty, or is a pipe or a device.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked first: to open a pipe is to wait for its writer
            raise FileError(path, UNDECODABLE, "is no regular file but a folder, a pipe or a device; take it away")
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(path, UNDECODABLE, f"cannot be read ({error.strerror})") from error
    if not raw:
        raise FileError(path, UNDECODABLE, "the file is empty; fetch it anew")
    return raw


def decode_rgb(raw: bytes, path: Path) -> Image.Image:
    """Decode an image file to RGB, upright as its EXIF orientation says.

    Grey, palette, CMYK, 16-bit (its upper 8 bits are kept) and transparent images (alpha is dropped) all become RGB.

    Args:
        raw: the content of the file.
        path: its name, for the message.

    Raises:
        DataError: the file is no image, is damaged or cut short, is larger than any picture, or holds floating-point
            or 32-bit numbers, of which none is known to be white.
    """
    image = decode_as_stored(raw, path)
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):  # a PNG has 16 bits at most
        numbers = "floating-point" if image.mode == "F" else "32-bit"
        raise FileError(path, UNDECODABLE, f"holds {numbers} numbers, not shades from 0 to 255; save it with 8 bits")
    if image.mode.startswith("I"):  # Pillow's own conversion cuts 16-bit values off at 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    try:
        return image if image.mode == "RGB" else image.convert("RGB")
    except ValueError as error:
        raise FileError(path, UNDECODABLE, f"is stored as {image.mode}, which has no RGB; save it anew") from error


def decode_as_stored(raw: bytes, path: Path) -> Image.Image:
    """Decode an image file in the mode that it is stored in, upright; see `decode_rgb`.

    Raises:
        DataError: the file is no image, is damaged or cut short, or is larger than any picture.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(raw))
        _refuse_absurd(image.size, path)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        return image
    except FileError:
        raise
    except UnidentifiedImageError as error:
        raise FileError(path, UNDECODABLE, "is no image of a known format; fetch it anew") from error
    except Image.DecompressionBombError as error:
        raise FileError(path, UNDECODABLE, f"is larger than any picture ({error}); take it away") from error
    except Exception as error:  # a damaged file makes Pillow's readers raise almost anything, all meaning the same
        raise FileError(path, UNDECODABLE, f"cannot be decoded ({error}); fetch it anew") from error


def _refuse_absurd(size: tuple[int, int], path: Path) -> None:
    width, height = size
    if width * height > MOST_PIXELS:
        reason = f"is {width}x{height} pixels, and at most {MOST_PIXELS:,} are decoded; take it away or make it smaller"
        raise FileError(path, UNDECODABLE, reason)


def resized_square(image: Image.Image, size: int, resampling: Image.Resampling) -> Image.Image:
    """Shorter side to `size` pixels, then the centre (size, size), as torchvision's Resize and CenterCrop do."""
    image = _without_ends(image)
    width, height = image.size
    if width <= height:
        width, height = size, int(size * height / width)
    else:
        width, height = int(size * width / height), size
    left, top = round((width - size) / 2), round((height - size) / 2)
    if (width, height) != image.size:
        image = image.resize((width, height), resampling)
    return image.crop((left, top, left + size, top + size))


def _without_ends(image: Image.Image) -> Image.Image:
    """Cut the ends off a very long image: they lie outside the centre, and enlarged they could fill the memory."""
    width, height = image.size
    longest = LONGEST * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return image.crop((left, top, min(width, left + longest), min(height, top + longest)))
