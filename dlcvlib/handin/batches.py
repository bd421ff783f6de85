"""Predictions for many files, in batches as large as memory allows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlcvlib.data.decode import THREADS
from dlcvlib.handin.images import Faulty, Loaded
from dlcvlib.memory import is_out_of_memory
from dlcvlib.progress import progress_bar

Compute = Callable[[Tensor, tuple[int, int]], Tensor]
"""A function of images, uint8 (N, 3, H, W), and the size of masks that returns N predictions on the CPU."""


class FittingBatches:
    """Split images into batches; the batch size is halved when memory runs out."""

    def __init__(self, compute: Compute, size: int) -> None:
        if size < 1:
            raise ValueError(f"the batch size is {size}; it must be at least 1 image")
        self.compute, self.size = compute, size

    def __call__(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the predictions of `compute` for all images.

        Raises:
            MemoryError: a single image does not fit.
        """
        predictions: list[Tensor] = []
        start = 0
        while start < len(images):
            part = self._attempt(images[start : start + self.size], size)
            if part is None:
                self._halve(len(images))
            else:
                predictions.append(part)
                start += len(part)
        return torch.cat(predictions)

    def _attempt(self, images: Tensor, size: tuple[int, int]) -> Tensor | None:
        """Return None if memory runs out; returning drops the traceback, which would hold the tensors."""
        try:
            return self.compute(images, size)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        return None

    def _halve(self, count: int) -> None:
        tried = min(self.size, count)
        if tried == 1:
            raise MemoryError("a single image does not fit into memory; try --device cpu")
        self.size = tried // 2
        print(f"{tried} images do not fit into memory; continuing with batches of {self.size}", file=sys.stderr)


def predictions(
    files: Sequence[Path], read: Callable[[Path], Loaded | Faulty], compute: Compute, batch_size: int, title: str
) -> Iterator[np.ndarray | Faulty]:
    """Yield the prediction for each file, in order; a `Faulty` for a file that cannot be read.

    Args:
        files: images.
        read: decodes one file.
        compute: the network.
        batch_size: initial batch size.
        title: of the progress bar.
    """
    batches = FittingBatches(compute, batch_size)
    start = 0
    with ThreadPoolExecutor(THREADS) as executor, progress_bar(title, len(files), "image") as bar:
        while start < len(files):
            chunk = files[start : start + batches.size]
            start += len(chunk)
            for key, group in groupby(executor.map(read, chunk), key=_batch_key):
                if key is None:
                    yield from (image for image in group if isinstance(image, Faulty))
                else:
                    images = torch.stack([image.pixels for image in group if isinstance(image, Loaded)])
                    yield from batches(images, key[1]).numpy()
            bar.update(len(chunk))


def _batch_key(image: Loaded | Faulty) -> tuple[torch.Size, tuple[int, int]] | None:
    """Return a key that is equal for images that fit into one batch; None for a faulty one."""
    return (image.pixels.shape, image.size) if isinstance(image, Loaded) else None
