"""Scrubber of feature maps over the epochs."""

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
    """One dot a sample, at its position on the map of each epoch.

    Attributes, in addition to those of `Scrubber`:
        selection: selected rows of the map, ascending; synced. `scrubber.indices[scrubber.selection]` are the indices
            of their images in the split.
        labels: int64 (N,), the true classes.
        indices: int64 (N,), index of each dot's image in the split.
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
        """Map the snapshots of one run, or of two side by side.

        Args:
            runs: one or two runs whose snapshots hold features, labels and indices, or embedded series.
            method: "tsne", "umap" or "pca", for runs.
            images: uint8 (M, 3, H, W), the whole split that the indices refer to, about 0.2 kB of the page each; None
                for no pictures.
            class_names: by class id; empty to show the ids.

        Raises:
            FileNotFoundError: a record has no snapshot.
            ValueError: runs of different samples or without a common epoch, features that cannot be mapped, an
                unreadable snapshot, indices beyond the images, or too few class names.
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
            **_epoch_traits(maps),
        )

    def still(self) -> bytes:
        """Return the maps of the last epoch as PNG."""
        panes, epochs, count = len(self._figures), len(self.epochs), len(self.labels)
        maps = unpacked(self._coordinates, 1.0).reshape(panes, epochs, count, 2)
        return maps_png(list(maps[:, -1]), self.labels, self._styles, 1.0)

    def refresh(self) -> bool:
        """Read the records again; return True if there are new epochs. If the last epoch is shown, show the new one.

        PCA takes a fraction of a second; t-SNE and UMAP extend the cached chain.

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
            for name, value in _epoch_traits(maps).items():
                self.set_trait(name, value)
            if at_the_end or self.epoch not in self.epochs:
                self.epoch = self.epochs[-1]
        return True

    def _own(self, images: Tensor | np.ndarray) -> np.ndarray:
        """Images of the dots, in their order."""
        last = int(self.indices.max())
        if last >= len(images):
            raise ValueError(
                f"the map shows image {last}, but only {len(images)} images are given: give the whole split"
            )
        return np.asarray(images)[self.indices]

    @traitlets.validate("selection")
    def _valid_selection(self, proposal: dict[str, Any]) -> list[int]:
        unknown = sorted(row for row in set(proposal["value"]) if not 0 <= row < len(self.labels))
        if unknown:
            raise ValueError(f"selection holds rows of the map, 0 to {len(self.labels) - 1}, got {unknown}")
        return sorted(set(proposal["value"]))


def _epochs(source: Source) -> Sequence[int]:
    return source.snapshot_epochs if isinstance(source, Run) else source.epochs


def _epoch_traits(maps: epoch_maps.EpochMaps) -> dict[str, Any]:
    """Traits that change when an epoch is added."""
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
        f"{_in_words(maps.epochs)}. A click on a class shows it alone, a second click shows all."
    )


def _in_words(epochs: tuple[int, ...]) -> str:
    return f"{len(epochs)} epochs from {epochs[0]} to {epochs[-1]}" if len(epochs) > 1 else f"epoch {epochs[0]} alone"


def _alt(maps: epoch_maps.EpochMaps, count: int) -> str:
    measures = "; ".join(
        f"{pane['title']}: "
        + ", ".join(f"{row['name']} {row['values'][-1]:.2f}" for row in pane["rows"] if row["values"][-1] is not None)
        for pane in maps.figures
    )
    return f"Scatter plot of {len(maps.labels)} points in {count} classes at epoch {maps.epochs[-1]}. {measures}."
