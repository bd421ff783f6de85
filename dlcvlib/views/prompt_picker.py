"""Widget to prompt a segmentation by points and a box on an image.

In JupyterLab the kernel answers. A page has no kernel: there the regions that were found beforehand answer, if they are
given, and otherwise a still picture shows the initial prompt and its answer.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets
from PIL import Image, ImageDraw
from scipy import ndimage
from torch import Tensor

from dlcvlib.views.display import Picture, checked_text
from dlcvlib.views.images import channels_last
from dlcvlib.views.palette import BLUE, ORANGE, VERMILION, rgb
from dlcvlib.views.scrubbers import static
from dlcvlib.views.scrubbers.bundle import bundle

HERE = Path(__file__).parent
SIDE = 384  # smallest width of the picture, in pixels
TINT, INSIDE, OUTSIDE = BLUE, ORANGE, VERMILION
OPACITY = 140  # of 255, of the mask
Segment = Callable[[list[list[float]], list[int], list[float]], np.ndarray]


class PromptPicker(anywidget.AnyWidget):
    """Image on which to set points and a box.

    A click sets a foreground point, a click with Alt or Shift a background point, a drag a box. By keyboard: arrows
    move a cursor, Enter and Shift+Enter set a point, B a corner of the box, Backspace removes the last
    point or the box.

    Attributes:
        points: [x, y] of each point, in pixels from the upper left; all attributes are synced.
        labels: 1 (foreground) or 0 (background) for each point.
        box: [x0, y0, x1, y1], or empty.
        message: error of the last call of `segment`; empty if there was none.
    """

    _esm = f"{static.EXPORT}{bundle('prompt_picker.js', HERE)};\n"

    points = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    labels = traitlets.List(traitlets.Int()).tag(sync=True)
    box = traitlets.List(traitlets.Float()).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    caption = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    _size = traitlets.List(traitlets.Int()).tag(sync=True)
    _photo = traitlets.Bytes().tag(sync=True)
    _overlay = traitlets.Bytes().tag(sync=True)
    _colours = traitlets.List([INSIDE, OUTSIDE]).tag(sync=True)
    _tint = traitlets.List([*rgb(TINT), OPACITY]).tag(sync=True)

    def __init__(
        self,
        image: Tensor | np.ndarray,
        segment: Segment | None = None,
        *,
        points: Sequence[Sequence[float]] = (),
        labels: Sequence[int] = (),
        box: Sequence[float] = (),
        regions: np.ndarray | None = None,
        caption: str,
        alt: str,
    ) -> None:
        """Show an image with a given prompt.

        Args:
            image: uint8 (3, H, W).
            segment: called with points, labels and box whenever they change; returns a mask, bool (H, W), drawn over
                the image. None shows the prompt alone.
            points: initial points, as in the attributes.
            labels: one for each point.
            box: initial box, or empty.
            regions: index of each pixel's region, integer (H, W), negative for none: what answers on a page. None for
                a still picture there.
            caption: text below the picture.
            alt: alt text.

        Raises:
            ValueError: the image has another dtype or shape, points and labels differ in number, the regions do not
                fit the image, or a text is empty.
        """
        self._pixels = channels_last(np.asarray(image)[None])[0]
        if len(points) != len(labels):
            raise ValueError(f"{len(points)} points need as many labels, got {len(labels)}")
        if regions is not None and regions.shape != self._pixels.shape[:2]:
            raise ValueError(f"regions of {regions.shape} do not fit an image of {self._pixels.shape[:2]} pixels")
        self._regions = regions
        self._segment = segment
        self.mask: np.ndarray | None = None
        self._answered: tuple[Any, ...] | None = None
        height, width = self._pixels.shape[:2]
        super().__init__(
            points=[[float(x), float(y)] for x, y in points],
            labels=[int(label) for label in labels],
            box=[float(edge) for edge in box],
            caption=checked_text(caption, "caption"),
            alt=checked_text(alt, "alt"),
            _size=[width, height],
            _photo=_png(Image.fromarray(self._pixels)),
        )
        self._answer()
        self.observe(self._answer, ["points", "labels", "box"])

    def still(self) -> Image.Image:
        """Return the image with the current mask and prompt."""
        scale = max(1, -(-SIDE // self._size[0]))
        large = Image.fromarray(self._pixels).resize([scale * side for side in self._size], Image.Resampling.NEAREST)
        if self._overlay:
            overlay = Image.open(io.BytesIO(self._overlay)).resize(large.size, Image.Resampling.NEAREST)
            large.paste(overlay, mask=overlay)
        _draw_prompt(ImageDraw.Draw(large), scale, self.points, self.labels, self.box)
        return large

    def picture(self) -> Picture:
        """Return a still picture with its caption."""
        large = self.still()
        source = base64.b64encode(_png(large)).decode()
        look = f"width: {large.width}px; max-width: 100%"
        body = f'<img src="data:image/png;base64,{source}" alt="{escape(self.alt)}" style="{look}">'
        return Picture(body, self.caption, self.alt)

    @property
    def html(self) -> str:
        """A `<figure>` for a page: with regions it answers to prompts, without it is the still picture."""
        if self._regions is None:
            return self.picture().html
        own = set(self.trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names())
        values = {name: getattr(self, name) for name in sorted(own - {"_esm", "caption", "message"})}
        values |= {"_regions": _region_file(self._regions), "caption": "", "message": ""}
        texts = {"identity": self.model_id or "", "caption": self.caption, "alt": self.alt}
        return static.figure(self._esm, "", values, _png(self.still()), **texts)

    def _answer(self, _: Any = None) -> None:
        """Call `segment`; an error is shown in `message`, since the page would not show an exception of the kernel."""
        prompt = (self.points, self.labels, self.box)
        if prompt == self._answered or len(self.points) != len(self.labels):
            return  # a click changes points and labels, two notifications
        self._answered = prompt
        self.mask, message = None, ""
        if self._segment is not None and (self.points or self.box):
            try:
                self.mask = np.asarray(self._segment(self.points, self.labels, self.box), dtype=bool)
            except Exception as error:
                message = f"There is no answer to this prompt: {error}"
        with self.hold_sync():
            self.message = message
            self._overlay = b"" if self.mask is None else _overlay(self.mask)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": self.caption, "text/html": self.html}, metadata


def _overlay(mask: np.ndarray) -> bytes:
    """PNG of a mask: tinted, with a white border inside."""
    layer = np.zeros((*mask.shape, 4), dtype=np.uint8)
    layer[mask] = (*rgb(TINT), OPACITY)
    layer[mask & ~ndimage.binary_erosion(mask)] = (255, 255, 255, 255)
    return _png(Image.fromarray(layer))


def _region_file(regions: np.ndarray) -> bytes:
    """PNG of the regions: index plus one, its low byte in red and its high byte in green."""
    index = np.maximum(regions, -1) + 1
    if index.max() > 0xFFFF:
        raise ValueError(f"there are {index.max()} regions; a page can hold {0xFFFF}")
    channels = np.stack([index & 0xFF, index >> 8, np.zeros_like(index)], axis=-1)
    return _png(Image.fromarray(channels.astype(np.uint8)))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _draw_prompt(
    draw: ImageDraw.ImageDraw, scale: int, points: list[list[float]], labels: list[int], box: list[float]
) -> None:
    """Draw circles with a plus for foreground and a minus for background points, and the box."""
    if box:
        draw.rectangle([scale * edge for edge in box], outline="white", width=4)
        draw.rectangle([scale * edge for edge in box], outline=INSIDE, width=2)
    for (x, y), label in zip(points, labels, strict=True):
        x, y, radius = scale * x, scale * y, 8
        circle = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(circle, fill=INSIDE if label else OUTSIDE, outline="white", width=2)
        draw.line((x - 4, y, x + 4, y), fill="white", width=2)
        if label:
            draw.line((x, y - 4, x, y + 4), fill="white", width=2)
