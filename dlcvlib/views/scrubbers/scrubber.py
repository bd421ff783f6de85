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
from dlcvlib.views.display import said
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
        epochs: the epochs there are, ascending, in general with gaps; at least one.
        epoch: the one shown, of `epochs`; synced. Set from Python to another it raises; set by a linked widget (an
            `ipywidgets.IntSlider` knows no gaps) it becomes the nearest one before.
        classes: ids of the classes shown in full; none is allowed, and said in the picture.
        caption: what to notice.
        alt: what is seen, for a reader who does not see it.
        _classes: what the legend shows: for each class `name`, and what the scrubber's own swatch needs.
        _figures: for each of the panes side by side `title` and `rows`, each with `name` and `values`: one number an
            epoch, None where there is none.
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
        """Show the last of `epochs`; `values` are those of the other traits.

        Raises:
            ValueError: no epoch, epochs out of order, or an empty `caption` or `alt`.
        """
        epochs = [int(epoch) for epoch in epochs]
        if not epochs or sorted(set(epochs)) != epochs:
            raise ValueError(f"a scrubber needs at least one epoch, each once and in ascending order, got {epochs}")
        everything = list(range(len(values.get("_classes", []))))
        texts = {"caption": said(caption, "caption"), "alt": said(alt, "alt")}
        texts["_identity"] = uuid.uuid4().hex
        super().__init__(**{"classes": everything, "epochs": epochs, "epoch": epochs[-1], **texts, **values})

    def still(self) -> bytes:
        """The last epoch as PNG, for viewers that run no script; it should suit light and dark pages."""
        raise NotImplementedError

    @property
    def html(self) -> str:
        """The `<figure>` that works without kernel, network or other files."""
        texts = {"identity": self._identity, "caption": self.caption, "alt": self.alt}
        return static.figure(self._esm, self._css, self._values(), self.still(), **texts)

    def save(self, path: str | Path, *, replace: bool = False) -> None:
        """Write a page that holds just this scrubber, whole in one file, to be opened by any browser offline.

        Args:
            path: file of the page.
            replace: also a file there that dlcvlib did not write.

        Raises:
            dlcvlib.files.outputs.ForeignFileError: such a file is there.
        """
        with output_file(path, replace=replace) as file:
            file.write(static.page(self.html, title=self.caption).encode())

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what a page sets, the epoch as the nearest one before if there is none such."""
        if "epoch" in sync_data:
            place = bisect_right(self.epochs, sync_data["epoch"]) - 1
            sync_data = {**sync_data, "epoch": self.epochs[max(place, 0)]}
        super().set_state(sync_data)

    @traitlets.validate("epoch")
    def _valid_epoch(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] not in self.epochs:
            raise ValueError(f"there is no epoch {proposal['value']} to show; choose one of {self.epochs}")
        return int(proposal["value"])

    @traitlets.validate("classes")
    def _valid_classes(self, proposal: dict[str, Any]) -> list[int]:
        strangers = sorted(set(proposal["value"]) - set(range(len(self._classes))))
        if strangers:
            raise ValueError(f"classes go from 0 to {len(self._classes) - 1}, got {strangers}")
        return sorted(set(proposal["value"]))

    def _values(self) -> dict[str, Any]:
        """What the page needs of the traits: the synced ones that are not every widget's."""
        own = set(self.trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names())
        return {
            name: getattr(self, name)
            for name in sorted(own - {"_esm", "_css", "_anywidget_id", "_identity", "caption"})
        }

    def _ipython_display_(self) -> None:
        """Two outputs: the widget, and the page that gives way to it where it lives (`static_model.js`).

        JupyterLab shows no widget in a notebook opened with "No Kernel", even with its state saved (ipywidgets issue
        3773), and in one output it would prefer that to the page.
        """
        widget, metadata = self._repr_mimebundle_()
        page = {name: widget.pop(name) for name in ("text/plain", "text/html")}
        display({**widget, "text/plain": "", "text/html": NO_WIDGET}, metadata=metadata, raw=True)
        display(page, raw=True)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": self.caption, "text/html": self.html}, metadata
