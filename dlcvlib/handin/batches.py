"""Predictions for many files, in batches that fit into memory."""

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
"""From uint8 (N, 3, H, W), and the size of masks, to one entry an image, on the CPU."""


class FittingBatches:
    """Hands a network as many images at once as fit into memory: half as many whenever they do not."""

    def __init__(self, compute: Compute, size: int) -> None:
        if size < 1:
            raise ValueError(f"the batch size is {size}; it must be at least 1 image")
        self.compute, self.size = compute, size

    def __call__(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """What `compute` says of all of them.

        Raises:
            MemoryError: a single image is too much.
        """
        found: list[Tensor] = []
        start = 0
        while start < len(images):
            part = self._attempt(images[start : start + self.size], size)
            if part is None:
                self._halve(len(images))
            else:
                found.append(part)
                start += len(part)
        return torch.cat(found)

    def _attempt(self, images: Tensor, size: tuple[int, int]) -> Tensor | None:
        """None where memory runs out; by then, with the error's traceback gone, what was held is free again."""
        try:
            return self.compute(images, size)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        return None

    def _halve(self, asked: int) -> None:
        tried = min(self.size, asked)
        if tried == 1:
            raise MemoryError("a single image does not fit into memory; --device cpu may have more of it")
        self.size = tried // 2
        print(f"{tried} images do not fit into memory; going on with {self.size} at once", file=sys.stderr)


def predictions(
    files: Sequence[Path], read: Callable[[Path], Loaded | Faulty], compute: Compute, batch_size: int, title: str
) -> Iterator[np.ndarray | Faulty]:
    """What a network says of each file, in their order.

    Args:
        files: images.
        read: how to decode one.
        compute: the network.
        batch_size: images at once, to begin with.
        title: shown before the progress bar.
    """
    batches = FittingBatches(compute, batch_size)
    start = 0
    with ThreadPoolExecutor(THREADS) as executor, progress_bar(title, len(files), "image") as bar:
        while start < len(files):
            chunk = files[start : start + batches.size]
            start += len(chunk)
            for kind, alike in groupby(executor.map(read, chunk), key=_kind):
                if kind is None:
                    yield from (image for image in alike if isinstance(image, Faulty))
                else:
                    images = torch.stack([image.pixels for image in alike if isinstance(image, Loaded)])
                    yield from batches(images, kind[1]).numpy()
            bar.update(len(chunk))


def _kind(image: Loaded | Faulty) -> tuple[torch.Size, tuple[int, int]] | None:
    """Images of one kind can stand in one batch."""
    return (image.pixels.shape, image.size) if isinstance(image, Loaded) else None
