"""Nearest neighbours of images in feature space, over the epochs of training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
import torch
from torch import Tensor

from dlcvlib.metrics import chance_purity, nearest_others, neighbour_purity
from dlcvlib.runs import Run
from dlcvlib.views.display import Picture
from dlcvlib.views.images import cell, channels_last
from dlcvlib.views.palette import GRID, names_of
from dlcvlib.views.records import snapshot_with, title_of

TICK, CROSS = "✓", "✗"
MOST_EPOCHS = 6


def neighbours(
    run: Run,
    images: Tensor | np.ndarray,
    queries: int | Sequence[int] = 4,
    k: int = 6,
    epochs: Iterable[int] | None = None,
    *,
    class_names: Sequence[str] = (),
    side: int = 84,
) -> Picture:
    """Show a few query images with their nearest neighbours by cosine similarity at several epochs, nearest first.

    A tick marks a neighbour of the query's class, a cross one of another class.

    Args:
        run: a record whose snapshots hold features, labels and indices.
        images: uint8 (M, 3, H, W), the whole split that the snapshots' indices point into.
        queries: number of queries, sampled evenly over the classes, or rows of the snapshot.
        k: number of neighbours.
        epochs: epochs with a snapshot, at most six; None for the first, middle and last after training began.
        class_names: by class id; empty for none.
        side: width of an image on the screen, in pixels.

    Raises:
        FileNotFoundError: an epoch without snapshot.
        ValueError: no query or one beyond the snapshot, k out of range, indices beyond the images given, too few class
            names, or an epoch whose snapshot holds other images.
    """
    chosen = tuple(dict.fromkeys(run.first_middle_last() if epochs is None else epochs))
    if not 1 <= len(chosen) <= MOST_EPOCHS:
        raise ValueError(f"1 to {MOST_EPOCHS} epochs fit below each other, got {len(chosen)}")
    snapshots = [snapshot_with(run, epoch, ("features", "labels", "indices"))[1] for epoch in chosen]
    labels, indices = snapshots[0]["labels"], snapshots[0]["indices"]
    for epoch, snapshot in zip(chosen, snapshots, strict=True):
        if not np.array_equal(snapshot["indices"], indices):
            raise ValueError(f"{run.path}: the snapshot of epoch {epoch} is of other images than that of {chosen[0]}")
    if indices.max() >= len(images):
        raise ValueError(
            f"the snapshot shows image {indices.max()}, but only {len(images)} images are given: give the whole split"
        )
    rows = _rows(queries, labels)
    nearest = [nearest_others(snapshot["features"].astype(np.float32), k).numpy() for snapshot in snapshots]

    names = names_of(list(class_names), int(labels.max()) + 1) if class_names else []
    pixels = {
        index: channels_last(torch.as_tensor(images)[[int(indices[index])]])[0] for index in _shown(rows, nearest)
    }

    def query(row: int) -> str:
        title = names[labels[row]] if names else "query"
        return cell(
            pixels[row], title, f"query: image {indices[row]} {title if names else ''}".strip(), side, lossy=True
        )

    def neighbour(index: int, row: int, epoch: int) -> str:
        same = labels[index] == labels[row]
        title = f"{TICK if same else CROSS} {names[labels[index]] if names else ''}".strip()
        label = f"epoch {epoch}: image {indices[index]}, {'the same class' if same else 'another class'}"
        return cell(pixels[index], title, label, side, lossy=True)

    blocks = []
    for row in rows:
        lines = [
            _line(f"epoch {epoch}", [neighbour(index, row, epoch) for index in near[row]])
            for epoch, near in zip(chosen, nearest, strict=True)
        ]
        blocks.append(_block(query(row), lines))
    shares = [neighbour_purity(torch.from_numpy(near), labels) for near in nearest]
    listed = ", ".join(f"{share:.3f} at epoch {epoch}" for epoch, share in zip(chosen, shares, strict=True))
    caption = (
        f"{title_of(run)}: {len(rows)} queries, and beside each the {k} nearest by cosine similarity of the features, "
        f"nearest first; {TICK} under one of its own class, {CROSS} under another. {_how_chosen(queries, rows)} "
        f"Share of the {k} nearest of the same class, over all {len(labels)} images of the snapshot: {listed}; "
        f"by chance it would be {chance_purity(labels):.3f}."
    )
    alt = f"{len(rows)} small images, each with its {k} nearest at {len(chosen)} epochs. Same class: {listed}."
    return Picture(f'<div role="group" aria-label="{escape(alt)}">\n{"".join(blocks)}\n</div>', caption, alt)


def _rows(queries: int | Sequence[int], labels: np.ndarray) -> list[int]:
    """Rows of the snapshot: those given, or sampled evenly after sorting by class."""
    count = len(labels)
    if isinstance(queries, int):
        if not 1 <= queries <= count:
            raise ValueError(f"queries must be 1 to {count}, the images of the snapshot, got {queries}")
        by_class = np.argsort(labels, kind="stable")
        return [int(by_class[(2 * number + 1) * count // (2 * queries)]) for number in range(queries)]
    rows = [int(row) for row in queries]
    outside = [row for row in rows if not 0 <= row < count]
    if not rows or outside:
        raise ValueError(f"queries must name rows 0 to {count - 1} of the snapshot, got {outside or 'none'}")
    return rows


def _shown(rows: list[int], nearest: list[np.ndarray]) -> set[int]:
    return set(rows) | {int(index) for near in nearest for index in near[rows].flat}


def _how_chosen(queries: int | Sequence[int], rows: list[int]) -> str:
    listed = f"rows {', '.join(map(str, rows))} of the snapshot"
    if isinstance(queries, int):
        return f"The queries are sampled evenly over the classes ({listed}), not picked for their result."
    return f"The queries were picked by hand ({listed}), so they are not representative."


def _line(label: str, cells: list[str]) -> str:
    """HTML of the neighbours at one epoch."""
    name = f'<div style="font-size: 0.85em">{label}</div>'
    look = f"display: grid; grid-template-columns: 4.5em repeat({len(cells)}, minmax(0, 1fr)); gap: 6px"
    return f'<div style="{look}; margin-bottom: 6px">{name}{"".join(cells)}</div>'


def _block(query: str, lines: list[str]) -> str:
    """HTML of a query with its neighbours to the right."""
    look = "display: flex; gap: 16px; text-align: left; padding: 10px 0; border-top: 1px solid " + GRID
    beside = f'<div style="flex: auto; min-width: 0">{"".join(lines)}</div>'
    return f'<div style="{look}"><div style="flex: none">{query}</div>{beside}</div>'
