"""Grids of images: samples, confident mistakes, and images beside their masks.

Titles are HTML text, not pixels: they follow the page's theme, can be searched, and work with screen readers.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dlcvlib.data.palette import CLASS_NAMES, COLOURS
from dlcvlib.runs import Run
from dlcvlib.views.display import Picture
from dlcvlib.views.palette import names_of
from dlcvlib.views.records import snapshot_with, title_of

GAP = 8  # pixels between the images of a grid
NARROWEST = 96  # pixels of a column that holds a title


def image_grid(
    images: Tensor | np.ndarray,
    titles: Sequence[str] = (),
    *,
    caption: str,
    alt: str,
    side: int = 84,
    columns: int | None = None,
) -> Picture:
    """Show images in rows, each with its title below it.

    Args:
        images: uint8 (N, 3, H, W).
        titles: one for each image, or none.
        caption: text below the picture.
        alt: alt text.
        side: width of an image on the screen, in pixels; less if a row is wider than the page.
        columns: images in a row; None to fill the page.

    Raises:
        ValueError: images of another type or shape, another number of titles, empty caption or alt text, or no column.
    """
    if columns is not None and columns < 1:
        raise ValueError(f"columns must be at least 1, got {columns}")
    pixels = channels_last(images)
    if titles and len(titles) != len(pixels):
        raise ValueError(f"{len(titles)} titles do not fit {len(pixels)} images")
    cells = [
        cell(image, title, title or f"image {number}", side)
        for number, (image, title) in enumerate(zip(pixels, titles or [""] * len(pixels), strict=True), start=1)
    ]
    return _picture(_grid(cells, side, columns), caption, alt)


def most_confused(
    run: Run,
    images: Tensor | np.ndarray,
    count: int = 20,
    *,
    epoch: int | None = None,
    class_names: Sequence[str] = (),
    side: int = 84,
) -> Picture:
    """Show the wrongly classified images of highest confidence, in descending order.

    Args:
        run: a classification record.
        images: uint8 (N, 3, H, W), the whole split that the snapshot's indices point into.
        count: number of images at most.
        epoch: an epoch with a snapshot; None for the last.
        class_names: by class id; empty to show the ids.
        side: width of an image on the screen, in pixels.

    Raises:
        FileNotFoundError: no snapshot of this epoch.
        ValueError: indices beyond the images given, too few class names, or a snapshot without predictions.
    """
    epoch, snapshot = snapshot_with(run, epoch, ("labels", "predicted", "confidence", "indices"))
    labels, predicted, indices = snapshot["labels"], snapshot["predicted"], snapshot["indices"]
    if indices.max() >= len(images):
        raise ValueError(
            f"the snapshot shows image {indices.max()}, but only {len(images)} images are given: give the whole split"
        )
    names = names_of(list(class_names), int(max(labels.max(), predicted.max())) + 1)
    wrong = np.flatnonzero(labels != predicted)
    surest = wrong[np.argsort(-snapshot["confidence"][wrong].astype(np.float32), kind="stable")][:count]
    what = f"{title_of(run)} after epoch {epoch}"
    if len(surest) == 0:
        return _picture("<p>There is no wrong image to show.</p>", f"{what}: no image is classified wrongly.", what)
    titles = [
        f"{names[labels[row]]} → {names[predicted[row]]} ({float(snapshot['confidence'][row]):.2f})" for row in surest
    ]
    caption = (
        f"{what}: the {len(surest)} of {len(wrong)} wrongly classified images with the highest confidence. "
        "Below each the true class → the predicted one, and the confidence."
    )
    alt = f"{len(surest)} small images, the first: {titles[0]}."
    shown = torch.as_tensor(images)[torch.from_numpy(indices[surest].astype(np.int64))]
    return image_grid(shown, titles, caption=caption, alt=alt, side=max(side, 96))


def mask_pairs(
    images: Tensor | np.ndarray, masks: Tensor | np.ndarray, titles: Sequence[str] = (), *, side: int = 180
) -> Picture:
    """Show satellite images beside their masks in the course's colours, with a legend and each class's share of pixels.

    Args:
        images: uint8 (N, 3, H, W).
        masks: integer (N, H, W), class ids 0 to 6.
        titles: one for each pair, or none.
        side: width of an image on the screen, in pixels.

    Raises:
        ValueError: images or masks of another type or shape, a class id out of range, or titles that do not fit.
    """
    pixels, ids = channels_last(images), torch.as_tensor(masks).cpu().numpy()
    if ids.shape != pixels.shape[:3]:
        raise ValueError(f"masks of shape {ids.shape} do not fit images of {len(pixels)} x {pixels.shape[1:3]} pixels")
    if ids.min() < 0 or ids.max() >= len(CLASS_NAMES):
        raise ValueError(f"masks hold class ids {ids.min()} to {ids.max()}, outside 0 to {len(CLASS_NAMES) - 1}")
    if titles and len(titles) != len(pixels):
        raise ValueError(f"{len(titles)} titles do not fit {len(pixels)} pairs")
    coloured = COLOURS[ids]
    cells = []
    for number, (image, mask) in enumerate(zip(pixels, coloured, strict=True)):
        title = titles[number] if titles else f"pair {number + 1}"
        pair = cell(image, title, f"{title}, satellite image", side) + cell(mask, "mask", f"{title}, mask", side)
        cells.append(f'<div style="display: flex; gap: 4px">{pair}</div>')
    shares = np.bincount(ids.reshape(-1), minlength=len(CLASS_NAMES)) / ids.size
    summary = ", ".join(f"{name} {share:.3f}" for name, share in zip(CLASS_NAMES, shares, strict=True))
    caption = f"{len(pixels)} satellite images and their masks. Shares of the pixels shown: {summary}."
    alt = f"{len(pixels)} pairs of a satellite image and its mask in seven colours. Shares of the classes: {summary}."
    return _picture(_grid(cells, 2 * side + 4) + mask_legend(), caption, alt)


def mask_legend() -> str:
    """HTML of the mask classes and their colours."""
    swatch = (
        "display: inline-block; width: 1em; height: 1em; border: 1px solid gray; vertical-align: -0.1em; "
        "print-color-adjust: exact"
    )
    entries = [
        f'<span><span style="{swatch}; background: rgb{tuple(colour)}"></span> {name}</span>'
        for name, colour in zip(CLASS_NAMES, COLOURS.tolist(), strict=True)
    ]
    return f'<div style="display: flex; flex-wrap: wrap; gap: 0.2em 1em; margin-top: 0.5em">{"".join(entries)}</div>'


def channels_last(images: Tensor | np.ndarray) -> np.ndarray:
    """Convert images from uint8 (N, 3, H, W) to uint8 (N, H, W, 3).

    Raises:
        ValueError: other dtype or shape, or no image.
    """
    values = torch.as_tensor(images).cpu().numpy()
    if values.dtype != np.uint8 or values.ndim != 4 or values.shape[1] != 3 or values.size == 0:
        raise ValueError(f"images must be uint8 of shape (N, 3, H, W), got {values.dtype} of shape {values.shape}")
    return values.transpose(0, 2, 3, 1)


def cell(pixels: np.ndarray, title: str, alt: str, side: int, *, lossy: bool = False) -> str:
    """HTML of one image with its title below it.

    Args:
        pixels: uint8 (H, W, 3).
        title: text below the image; empty for none.
        alt: alt text.
        side: width on the screen, in pixels.
        lossy: encode as JPEG, a fifth of the size of PNG.
    """
    file, kind = io.BytesIO(), "jpeg" if lossy else "png"
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, kind, optimize=True, quality=85)
    source = base64.b64encode(file.getvalue()).decode()
    drawing = " image-rendering: pixelated;" if pixels.shape[1] < side else ""
    below = f'<div style="font-size: 0.75em; line-height: 1.2; overflow-wrap: anywhere">{escape(title)}</div>'
    picture = (
        f'<img src="data:image/{kind};base64,{source}" alt="{escape(alt)}" '
        f'style="width: {side}px; max-width: 100%; display: block; margin: 0;{drawing}">'
    )
    return f'<div style="width: {side}px; max-width: 100%">{picture}{below if title else ""}</div>'


def _grid(cells: list[str], width: int, columns: int | None = None) -> str:
    least, most = f"min({width}px, 100%)", ""
    if columns is not None:
        gaps = GAP * (columns - 1)
        # On a narrow page fewer columns, so that titles stay readable.
        least = f"max({min(NARROWEST, width)}px, (100% - {gaps + 1}px) / {columns})"
        most = f" max-width: {columns * width + gaps}px;"
    template = f"repeat(auto-fill, minmax({least}, 1fr))"
    return f'<div style="display: grid; grid-template-columns: {template}; gap: {GAP}px;{most}">{"".join(cells)}</div>'


def _picture(body: str, caption: str, alt: str) -> Picture:
    if not caption.strip() or not alt.strip():
        raise ValueError("caption or alt is empty: every picture has both")
    return Picture(f'<div role="group" aria-label="{escape(alt)}">\n{body}\n</div>', caption, alt)
