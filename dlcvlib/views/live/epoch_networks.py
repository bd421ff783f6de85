"""Networks of the kept epochs of a segmentation record: one plan, packed weights, and what torch predicts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from dlcvlib import live
from dlcvlib.data.images import resized_square
from dlcvlib.live.networks import segmenter
from dlcvlib.runs import Run


class EpochNetworks:
    """Networks of a record that differ in their weights alone.

    Attributes:
        epochs: whose weights are kept, ascending.
        size: side of the images that the network takes, in pixels.
        mean, std: of the channels, for images in [0, 1].
        plan: of the layers, the same at every epoch.
    """

    def __init__(self, run: Run, epochs: Sequence[int]) -> None:
        """Build the network of the last epoch and plan its layers.

        Raises:
            ValueError: no epoch; the record is damaged or no segmentation, keeps no weights of an epoch, or has a layer
                that the page cannot run.
        """
        from dlcvlib import recipes
        from dlcvlib.models.registry import IMAGENET_MEAN, IMAGENET_STD  # here: opening records loads no network

        missing = sorted(set(epochs) - set(run.weight_epochs))
        if missing or not epochs:
            kept = ", ".join(map(str, run.weight_epochs)) or "none"
            asked = ", ".join(map(str, missing)) or "none"
            raise ValueError(
                f"{run.path} keeps weights of the epochs {kept}; asked for: {asked}. Name some of these, or remove the "
                "record and train with a recipe that has `kept_weights`"
            )
        self.run, self.epochs = run, list(epochs)
        recipe = recipes.recorded(run.info["recipe"])
        normalisation = run.info["start"].get("normalisation", {})
        self.size = recipe.image_size
        self.mean = tuple(normalisation.get("mean", IMAGENET_MEAN))
        self.std = tuple(normalisation.get("std", IMAGENET_STD))
        self.averages = bool(getattr(recipe, "dihedral_averaging", False))
        self.plan = live.plan(self.network(self.epochs[-1]), torch.zeros(1, 3, self.size, self.size))
        self.packed = lru_cache(maxsize=None)(self._packed)

    def network(self, epoch: int) -> nn.Module:
        """Return the network of an epoch, in evaluation mode."""
        return segmenter(self.run, epoch)

    def input_of(self, photo: np.ndarray) -> np.ndarray:
        """Return an image, uint8 (H, W, 3), at the network's size, as the data are decoded for its training."""
        resized = resized_square(Image.fromarray(np.ascontiguousarray(photo)), self.size, Image.Resampling.BILINEAR)
        return np.asarray(resized)

    @torch.no_grad()
    def predict(self, epoch: int, inputs: Sequence[np.ndarray], size: tuple[int, int]) -> np.ndarray:
        """Return the classes that torch predicts at an epoch.

        Args:
            epoch: one of `epochs`.
            inputs: of `input_of`.
            size: height and width of the masks.

        Returns:
            uint8 (N, *size).
        """
        pixels = torch.from_numpy(np.stack(inputs)).permute(0, 3, 1, 2) / 255
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (self.mean, self.std))
        logits = self.network(epoch)((pixels - mean) / std)
        logits = functional.interpolate(logits, size, mode="bilinear", align_corners=False)
        return logits.argmax(1).to(torch.uint8).numpy()

    def _packed(self, epoch: int) -> bytes:
        return self.plan.pack(self.network(epoch))
