"""Base class of the scrubbers: a widget whose `epoch` is set by a slider, by Python, or by another widget.

One script serves two hosts. In JupyterLab anywidget runs it, and its model holds the traits, synced with the kernel. In
the book and other viewers the page runs it (`static.py`), on the same values, written into the page.

A subclass sets `_esm = module("its.js")`, adds traits tagged `sync=True`, and overrides `still`. Both hosts receive all
its synced traits under their own names; `Bytes`, also inside lists and dicts, arrive as a `DataView`.
"""

from __future__ import annotations

import uuid
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from IPython.display import display

from dlcvlib.files.outputs import output_file
from dlcvlib.views.display import checked_text
from dlcvlib.views.palette import BLUE, VERMILION
from dlcvlib.views.scrubbers import static
from dlcvlib.views.scrubbers.bundle import HERE, bundle

NO_WIDGET = '<span class="dlcv-widget" hidden></span>'  # for viewers that show no widget, such as the book
COLOURS = f".dlcv-scrubber {{ --accent: {BLUE}; --second: {VERMILION}; }}\n"
STYLE = COLOURS + (HERE / "scrubbers.css").read_text(encoding="utf-8")


def module(entry: str) -> str:
    """Return the widget module whose `render` is exported by the file `entry`, with all its imports bundled."""
    return f"{static.EXPORT}{bundle(entry)};\n"


class Scrubber(anywidget.AnyWidget):
    """A picture of one epoch at a time.

    Attributes:
        epochs: the available epochs, ascending, possibly with gaps; at least one.
        epoch: the epoch shown; synced. Python can set only members of `epochs`; a value from a linked widget (an
            `ipywidgets.IntSlider` has no gaps) is rounded down to a member.
        classes: ids of the highlighted classes; may be empty.
        caption: text below the picture.
        alt: alt text.
        _classes: entries of the legend: `name`, and what the subclass needs for its swatch.
        _figures: for each pane `title` and `rows`, each with `name` and `values`, one number or None an epoch.
    """

    _css = STYLE

    epochs = traitlets.List(traitlets.Int()).tag(sync=True)
    epoch = traitlets.Int().tag(sync=True)
    classes = traitlets.List(traitlets.Int()).tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    _classes = traitlets.List(traitlets.Dict()).tag(sync=True)
    _figures = traitlets.List(traitlets.Dict()).tag(sync=True)
    _identity = traitlets.Unicode().tag(sync=True)

    def __init__(self, epochs: Sequence[int], *, caption: str, alt: str, **values: Any) -> None:
        """Show the last of `epochs`; `values` are the other traits.

        Raises:
            ValueError: no epoch, epochs out of order, or an empty `caption` or `alt`.
        """
        epochs = [int(epoch) for epoch in epochs]
        if not epochs or sorted(set(epochs)) != epochs:
            raise ValueError(f"a scrubber needs at least one epoch, each once and in ascending order, got {epochs}")
        everything = list(range(len(values.get("_classes", []))))
        texts = {"caption": checked_text(caption, "caption"), "alt": checked_text(alt, "alt")}
        texts["_identity"] = uuid.uuid4().hex
        super().__init__(**{"classes": everything, "epochs": epochs, "epoch": epochs[-1], **texts, **values})

    def still(self) -> bytes:
        """Return the last epoch as PNG for viewers without scripts, for light and dark pages."""
        raise NotImplementedError

    @property
    def html(self) -> str:
        """Self-contained `<figure>` that works without kernel and network."""
        texts = {"identity": self._identity, "caption": self.caption, "alt": self.alt}
        return static.figure(self._esm, self._css, self._values(), self.still(), **texts)

    def save(self, path: str | Path, *, replace: bool = False) -> None:
        """Write this scrubber as one self-contained HTML page.

        Args:
            path: file of the page.
            replace: True to replace a file that dlcvlib did not write.

        Raises:
            dlcvlib.files.outputs.ForeignFileError: the file exists, was not written by dlcvlib, and `replace` is False.
        """
        with output_file(path, replace=replace) as file:
            file.write(static.page(self.html, title=self.caption).encode())

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Apply values from a page, with `epoch` rounded down to a member of `epochs`."""
        if "epoch" in sync_data:
            index = bisect_right(self.epochs, sync_data["epoch"]) - 1
            sync_data = {**sync_data, "epoch": self.epochs[max(index, 0)]}
        super().set_state(sync_data)

    @traitlets.validate("epoch")
    def _valid_epoch(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] not in self.epochs:
            raise ValueError(f"there is no epoch {proposal['value']} to show; choose one of {self.epochs}")
        return int(proposal["value"])

    @traitlets.validate("classes")
    def _valid_classes(self, proposal: dict[str, Any]) -> list[int]:
        unknown = sorted(set(proposal["value"]) - set(range(len(self._classes))))
        if unknown:
            raise ValueError(f"classes go from 0 to {len(self._classes) - 1}, got {unknown}")
        return sorted(set(proposal["value"]))

    def _values(self) -> dict[str, Any]:
        """Synced traits that are not traits of every widget, for the page."""
        own = set(self.trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names())
        return {
            name: getattr(self, name)
            for name in sorted(own - {"_esm", "_css", "_anywidget_id", "_identity", "caption"})
        }

    def _ipython_display_(self) -> None:
        """Display two outputs: the widget, and the page, which hides beside a live widget (`static_model.js`).

        JupyterLab shows no widget in a notebook opened with "No Kernel", even with its state saved (ipywidgets issue
        3773); in a single output it would still prefer the widget to the page.
        """
        widget, metadata = self._repr_mimebundle_()
        page = {name: widget.pop(name) for name in ("text/plain", "text/html")}
        display({**widget, "text/plain": "", "text/html": NO_WIDGET}, metadata=metadata, raw=True)
        display(page, raw=True)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": self.caption, "text/html": self.html}, metadata
