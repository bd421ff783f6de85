"""Decoding a split to uint8, once; the arrays are cached on disk and memory-mapped.

The cache folder (`dlcvlib.data.cache`) holds `images.npy` and, for satellite, `masks.npy`. Its name ends in a key
computed from the names, sizes and times of the files and from the labels, so that changed files are decoded again.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlcvlib.data import cache
from dlcvlib.data.images import decode_rgb, read_bytes, resized_square
from dlcvlib.data.masks import read_mask, require_size_of
from dlcvlib.data.sets import DataError, ImageSet, Split
from dlcvlib.files.atomic import DiskFullError, disk_full_error

VERSION = 1  # raise it whenever decoding changes
THREADS = min(16, os.cpu_count() or 1)
BYTES_PER_TASK = 4 * 2**20  # decoded bytes per thread task; one task per file would be slow for small files


@dataclass(frozen=True)
class Decoded:
    """A split as memory-mapped tensors; writing to them does not change the files."""

    images: Tensor  # uint8 (N, 3, H, W), RGB
    labels: Tensor | None  # int64 (N,)
    masks: Tensor | None  # uint8 (N, H, W), class ids 0..6
    names: tuple[str, ...]  # file names
    class_names: tuple[str, ...]
    fingerprint: str  # of names, file contents and labels; equal on every machine and for every size


def decode(image_set: ImageSet, split: str = "train", size: int | None = None) -> Decoded:
    """Decode a split to uint8, or open its cached arrays.

    If two processes decode the same split at once, one does it and the other waits.

    Args:
        image_set: a set of `dlcvlib.data.find`.
        split: "train" or "val".
        size: None keeps the size of the images, which must all be equal; n resizes the shorter side to n pixels
            (bilinear with antialiasing; masks nearest) and crops the centre (n, n).

    Raises:
        DataError: a file is missing or cannot be decoded, sizes differ, a mask has undocumented colours or another
            size than its image, or the set has no such split; the message names the file.
        DiskFullError: the arrays do not fit.
    """
    part = _split(image_set, split)
    if size is not None and size < 1:
        raise DataError(f"size is {size}; it must be at least 1 pixel, or None to keep the size of the images")
    name = f"{image_set.name}-{split}-{size or 'native'}-{_quick_key(part)}"
    folder, facts = cache.open_or_make(name, lambda folder: _write(part, size, folder))
    images = np.load(folder / "images.npy", mmap_mode="c")
    masks = np.load(folder / "masks.npy", mmap_mode="c") if part.masks is not None else None
    return Decoded(
        images=torch.from_numpy(images),
        labels=None if part.labels is None else torch.from_numpy(part.labels.copy()),
        masks=None if masks is None else torch.from_numpy(masks),
        names=tuple(path.name for path in part.files),
        class_names=image_set.class_names,
        fingerprint=facts["fingerprint"],
    )


def _split(image_set: ImageSet, name: str) -> Split:
    part = {"train": image_set.train, "val": image_set.val}.get(name)
    if part is None:
        there = "train" if image_set.val is None else "train and val"
        raise DataError(f"{image_set.root}: the {image_set.name} set has no split {name!r}; it has {there}")
    if not part.files:
        raise DataError(f"{image_set.root}: the split {name!r} of the {image_set.name} set holds no image")
    return part


def _quick_key(part: Split) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for path in (*part.files, *(part.masks or ())):
        try:
            status = path.stat()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
        digest.update(os.fsencode(path) + f"\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    digest.update(f"{VERSION} {_labels_digest(part)}".encode())
    return digest.hexdigest()


def _labels_digest(part: Split) -> str:
    return (
        "unlabelled"
        if part.labels is None
        else hashlib.blake2b(part.labels.astype("<i8").tobytes(), digest_size=16).hexdigest()
    )


class _ArrayFile:
    """A uint8 `.npy` file, written by several threads.

    It is not memory-mapped: written pages would count as memory of the process, and a full disk would kill it.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._lock = Lock()
        self._file = path.open("wb")
        np.lib.format.write_array_header_1_0(self._file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        self._start = self._file.tell()

    def write(self, index: int, rows: np.ndarray) -> None:
        """Write `rows` to the array from row `index` on."""
        with self._lock:
            self._file.seek(self._start + index * math.prod(self.shape[1:]))
            self._file.write(np.ascontiguousarray(rows).data)

    def close(self) -> None:
        """Flush to disk and close."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()


def _write(part: Split, size: int | None, folder: Path) -> dict[str, Any]:
    """Decode every file into arrays in `folder`; each file is read once, for both pixels and fingerprint."""
    width, height = (size, size) if size is not None else decode_rgb(read_bytes(part.files[0]), part.files[0]).size
    count = len(part.files)
    needed = count * height * width * (3 if part.masks is None else 4)
    _require_space(folder, needed)
    with disk_full_error(folder.parent.parent, needed), ExitStack() as stack:
        images = stack.enter_context(closing(_ArrayFile(folder / "images.npy", (count, 3, height, width))))
        masks = (
            stack.enter_context(closing(_ArrayFile(folder / "masks.npy", (count, height, width))))
            if part.masks is not None
            else None
        )

        def decode_rows(rows: range) -> list[bytes]:
            pixels = np.empty((len(rows), 3, height, width), dtype=np.uint8)
            classes = np.empty((len(rows), height, width), dtype=np.uint8)
            digests: list[bytes] = []
            for row, index in enumerate(rows):
                path = part.files[index]
                image = decode_rgb(_read(path, digests), path)
                if part.masks is not None:
                    mask_path = part.masks[index]
                    mask = read_mask(_read(mask_path, digests), mask_path)
                    require_size_of(mask, mask_path, image, path)
                    classes[row] = mask.ids if size is None else _fitted_ids(mask.ids, size)
                pixels[row] = np.asarray(_fitted(image, path, size, (width, height), part.files[0])).transpose(2, 0, 1)
            images.write(rows.start, pixels)
            if masks is not None:
                masks.write(rows.start, classes)
            return digests

        fingerprint = hashlib.blake2b(digest_size=16)
        rows_per_task = max(1, min(64, BYTES_PER_TASK // (3 * height * width)))
        tasks = [range(start, min(start + rows_per_task, count)) for start in range(0, count, rows_per_task)]
        with ThreadPoolExecutor(THREADS) as executor:
            # results come in order, so the error names the first bad file; it cancels the remaining tasks
            for digests in executor.map(decode_rows, tasks):
                for digest in digests:
                    fingerprint.update(digest)
        fingerprint.update(_labels_digest(part).encode())
    return {"fingerprint": fingerprint.hexdigest(), "images": count, "height": height, "width": width}


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + 2**20:
        raise DiskFullError(
            f"{folder.parent.parent}: {needed / 1e6:.0f} MB are needed for the decoded images, {free / 1e6:.0f} MB are "
            "free; make room and run the same command again, or set $DLCV_RUNS to a folder on another disk"
        )


def _read(path: Path, digests: list[bytes]) -> bytes:
    """Return the content of a file, and append the digest of its name and content to `digests`."""
    raw = read_bytes(path)
    name = hashlib.blake2b(os.fsencode(path.name), digest_size=32).digest()
    digests.append(hashlib.blake2b(raw, key=name, digest_size=32).digest())
    return raw


def _fitted(image: Image.Image, path: Path, size: int | None, first_size: tuple[int, int], first: Path) -> Image.Image:
    if size is not None:
        return resized_square(image, size, Image.Resampling.BILINEAR)
    if image.size != first_size:
        raise DataError(
            f"{path}: is {image.size[0]}x{image.size[1]} pixels, but {first.name} is {first_size[0]}x{first_size[1]}; "
            "images of different sizes need a common one, such as decode(…, size=128)"
        )
    return image


def _fitted_ids(ids: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(resized_square(Image.fromarray(ids), size, Image.Resampling.NEAREST))
