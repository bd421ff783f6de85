"""Maps of a run record's snapshots, cached in the `embeddings/` folder of the record."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from dlcvlib.embedding import chain
from dlcvlib.embedding.series import EmbeddingSeries, Method, measured
from dlcvlib.files.arrays import read_cache, write_cache
from dlcvlib.metrics.maps import centred
from dlcvlib.runs import Run

CHAINS: dict[str, Callable[..., list[np.ndarray]]] = {
    "tsne": chain.tsne_chain,
    "umap": chain.umap_chain,
    "pca": chain.pca_chain,
    "separate": chain.separate_tsne,
}
# Everything that maps depend on besides the snapshots; part of the names of cached files.
PARAMETERS = {
    "version": 3,
    "components": chain.COMPONENTS,
    "perplexity": chain.PERPLEXITY,
    "neighbours": chain.NEIGHBOURS,
    "tsne_steps": chain.TSNE_STEPS,
    "umap_steps": chain.UMAP_STEPS,
    "umap_rate": chain.UMAP_RATE,
}


def embed(run: Run, method: Method = "tsne", epochs: Iterable[int] | None = None, seed: int = 0) -> EmbeddingSeries:
    """Map the snapshots of a run, each epoch initialised from the one before (see `dlcvlib.embedding.chain`).

    The maps are cached in the record's `embeddings/` and stay valid, also on another machine, as long as the contents
    of the snapshots do not change; a damaged file is replaced. If epochs were added after the last one, a cached chain
    is extended and its shorter file removed. Equal seeds give equal maps on one machine; another processor or library
    version may round differently, which t-SNE and UMAP amplify.

    Args:
        run: the record.
        method: "tsne", "umap", "pca", or "separate" (see `separate_runs`).
        epochs: epochs to map, chained in ascending order; None for all with a snapshot. The maps depend on this choice.
        seed: seed of the method.

    Raises:
        ValueError: unknown method, no epoch, snapshots of different points, or features that cannot be mapped.
        FileNotFoundError: an epoch without snapshot.
    """
    chosen = _chosen(run, method, epochs)
    snapshots = _same_points(run, chosen)
    *shorter, file = _files(run, method, chosen, seed, snapshots)
    arrays = _read(file, method, chosen, snapshots)
    if arrays is None:
        chained = method in ("tsne", "umap")
        begun = _cached_chain(shorter, method, chosen, snapshots) if chained else []
        arrays = _computed(method, chosen, seed, snapshots, begun)
        write_cache(file, arrays)
        if chained and file.is_file():
            for old in shorter:  # following a training run would leave one an epoch
                old.unlink(missing_ok=True)
    return _series(arrays, method)


def separate_runs(run: Run, epochs: Iterable[int] | None = None, seed: int = 0) -> EmbeddingSeries:
    """Map each epoch by an independent t-SNE with its own random initialisation, in contrast to the chain of `embed`.

    The maps are centred and scaled to radius 1, but not rotated onto each other; otherwise as `embed`.
    """
    return embed(run, "separate", epochs, seed)


def cached_maps(
    run: Run, method: Method = "tsne", epochs: Iterable[int] | None = None, seed: int = 0
) -> EmbeddingSeries | None:
    """Return the maps of `embed` if they are cached, else None."""
    chosen = _chosen(run, method, epochs)
    snapshots = _same_points(run, chosen)
    *_, file = _files(run, method, chosen, seed, snapshots)
    arrays = _read(file, method, chosen, snapshots)
    return None if arrays is None else _series(arrays, method)


def _chosen(run: Run, method: str, epochs: Iterable[int] | None) -> tuple[int, ...]:
    if method not in CHAINS:
        raise ValueError(f"method must be one of {', '.join(CHAINS)}, got {method!r}")
    chosen = tuple(sorted(set(run.snapshot_epochs if epochs is None else epochs)))
    if not chosen:
        raise ValueError(f"{run.path} has no snapshot to map: choose epochs, or train it with snapshots")
    return chosen


def _same_points(run: Run, epochs: tuple[int, ...]) -> list[dict[str, np.ndarray]]:
    snapshots = [run.snapshot(epoch) for epoch in epochs]
    for epoch, snapshot in zip(epochs, snapshots, strict=True):
        for name in ("features", "labels", "indices"):
            if name not in snapshot:
                raise ValueError(
                    f"the snapshot of epoch {epoch} in {run.path} holds no `{name}`, only {list(snapshot)}"
                )
        if not np.isfinite(snapshot["features"]).all():
            raise ValueError(
                f"{run.path}: the features of epoch {epoch} hold nan or infinity (had the training diverged by then?); "
                "choose epochs before it"
            )
        for name in ("labels", "indices"):
            if not np.array_equal(snapshot[name], snapshots[0][name]):
                raise ValueError(
                    f"{run.path}: the snapshot of epoch {epoch} holds other {name} than that of epoch {epochs[0]}; "
                    "maps over epochs need the same points throughout, so train this record again"
                )
    return snapshots


def _files(
    run: Run, method: str, epochs: tuple[int, ...], seed: int, snapshots: list[dict[str, np.ndarray]]
) -> list[Path]:
    """Cache files for the maps of the first epoch, of the first two, … of all.

    The names are digests of the contents, not of times, so that the cache of a copied record stays valid.
    """
    digest = hashlib.sha256(json.dumps([method, seed, PARAMETERS]).encode())
    files = []
    for epoch, snapshot in zip(epochs, snapshots, strict=True):
        digest.update(f"epoch {epoch}".encode())
        for name in ("features", "labels", "indices"):
            digest.update(f"{snapshot[name].dtype}{snapshot[name].shape}".encode())
            digest.update(np.ascontiguousarray(snapshot[name]).tobytes())
        files.append(run.path / "embeddings" / f"{method}-{digest.hexdigest()[:16]}.npz")
    return files


def _cached_chain(
    shorter: list[Path], method: str, epochs: tuple[int, ...], snapshots: list[dict[str, np.ndarray]]
) -> list[np.ndarray]:
    """Maps of the longest cached chain over the first epochs; empty if there is none."""
    for length in range(len(shorter), 0, -1):
        arrays = _read(shorter[length - 1], method, epochs[:length], snapshots[:length])
        if arrays is not None:
            return list(arrays["maps"])
    return []


def _computed(
    method: str, epochs: tuple[int, ...], seed: int, snapshots: list[dict[str, np.ndarray]], begun: list[np.ndarray]
) -> dict[str, np.ndarray]:
    """Compute the arrays of a series; `begun` holds the maps of its first epochs."""
    features = [snapshot["features"].astype(np.float32) for snapshot in snapshots]
    labels, indices = snapshots[0]["labels"].astype(np.int64), snapshots[0]["indices"].astype(np.int64)
    maps = begun + CHAINS[method](features[len(begun) :], seed, *begun[-1:])
    if method == "separate":
        coordinates = np.stack([centred(points) for points in maps]).astype(np.float32)
    else:
        coordinates = chain.aligned(maps)
    quality = measured(coordinates, features, labels, epochs)
    columns = {f"quality_{name}": quality[name].to_numpy() for name in quality.columns}
    own = {"maps": np.stack(maps)} if method in ("tsne", "umap") else {}  # unscaled, to extend the chain from
    return {"coordinates": coordinates, "labels": labels, "indices": indices, **own, **columns}


def _read(
    file: Path, method: str, epochs: tuple[int, ...], snapshots: list[dict[str, np.ndarray]]
) -> dict[str, np.ndarray] | None:
    """Read what `_computed` returned; None if the file is missing, damaged, or of other points or epochs."""
    arrays = read_cache(file)
    if arrays is None:
        return None
    expected = {"quality_epoch": np.array(epochs), **{name: snapshots[0][name] for name in ("labels", "indices")}}
    maps = ("coordinates", "maps") if method in ("tsne", "umap") else ("coordinates",)
    shape = (len(epochs), len(snapshots[0]["labels"]), 2)
    same_points = all(name in arrays and np.array_equal(arrays[name], values) for name, values in expected.items())
    if same_points and all(name in arrays and arrays[name].shape == shape for name in maps):
        return arrays
    print(f"{file} holds maps of other points or epochs; it is computed again", file=sys.stderr)
    return None


def _series(arrays: dict[str, np.ndarray], method: str) -> EmbeddingSeries:
    quality = pd.DataFrame(
        {name.removeprefix("quality_"): values for name, values in arrays.items() if name.startswith("quality_")}
    )
    return EmbeddingSeries(
        method=method,
        epochs=tuple(int(epoch) for epoch in quality["epoch"]),
        coordinates=arrays["coordinates"],
        labels=arrays["labels"],
        indices=arrays["indices"],
        quality=quality,
    )
