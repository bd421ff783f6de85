"""Segmentation network that runs in the reader's page, at the epoch of a slider."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from torch import Tensor

from dlcvlib import live
from dlcvlib.data import palette
from dlcvlib.files import atomic
from dlcvlib.files.outputs import output_file
from dlcvlib.runs import Run
from dlcvlib.views.live.epoch_networks import EpochNetworks
from dlcvlib.views.palette import HATCH
from dlcvlib.views.records import titles_of
from dlcvlib.views.scrubbers import scrubber, static
from dlcvlib.views.scrubbers.bundle import bundle, slim
from dlcvlib.views.scrubbers.mask_packing import mean_iou, tiles_of
from dlcvlib.views.scrubbers.mask_still import coloured, still
from dlcvlib.views.scrubbers.scrubber import Scrubber

HERE = Path(__file__).parent
STORE = "DLCV_LIVE"
"""Environment variable: folder for the scripts of a page, when a chapter runs for the book."""
PICTURES, PLAN, KERNEL = "pictures", "plan", "kernel"
"""Names of files beside those with weights, which are named by their epochs."""
SHOWN = 3
STILL_COLOURS = 32


class LiveSegmenter(Scrubber):
    """Cover, turn or blur an image, and see what the trained network itself makes of it.

    The weights of an epoch come as a script beside the page in the book, from Python in JupyterLab, and lie in the file
    that `save` writes. Elsewhere the page shows a still picture.

    Attributes:
        errors: True to hatch wrong pixels; synced.
        message: why the weights of an epoch are missing; synced.
    """

    _esm = slim(f"{static.EXPORT}{bundle('segmenter.js', HERE)};\n")
    _css = slim(
        scrubber.STYLE
        + (scrubber.HERE / "masks.css").read_text(encoding="utf-8")
        + (HERE / "segmenter.css").read_text(encoding="utf-8")
    )

    errors = traitlets.Bool(False).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    _normalisation = traitlets.Dict().tag(sync=True)
    _tiles = traitlets.List(traitlets.Dict()).tag(sync=True)
    _hatch = traitlets.List(HATCH).tag(sync=True)
    _remarks = traitlets.Dict().tag(sync=True)
    _inline = traitlets.Dict().tag(sync=True)
    """Pictures, plan and kernel, and in a saved page the weights of every epoch, as bytes by name."""
    _scripts = traitlets.Dict().tag(sync=True)
    """Names of the scripts that hold them in the book."""
    _wanted = traitlets.Int(-1).tag(sync=True)
    """Epoch whose weights the page of a kernel asks for; -1 for none."""
    _weights = traitlets.Bytes().tag(sync=True)
    _weights_epoch = traitlets.Int(-1).tag(sync=True)

    def __init__(
        self,
        run: Run,
        images: Tensor | np.ndarray,
        masks: Tensor | np.ndarray,
        names: Sequence[str],
        *,
        shown: Sequence[str] | None = None,
        epochs: Sequence[int] | None = None,
    ) -> None:
        """Show the network of a segmentation run at the epochs whose weights are kept.

        Args:
            run: the record.
            images: uint8 (N, 3, H, W).
            masks: integer (N, H, W), class ids 0 to 6.
            names: of the images, such as "0013".
            shown: names of the images to show; None for the first three.
            epochs: some of `run.weight_epochs`; None for all.

        Raises:
            ValueError: images, masks and names do not fit each other; the record is damaged or no segmentation, keeps
                no weights of an epoch, or its network has a layer that the page cannot run.
        """
        self._networks = EpochNetworks(run, run.weight_epochs if epochs is None else epochs)
        chosen = self._networks.epochs
        tiles = tiles_of(images, masks, names, names[:SHOWN] if shown is None else shown)
        self._truths = [tile.truth for tile in tiles]
        self._photos = [self._networks.input_of(tile.photo) for tile in tiles]
        pictures = b"".join(
            photo.tobytes() + truth.tobytes() for photo, truth in zip(self._photos, self._truths, strict=True)
        )
        (title,), listed = titles_of([run]), ", ".join(tile.name for tile in tiles)
        classes = [
            {"name": name, "colour": colour.tolist()}
            for name, colour in zip(palette.CLASS_NAMES, palette.COLOURS, strict=True)
        ]
        rows = [{"name": "mean IoU, all validation images", "values": mean_iou(run, chosen)}]
        super().__init__(
            chosen,
            caption=f"{title}: the network itself runs in this page, with its weights after the epoch of the slider, "
            f"on {listed} or an image of yours. A square of the mean colour covers a part of the image.",
            alt=f"{title} on {listed} after epoch {chosen[-1]}: image, predicted mask and true mask",
            _classes=classes,
            _figures=[{"title": title, "rows": rows}],
            _normalisation={"mean": list(self._networks.mean), "std": list(self._networks.std)},
            _tiles=[{"name": tile.name, "width": tile.truth.shape[1], "height": tile.truth.shape[0]} for tile in tiles],
            _remarks=_remarks(run, self._networks),
            _inline={PICTURES: pictures, PLAN: self._networks.plan.to_json().encode(), KERNEL: live.kernel()},
        )
        self.observe(self._answer, "_wanted")

    def still(self) -> bytes:
        """Return the images, the masks that torch predicts at the last epoch, and the true masks as PNG."""
        predicted = self.predict(self.epochs[-1])
        rows = zip(self._photos, coloured(predicted), coloured(self._truths), strict=True)
        return still([list(row) for row in rows][:1], colours=STILL_COLOURS)

    def predict(self, epoch: int) -> np.ndarray:
        """Return the masks, uint8 (N, H, W), that torch predicts at an epoch for the images shown."""
        return self._networks.predict(epoch, self._photos, self._truths[0].shape)

    def save(self, path: str | Path, *, replace: bool = False) -> None:
        """Write one self-contained HTML page, with the weights of every epoch: about a megabyte each.

        Args:
            path: file of the page.
            replace: True to replace a file that dlcvlib did not write.

        Raises:
            dlcvlib.files.outputs.ForeignFileError: the file exists, was not written by dlcvlib, and `replace` is False.
        """
        values = self._values() | {"_inline": self._files(), "_scripts": {}}
        with output_file(path, replace=replace) as file:
            file.write(static.page(self._figure(values), title=self.caption).encode())

    @property
    def html(self) -> str:
        """`<figure>` for the book, where the weights lie in scripts beside the page."""
        folder = os.environ.get(STORE)
        if not folder:
            return self._figure(self._values())
        return self._figure(self._values() | {"_inline": {}, "_scripts": self.write_scripts(Path(folder))})

    def write_scripts(self, folder: Path) -> dict[str, str]:
        """Write pictures, plan, kernel and the weights of every epoch as scripts; return their names, without ".js"."""
        folder.mkdir(parents=True, exist_ok=True)
        names = {}
        for key, content in self._files().items():
            names[key], text = live.weights_script(content)
            if not (folder / f"{names[key]}.js").exists():
                atomic.write_text(folder / f"{names[key]}.js", text)
        return names

    def _files(self) -> dict[str, bytes]:
        return {**self._inline, **{str(epoch): self._networks.packed(epoch) for epoch in self.epochs}}

    def _figure(self, values: dict[str, Any]) -> str:
        texts = {"identity": self._identity, "caption": self.caption, "alt": self.alt}
        return static.figure(self._esm, self._css, values, self.still(), **texts)

    def _values(self) -> dict[str, Any]:
        return super()._values() | {"_weights": b"", "_weights_epoch": -1, "_wanted": -1}

    def _answer(self, change: dict[str, Any]) -> None:
        """Send the weights of the epoch that the page asks for, or say why there are none."""
        epoch = change["new"]
        if epoch not in self.epochs:
            return
        try:
            weights, message = self._networks.packed(epoch), ""
        except (OSError, ValueError) as error:
            weights, message = b"", f"The weights of epoch {epoch} cannot be read: {error}"
        with self.hold_sync():
            self.message, self._weights, self._weights_epoch = message, weights, epoch


def _remarks(run: Run, networks: EpochNetworks) -> dict[str, str]:
    """Sentences of the page that depend on the record."""
    data = run.info["data"]
    drawn = "drawn " if data.get("is_toy") else ""
    images = f"{data.get('train_images', 'some')} {drawn}satellite images"
    own = (
        f"The network was trained on {images} and knows nothing else: on a picture of another kind its mask says "
        "little about the picture. This is called distribution shift."
    )
    pass_ = "The masks of the record are means over eight turned views; here the image passes once."
    return {"own": own, "passes": pass_ if networks.averages else ""}
