"""SAM's predictor with the image embeddings cached on disk; the encoder takes most of the time of a prompt."""

from __future__ import annotations

import torch
from segment_anything import SamPredictor
from torch import Tensor

from dlcvlib.sam.cache import Arrays, cached
from dlcvlib.sam.weights import LoadedSam


class CachedPredictor(SamPredictor):
    """`segment_anything.SamPredictor` with image embeddings cached by weights and image."""

    def __init__(self, sam: LoadedSam) -> None:
        super().__init__(sam.model)
        self.sam = sam

    def set_torch_image(self, transformed_image: Tensor, original_image_size: tuple[int, ...]) -> None:
        """Read the embedding of a resized image (1, 3, H, W) from the cache, or encode the image and cache it."""

        def encode() -> Arrays:
            super(CachedPredictor, self).set_torch_image(transformed_image, original_image_size)
            return {"embedding": self.features.cpu().numpy()}

        pixels = transformed_image.cpu().numpy()
        embedding = cached("embedding", self.sam.sha256, pixels, {}, encode)["embedding"]
        self.original_size, self.input_size = tuple(original_image_size), tuple(transformed_image.shape[-2:])
        self.features = torch.from_numpy(embedding).to(self.device)
        self.is_image_set = True
