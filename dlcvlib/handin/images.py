"""Which images a folder or a csv asks for, and what one of them looks like to a network."""

from __future__ import annotations

import csv
import io
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlcvlib.data import DataError
from dlcvlib.data.images import IMAGE_SUFFIXES, decode_rgb, is_image, natural, read_bytes, resized_square

COLUMNS = ("id", "filename")
"""Which a given csv must have; its labels are what is asked for."""


@dataclass(frozen=True)
class Loaded:
    """One image, decoded."""

    pixels: Tensor  # uint8 (3, H, W), as the network is given it
    size: tuple[int, int]  # height and width of the file


@dataclass(frozen=True)
class Faulty:
    """One image of which nothing can be predicted."""

    reason: str  # names the file
    size: tuple[int, int] | None = None  # height and width, where they could be read


@dataclass(frozen=True)
class Row:
    """One row of a given csv."""

    id: str
    filename: str
    file: Path


def images_in(folder: Path) -> list[Path]:
    """Every image of a folder, in the natural order of the names.

    Raises:
        DataError: it is no folder, holds no image, or one whose name is not UTF-8, which no csv could say.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder of images; name the one that holds them")
    files = sorted((file for file in folder.iterdir() if is_image(file.name)), key=lambda file: natural(file.name))
    if not files:
        raise DataError(f"{folder} holds no image ({', '.join(suffix[1:] for suffix in IMAGE_SUFFIXES)})")
    for file in files:
        try:
            file.name.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{folder}: the name {file.name!a} is not UTF-8 text; rename that image") from error
    return files


def tiles_in(folder: Path) -> dict[str, Path]:
    """Satellite images NNNN_sat.* of a folder by the name of the mask that each asks for; masks are passed over.

    Raises:
        DataError: there is none, an image has another name, or two ask for the same mask.
    """
    found: dict[str, Path] = {}
    for file in images_in(folder):
        number, _, role = file.stem.rpartition("_")
        if role.lower() == "mask":
            continue
        if role.lower() != "sat" or not number:
            raise DataError(f"{file}: the name is not NNNN_sat, so its mask has no name; rename it or take it away")
        name = f"{number}_mask.png"
        if name in found:
            raise DataError(f"{file}: {found[name].name} asks for the same mask, {name}; keep one of them")
        found[name] = file
    if not found:
        raise DataError(f"{folder} holds masks only, no image NNNN_sat.jpg")
    return found


def rows_of(csv_file: Path, folder: Path) -> list[Row]:
    """Rows of a given csv, in its order; some leave the suffix of an image out.

    Raises:
        DataError: the csv is missing, unreadable, lacks a column, or holds no row.
    """
    named = {file.stem: file for file in images_in(folder)}
    table = _cells(csv_file)
    header = [column.strip().lower() for column in table[0]] if table else []
    if any(column not in header for column in COLUMNS):
        raise DataError(f"{csv_file}: needs the columns {' and '.join(COLUMNS)}; it has {', '.join(header) or 'none'}")
    if len(table) == 1:
        raise DataError(f"{csv_file}: holds no row below its header")
    rows = []
    for number, cells in enumerate(table[1:], start=1):
        if len(cells) != len(header):
            raise DataError(f"{csv_file}: row {number} has {len(cells)} columns, the header has {len(header)}")
        values = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        exact = folder / values["filename"]
        file = exact if _is_file(exact) else named.get(values["filename"], exact)
        rows.append(Row(values["id"], values["filename"], file))
    return rows


def _cells(csv_file: Path) -> list[list[str]]:
    """The rows of a csv that are not empty."""
    try:
        text = _content(csv_file).decode("utf-8-sig")
        if "\0" in text:
            line = text[: text.index("\0")].count("\n") + 1
            raise DataError(f"{csv_file}: line {line} holds a NUL, so it is no csv of UTF-8 text; save it as such")
        return [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except UnicodeDecodeError as error:
        raise DataError(f"{csv_file}: is not UTF-8 text ({error}); save it as such") from error
    except csv.Error as error:
        raise DataError(f"{csv_file}: is no csv that can be read ({error}); mend it") from error


def _content(file: Path) -> bytes:
    """Content of a file; one that is none, such as a pipe, could keep its reader waiting for ever.

    Raises:
        DataError: it cannot be read, or is empty.
    """
    with suppress(OSError):  # if it is not there, or may not be looked at, reading says so
        if not stat.S_ISREG(file.stat().st_mode):
            raise DataError(f"{file}: is a folder, a pipe or a device; a file is needed")
    return read_bytes(file)


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # such as a name that is too long for one
        return False


def read_image(file: Path, size: int | None) -> Loaded | Faulty:
    """Decode as `dlcvlib.data.decode` does."""
    try:
        image = decode_rgb(_content(file), file)
    except DataError as error:
        return Faulty(str(error))
    height_and_width = (image.height, image.width)
    if size is not None:
        image = resized_square(image, size, Image.Resampling.BILINEAR)
    return Loaded(torch.from_numpy(np.array(image).transpose(2, 0, 1)), height_and_width)


def read_tile(file: Path, size: int | None) -> Loaded | Faulty:
    """As `read_image`; but a mask covers its whole image, of which the network sees the centre square."""
    loaded = read_image(file, size)
    if isinstance(loaded, Loaded) and loaded.size[0] != loaded.size[1]:
        height, width = loaded.size
        return Faulty(f"{file}: is {width}x{height} pixels; tiles are squares, so cut it into some", loaded.size)
    return loaded
