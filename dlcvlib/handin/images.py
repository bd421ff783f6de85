"""Listing the images of a folder or a csv, and decoding one for a network."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlcvlib.data import DataError
from dlcvlib.data.images import IMAGE_SUFFIXES, decode_rgb, is_image, natural, read_bytes, resized_square

COLUMNS = ("id", "filename")
"""Required columns of the course's csv; its labels are not read."""


@dataclass(frozen=True)
class Loaded:
    """A decoded image."""

    pixels: Tensor  # uint8 (3, H, W), the input of the network
    size: tuple[int, int]  # height and width of the file


@dataclass(frozen=True)
class Faulty:
    """An image that cannot be read."""

    reason: str  # names the file
    size: tuple[int, int] | None = None  # height and width, if they could be read


@dataclass(frozen=True)
class Row:
    """A row of the course's csv."""

    id: str
    filename: str
    file: Path


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder in natural order of their names.

    Raises:
        DataError: `folder` is not a folder, holds no image, or an image whose name is not UTF-8.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the folder of the images")
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
    """Return the satellite images NNNN_sat.* of a folder by the name of their mask; mask files are skipped.

    Raises:
        DataError: there is no image, one has another name, or two have the same mask name.
    """
    tiles: dict[str, Path] = {}
    for file in images_in(folder):
        number, _, role = file.stem.rpartition("_")
        if role.lower() == "mask":
            continue
        if role.lower() != "sat" or not number:
            raise DataError(f"{file}: the name is not NNNN_sat, so its mask has no name; rename or remove it")
        name = f"{number}_mask.png"
        if name in tiles:
            raise DataError(f"{file}: {tiles[name].name} has the same mask name, {name}; keep one of them")
        tiles[name] = file
    if not tiles:
        raise DataError(f"{folder} holds masks only, no image NNNN_sat.jpg")
    return tiles


def rows_of(csv_file: Path, folder: Path) -> list[Row]:
    """Return the rows of the course's csv, in order; file names may lack their suffix.

    Raises:
        DataError: the csv is missing, unreadable, lacks a column, or holds no row.
    """
    by_stem = {file.stem: file for file in images_in(folder)}
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
        file = exact if _is_file(exact) else by_stem.get(values["filename"], exact)
        rows.append(Row(values["id"], values["filename"], file))
    return rows


def _cells(csv_file: Path) -> list[list[str]]:
    """Return the non-empty rows of a csv."""
    try:
        text = read_bytes(csv_file).decode("utf-8-sig")
        if "\0" in text:
            line = text[: text.index("\0")].count("\n") + 1
            raise DataError(f"{csv_file}: line {line} holds a NUL byte, so it is not a csv; save it as UTF-8 text")
        return [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except UnicodeDecodeError as error:
        raise DataError(f"{csv_file}: is not UTF-8 text ({error}); save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"{csv_file}: cannot be read as csv ({error}); correct it") from error


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # such as a name that is too long
        return False


def read_image(file: Path, size: int | None) -> Loaded | Faulty:
    """Decode an image as `dlcvlib.data.decode` does."""
    try:
        image = decode_rgb(read_bytes(file), file)
    except DataError as error:
        return Faulty(str(error))
    height_and_width = (image.height, image.width)
    if size is not None:
        image = resized_square(image, size, Image.Resampling.BILINEAR)
    return Loaded(torch.from_numpy(np.array(image).transpose(2, 0, 1)), height_and_width)


def read_tile(file: Path, size: int | None) -> Loaded | Faulty:
    """Decode a square image; for any other shape the mask would not cover the whole image."""
    loaded = read_image(file, size)
    if isinstance(loaded, Loaded) and loaded.size[0] != loaded.size[1]:
        height, width = loaded.size
        return Faulty(f"{file}: is {width}x{height} pixels; cut it into square tiles", loaded.size)
    return loaded
