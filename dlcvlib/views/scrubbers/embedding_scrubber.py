"""A map of features that moves with the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from torch import Tensor

from dlcvlib.embedding import EmbeddingSeries
from dlcvlib.embedding.series import Method
from dlcvlib.runs import Run
from dlcvlib.views.maps import METHODS
from dlcvlib.views.palette import class_styles, names_of
from dlcvlib.views.scrubbers import epoch_maps
from dlcvlib.views.scrubbers.following import FollowingScrubber
from dlcvlib.views.scrubbers.packing import packed, square_of, unpacked
from dlcvlib.views.scrubbers.scrubber import module
from dlcvlib.views.scrubbers.sprite_sheet import SIDE, sprite_sheet
from dlcvlib.views.scrubbers.still import maps_png
from dlcvlib.views.scrubbers.symbols import POLYGONS

Source = Run | EmbeddingSeries


class EmbeddingScrubber(FollowingScrubber):
    """One dot a sample, at each epoch where the map of that epoch has it; besides what every `Scrubber` has:

    Attributes:
        selection: rows of the map that are selected, ascending; synced. `scrubber.indices[scrubber.selection]` are
            the images of the split.
        labels: int64 (N,), the true classes.
        indices: int64 (N,), which images of the split the dots are.
    """

    _esm = module("embedding.js")

    selection = traitlets.List(traitlets.Int()).tag(sync=True)
    _coordinates = traitlets.Bytes().tag(sync=True)
    _predicted = traitlets.Bytes().tag(sync=True)
    _labels = traitlets.Bytes().tag(sync=True)
    _indices = traitlets.Bytes().tag(sync=True)
    _sprites = traitlets.Bytes().tag(sync=True)
    _sprite_side = traitlets.Int(SIDE).tag(sync=True)
    _symbols = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        runs: Source | Sequence[Source],
        method: Method = "tsne",
        images: Tensor | np.ndarray | None = None,
        class_names: Sequence[str] = (),
    ) -> None:
        """Map the snapshots of one run, or of two side by side, at every epoch that has one.

        Args:
            runs: records whose snapshots hold features, labels and indices, or series that were embedded before.
            method: "tsne", "umap" or "pca", for the records.
            images: uint8 (M, 3, H, W), the whole split that the indices point into; None for no pictures. They cost
                about 0.2 kB of the page each.
            class_names: by class id; empty for the ids themselves.

        Raises:
            FileNotFoundError: a record has no snapshot.
            ValueError: runs whose samples differ or that have no epoch in common, features that no map can be made
                of, a snapshot that cannot be read, indices beyond the images, or too few class names.
        """
        self._sources = [runs] if isinstance(runs, Run | EmbeddingSeries) else list(runs)
        self._records, self._method = [source for source in self._sources if isinstance(source, Run)], method
        maps = epoch_maps.read(self._sources, method)
        self.labels, self.indices = maps.labels, maps.indices
        known = [predicted[predicted != epoch_maps.UNKNOWN] for predicted in maps.predicted]
        count = 1 + max(int(values.max()) for values in (maps.labels, *known) if values.size)
        names, self._styles = names_of(list(class_names), count), class_styles(count)
        sprites = b"" if images is None else sprite_sheet(self._own(images))
        super().__init__(
            maps.epochs,
            caption=_caption(maps, count),
            alt=_alt(maps, count),
            _classes=[
                {"name": name, "colour": colour, "symbol": symbol}
                for name, (colour, symbol) in zip(names, self._styles, strict=True)
            ],
            _symbols={symbol: POLYGONS[symbol] for _, symbol in self._styles},
            _labels=maps.labels.astype(np.uint8).tobytes(),
            _indices=maps.indices.astype("<u4").tobytes(),
            _sprites=sprites,
            **_moving(maps),
        )

    def still(self) -> bytes:
        """The maps of the last epoch as PNG, whatever epoch is shown."""
        panes, epochs, count = len(self._figures), len(self.epochs), len(self.labels)
        maps = unpacked(self._coordinates, 1.0).reshape(panes, epochs, count, 2)
        return maps_png(list(maps[:, -1]), self.labels, self._styles, 1.0)

    def refresh(self) -> bool:
        """Read the records again; whether there were new epochs. Whoever looks at the last epoch is shown the new one.

        PCA takes part of a second for a new epoch; t-SNE and UMAP start from the kept map of the epoch before.

        Raises:
            as the constructor does.
        """
        if not self._records:
            return False
        common = set.intersection(*(set(_epochs(source)) for source in self._sources))
        if common == set(self.epochs):
            return False
        maps = epoch_maps.read(self._sources, self._method)
        at_the_end = self.epoch == self.epochs[-1]
        with self.hold_sync():
            self.set_trait("epochs", list(maps.epochs))
            for name, value in _moving(maps).items():
                self.set_trait(name, value)
            if at_the_end or self.epoch not in self.epochs:
                self.epoch = self.epochs[-1]
        return True

    def _own(self, images: Tensor | np.ndarray) -> np.ndarray:
        """The images of the dots, in their order."""
        last = int(self.indices.max())
        if last >= len(images):
            raise ValueError(
                f"the map shows image {last}, but only {len(images)} images are given: give the whole split"
            )
        return np.asarray(images)[self.indices]

    @traitlets.validate("selection")
    def _valid_selection(self, proposal: dict[str, Any]) -> list[int]:
        strangers = sorted(row for row in set(proposal["value"]) if not 0 <= row < len(self.labels))
        if strangers:
            raise ValueError(f"selection holds rows of the map, 0 to {len(self.labels) - 1}, got {strangers}")
        return sorted(set(proposal["value"]))


def _epochs(source: Source) -> Sequence[int]:
    return source.snapshot_epochs if isinstance(source, Run) else source.epochs


def _moving(maps: epoch_maps.EpochMaps) -> dict[str, Any]:
    """The traits that change when an epoch is added."""
    limit = square_of(*maps.coordinates)
    known = any((predicted != epoch_maps.UNKNOWN).any() for predicted in maps.predicted)
    return {
        "_coordinates": b"".join(packed(coordinates, limit) for coordinates in maps.coordinates),
        "_predicted": b"".join(predicted.tobytes() for predicted in maps.predicted) if known else b"",
        "_figures": maps.figures,
    }


def _caption(maps: epoch_maps.EpochMaps, count: int) -> str:
    chained = "each map started from the one before it"
    how = {"separate": "every map with its own start", "pca": "each turned onto the one before it"}
    both = f" Left {maps.titles[0]}, right {maps.titles[1]}." if len(maps.titles) > 1 else ""
    return (
        f"{METHODS.get(maps.method, maps.method)} of {len(maps.labels)} images of {count} classes, "
        f"{how.get(maps.method, chained)}.{both} The slider, the arrow keys or the play button step through "
        f"{_in_words(maps.epochs)}. A click on a class shows it alone."
    )


def _in_words(epochs: tuple[int, ...]) -> str:
    return f"{len(epochs)} epochs from {epochs[0]} to {epochs[-1]}" if len(epochs) > 1 else f"epoch {epochs[0]} alone"


def _alt(maps: epoch_maps.EpochMaps, count: int) -> str:
    worth = "; ".join(
        f"{pane['title']}: "
        + ", ".join(f"{row['name']} {row['values'][-1]:.2f}" for row in pane["rows"] if row["values"][-1] is not None)
        for pane in maps.figures
    )
    return f"Scatter plot of {len(maps.labels)} points in {count} classes at epoch {maps.epochs[-1]}. {worth}."
