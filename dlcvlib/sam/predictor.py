"""SAM's predictor, its embedding of an image kept on disk: that is nearly all of the work of a prompt."""

from __future__ import annotations

import torch
from segment_anything import SamPredictor
from torch import Tensor

from dlcvlib.sam.cache import Arrays, kept
from dlcvlib.sam.weights import LoadedSam


class KeptPredictor(SamPredictor):
    """As `segment_anything.SamPredictor`; an image that these weights have seen before is not encoded again."""

    def __init__(self, sam: LoadedSam) -> None:
        super().__init__(sam.model)
        self.sam = sam

    def set_torch_image(self, transformed_image: Tensor, original_image_size: tuple[int, ...]) -> None:
        """Take the embedding of an image (1, 3, H, W), resized already, from disk, or encode it and keep that."""

        def encode() -> Arrays:
            super(KeptPredictor, self).set_torch_image(transformed_image, original_image_size)
            return {"embedding": self.features.cpu().numpy()}

        pixels = transformed_image.cpu().numpy()
        embedding = kept("embedding", self.sam.sha256, pixels, {}, encode)["embedding"]
        self.original_size, self.input_size = tuple(original_image_size), tuple(transformed_image.shape[-2:])
        self.features = torch.from_numpy(embedding).to(self.device)
        self.is_image_set = True
