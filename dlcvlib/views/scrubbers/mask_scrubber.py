"""Scrubber of predicted masks over the epochs, with image and truth side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from torch import Tensor

from dlcvlib.data import palette
from dlcvlib.metrics.course_iou import LAND_CLASSES
from dlcvlib.runs import Run
from dlcvlib.views.palette import HATCH
from dlcvlib.views.records import NOTHING, titles_of
from dlcvlib.views.scrubbers.following import FollowingScrubber
from dlcvlib.views.scrubbers.mask_packing import Packed, Tile, common_epochs, mask_names, pack, tiles_of
from dlcvlib.views.scrubbers.mask_still import coloured, still
from dlcvlib.views.scrubbers.scrubber import HERE, STYLE, module


class MaskScrubber(FollowingScrubber):
    """Step through the epochs of predicted masks, beside the image and the true mask.

    Attributes:
        opacity: opacity of the masks over the image, in [0, 1]; all attributes are synced.
        outline: True to draw only the borders of the regions.
        errors: True to hatch wrong pixels. Pixels that are truly Unknown count, as in the course's IoU; errors between
            two hidden classes are left out.
    """

    _esm = module("masks.js")
    _css = STYLE + (HERE / "masks.css").read_text(encoding="utf-8")

    opacity = traitlets.Float(1.0, min=0.0, max=1.0).tag(sync=True)
    outline = traitlets.Bool(False).tag(sync=True)
    errors = traitlets.Bool(False).tag(sync=True)
    _data = traitlets.Bytes().tag(sync=True)
    _offsets = traitlets.List(traitlets.Int()).tag(sync=True)
    _tiles = traitlets.List(traitlets.Dict()).tag(sync=True)
    _hatch = traitlets.List(HATCH).tag(sync=True)

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
        """Show one segmentation run, or two side by side.

        Args:
            runs: one or two runs.
            images: uint8 (N, 3, H, W), the whole validation split.
            masks: integer (N, H, W), class ids 0 to 6.
            names: of the images, such as "0013".
            shown: names of the images to show; None for all that have masks.
            epochs: epochs with a snapshot in each run; None for all.
            labels: one for each run; by default the title of its recipe, with the seed where titles repeat.
            full_size: False to reduce the images, but not the masks, to 256 pixels.

        Raises:
            FileNotFoundError: a run has no snapshot, or no masks at an epoch.
            ValueError: images, masks and names do not fit each other or the record; an image is missing at an epoch;
                a mask is unreadable or differs in size from the true one; two runs have masks of different images or
                no common epoch; another number of labels.
        """
        self._records = [runs] if isinstance(runs, Run) else list(runs)
        self._titles = list(labels) or titles_of(self._records)
        if not 1 <= len(self._records) <= 2 or len(self._titles) != len(self._records):
            raise ValueError(
                f"one or two records fit side by side, got {len(self._records)} with {len(self._titles)} labels"
            )
        self._grows, self._full_size = epochs is None, full_size
        self._seen = _state_of(self._records)
        chosen = common_epochs(self._records) if epochs is None else [int(epoch) for epoch in epochs]
        if not chosen:
            raise ValueError("there is no epoch to show: leave `epochs` out, or name some of the record")
        wanted = mask_names(self._records, chosen[-1]) if shown is None else shown
        self._pictures = tiles_of(images, masks, names, wanted)
        classes = [
            {"name": name, "colour": colour.tolist()}
            for name, colour in zip(palette.CLASS_NAMES, palette.COLOURS, strict=True)
        ]
        super().__init__(chosen, _classes=classes, **self._content(chosen))

    def refresh(self) -> bool:
        """Read the records again; return True if anything is new. If the last epoch is shown, show the new one.

        No effect if `epochs` were given.

        Raises:
            as the constructor does.
        """
        seen = _state_of(self._records)
        if not self._grows or seen == self._seen:
            return False
        epochs = common_epochs(self._records)
        content = self._content(epochs)
        at_the_end = self.epoch == self.epochs[-1]
        with self.hold_sync():
            self.epochs = epochs
            for name, value in content.items():
                self.set_trait(name, value)
            if at_the_end or self.epoch not in epochs:
                self.epoch = epochs[-1]
        self._seen = seen
        return True

    def _content(self, epochs: Sequence[int]) -> dict[str, Any]:
        """Read the traits that depend on the epochs from the records."""
        packed = pack(self._records, epochs, self._pictures, full_size=self._full_size)
        names = [tile.name for tile in self._pictures]
        partly = self._grows and any(run.snapshot_epochs != list(epochs) for run in self._records)
        left_out = " Epochs that only one of them has are left out." if partly else ""
        self._last = [run.masks(epochs[-1]) for run in self._records]
        return {
            "caption": _caption(self._titles, names, epochs, packed) + left_out,
            "alt": _alt(self._titles, names, epochs, packed),
            "_data": packed.data,
            "_offsets": packed.offsets,
            "_tiles": [_tile(tile, packed, index) for index, tile in enumerate(self._pictures)],
            "_figures": [_figures(title, names, packed, run) for run, title in enumerate(self._titles)],
        }

    def still(self) -> bytes:
        """Return the panes of the last epoch as PNG, one row an image."""
        rows = [
            [tile.photo, *coloured(masks[tile.name] for masks in self._last), *coloured([tile.truth])]
            for tile in self._pictures
        ]
        return still(rows)


def _state_of(records: Sequence[Run]) -> list[tuple[list[int], int]]:
    """State by which growth of a record is noticed: its epochs, and the time of its history file."""
    histories = [run.path / "history.csv" for run in records]
    return [
        (run.snapshot_epochs, history.stat().st_mtime_ns if history.is_file() else 0)
        for run, history in zip(records, histories, strict=True)
    ]


def _tile(tile: Tile, packed: Packed, index: int) -> dict[str, Any]:
    height, width = tile.truth.shape
    figures = {"iou": [run[index] for run in packed.image_iou], "wrong": [run[index] for run in packed.wrong]}
    return {"name": tile.name, "width": width, "height": height, **figures}


def _figures(title: str, names: Sequence[str], packed: Packed, run: int) -> dict[str, Any]:
    """Rows of the table: first the course's score, then the images shown."""
    rows = {"mean IoU, all validation images": packed.mean_iou[run]}
    rows |= {f"image {name}": values for name, values in zip(names, packed.image_iou[run], strict=True)}
    rows |= {f"{name}, images shown": values for name, values in zip(LAND_CLASSES, packed.class_iou[run], strict=True)}
    return {"title": title, "rows": [{"name": name, "values": values} for name, values in rows.items()]}


def _caption(titles: Sequence[str], names: Sequence[str], epochs: Sequence[int], packed: Packed) -> str:
    changes = [
        f"{title}: the mean IoU of all validation images goes from {known[0][1]:.3f} after epoch {known[0][0]} to "
        f"{known[-1][1]:.3f} after epoch {known[-1][0]}."
        for title, values in zip(titles, packed.mean_iou, strict=True)
        if (known := [(epoch, value) for epoch, value in zip(epochs, values, strict=True) if value is not None])
    ]
    masks = "mask" if len(titles) == 1 else "masks"
    parts = [
        f"{' and '.join(titles)}: image, {masks} predicted at the epoch of the slider, and true mask of "
        f"{', '.join(names)}.",
        *changes,
        "Below each prediction the mean IoU of that image alone, over the classes that occur in it, and the share of "
        "its pixels that are wrong; the course pools all images.",
    ]
    return " ".join(parts)


def _alt(titles: Sequence[str], names: Sequence[str], epochs: Sequence[int], packed: Packed) -> str:
    scores = [
        f"{title}, {name}: {_in_words(values[-1])}"
        for title, tiles in zip(titles, packed.image_iou, strict=True)
        for name, values in zip(names, tiles, strict=True)
    ]
    return (
        f"Rows of satellite image, predicted mask and true mask, after epoch {epochs[-1]}. IoU of each: "
        f"{'; '.join(scores)}."
    )


def _in_words(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
