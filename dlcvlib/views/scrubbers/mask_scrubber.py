"""Predicted masks over the epochs: image, prediction and truth side by side, one slider for all."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from PIL import Image
from torch import Tensor

from dlcvlib.data import palette
from dlcvlib.runs import Run
from dlcvlib.views.records import NOTHING, titles_of
from dlcvlib.views.scrubbers.mask_packing import Packed, Tile, kept_names, pack, tiles_of
from dlcvlib.views.scrubbers.scrubber import Scrubber, module

STILL_SIDE, STILL_GAP = 150, 6
"""Pixels: width of a picture in the still, and what lies between two."""


class MaskScrubber(Scrubber):
    """Step through the epochs of predicted masks, beside the image and the true mask.

    Attributes:
        opacity: of the masks over the image, in [0, 1]; synced, as are the others.
        outline: whether only the borders of the regions are drawn.
        errors: whether the pixels are hatched whose predicted class is not the true one. True Unknown pixels count,
            as in the course's IoU. Of the classes hidden only those errors are left out that confuse them among each
            other.
    """

    _esm = module("mask_pixels.js", "mask_panes.js", "masks.js")

    opacity = traitlets.Float(1.0, min=0.0, max=1.0).tag(sync=True)
    outline = traitlets.Bool(False).tag(sync=True)
    errors = traitlets.Bool(False).tag(sync=True)
    _data = traitlets.Bytes().tag(sync=True)
    _offsets = traitlets.List(traitlets.Int()).tag(sync=True)
    _tiles = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(
        self,
        runs: Run | Sequence[Run],
        images: Tensor | np.ndarray,
        masks: Tensor | np.ndarray,
        names: Sequence[str],
        *,
        shown: Sequence[str] | None = None,
        epochs: Sequence[int] | None = None,
        labels: Sequence[str] = (),
        full_size: bool = False,
    ) -> None:
        """Show one segmentation record, or two side by side.

        Args:
            runs: one or two records.
            images: uint8 (N, 3, H, W), the whole validation split.
            masks: integer (N, H, W), class ids 0 to 6.
            names: of the images, such as "0013".
            shown: those of the images kept that are shown; None for all.
            epochs: ones with a snapshot in each record; None for all such.
            labels: what the records are called; by default the title of the recipe, with the seed where titles repeat.
            full_size: keep the images as large as they are. Otherwise they are reduced to 256 pixels; masks never are.

        Raises:
            FileNotFoundError: a record has no snapshot, or kept no masks at an epoch.
            ValueError: images, masks and names do not fit each other or the record; an image is missing at an epoch;
                a mask cannot be read or has another size than the true one; two records keep other images, or have
                no epoch in common; labels do not fit.
        """
        self._runs = [runs] if isinstance(runs, Run) else list(runs)
        titles = list(labels) or titles_of(self._runs)
        if not 1 <= len(self._runs) <= 2 or len(titles) != len(self._runs):
            raise ValueError(f"one or two records fit side by side, got {len(self._runs)} with {len(titles)} labels")
        chosen = list(_common_epochs(self._runs) if epochs is None else epochs)
        wanted = kept_names(self._runs, chosen[-1]) if shown is None else list(shown)
        self._pictures = tiles_of(images, masks, names, wanted)
        packed = pack(self._runs, chosen, self._pictures, full_size=full_size)
        super().__init__(
            chosen,
            caption=_caption(titles, wanted, chosen, packed),
            alt=_alt(titles, wanted, chosen, packed),
            _data=packed.data,
            _offsets=packed.offsets,
            _classes=[
                {"name": name, "colour": colour} for name, colour in zip(CLASS_NAMES, palette.COLOURS.tolist(), strict=True)
            ],
            _tiles=[
                {
                    "name": tile.name,
                    "width": tile.truth.shape[1],
                    "height": tile.truth.shape[0],
                    "wrong": [wrong[place] for wrong in packed.wrong],
                    "iou": [iou[place] for iou in packed.image_iou],
                }
                for place, tile in enumerate(self._pictures)
            ],
            _figures=[{"title": title, "rows": _rows(packed, run, wanted)} for run, title in enumerate(titles)],
        )
