"""What a segmentation starts from: satellite images with their masks, and a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from dlcvlib import data, models
from dlcvlib.data import CourseData, Decoded
from dlcvlib.data.palette import CLASS_NAMES
from dlcvlib.recipes import SegmentationRecipe
from dlcvlib.training.segmentation import Tiles


@dataclass(frozen=True)
class SatelliteImages:
    """Both parts of the satellite set, and the fingerprint of the files they came from."""

    train: Tiles
    val: Tiles
    fingerprint: str

    @property
    def described(self) -> dict[str, Any]:
        """For `run.json`."""
        return {
            "fingerprint": self.fingerprint,
            "train_images": len(self.train.names),
            "val_images": len(self.val.names),
            "classes": len(CLASS_NAMES),
            "mask_pixels": self.val.masks.shape[-1],
        }


def satellite_images(course: CourseData, recipe: SegmentationRecipe) -> SatelliteImages:
    """Decode both parts once: images as the network sees them, validation masks as they lie on disk.

    Raises:
        FileNotFoundError: the data hold no satellite images with masks.
        DataError: a file is missing or damaged, or a mask differs in size from its image; the message names it.
    """
    found = course.satellite
    if found is None or found.val is None:
        raise FileNotFoundError(
            f"{course.root} holds no satellite images with masks for training and validation, which {recipe.name} "
            "needs; `dlcv data check` says what was found there"
        )
    size = recipe.image_size
    train, val, judged = data.decode(found, "train", size), data.decode(found, "val", size), data.decode(found, "val")
    assert train.masks is not None and judged.masks is not None  # a satellite set without masks is not found as one
    count = min(recipe.train_images or len(train.names), len(train.names))
    return SatelliteImages(
        Tiles(train.images[:count], train.masks[:count], _stems(train)[:count]),
        Tiles(val.images, judged.masks, _stems(val)),
        f"{train.fingerprint}-{judged.fingerprint}",
    )


def _stems(decoded: Decoded) -> tuple[str, ...]:
    """Names of images as the reports call them: "0013" for 0013_sat.jpg."""
    return tuple(Path(name).stem.removesuffix("_sat") for name in decoded.names)


def build_segmenter(recipe: SegmentationRecipe) -> nn.Module:
    """The recipe's network with random weights, drawn from torch's generator."""
    return models.build(recipe.model, len(CLASS_NAMES), form=recipe.form, **recipe.model_options)
