"""Comparable maps: PCA, t-SNE and UMAP of the same points at successive epochs, each initialised from the one before.

The result of t-SNE depends on its initialisation, so independent maps differ even if the features do not. Here the
first map is initialised by PCA, and each later one by the map of the epoch before, without early exaggeration, which
would break it up again. Points then move only as far as their features change.

The chain runs forward, and every epoch has its own PCA basis. A chain from the last epoch backward, or one PCA basis
for all epochs, would leak the classes that are separated later into the first epochs, and show clusters there that the
features do not have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from dlcvlib.metrics.maps import centred, rotation

COMPONENTS = 50  # PCA dimensions of the input of t-SNE and UMAP: less noise, and a faster neighbour search
PERPLEXITY = 30.0  # of t-SNE; the usual value
NEIGHBOURS = 15  # of UMAP; its default
TSNE_STEPS = 250  # iterations of each t-SNE after the first; the fewest that scikit-learn allows
UMAP_STEPS, UMAP_RATE = 100, 0.25  # epochs and learning rate of UMAP after the first map (500 at rate 1)
FEWEST_POINTS = 10  # fewer have no meaningful neighbourhoods


def pca_chain(features: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray]:
    """Project each epoch on its own first two principal components.

    Components may swap or flip from one epoch to the next. `aligned` undoes this; afterwards the axes span the same
    plane but are no longer the first and the second component.

    Args:
        features: for each epoch (N, D) float, the same points in the same order; D may differ.
        seed: seed of the randomised solver, which is used for large D.

    Returns:
        for each epoch (N, 2) float32.

    Raises:
        ValueError: features that cannot be mapped; the message gives the position in the list.
    """
    return [reduced.astype(np.float32) for reduced in _reduced(features, 2, seed)]


def tsne_chain(features: Sequence[np.ndarray], seed: int = 0, before: np.ndarray | None = None) -> list[np.ndarray]:
    """Map each epoch by t-SNE, initialised by PCA, later ones by the map before; arguments as for `pca_chain`.

    `before` is the last map of an earlier call: the chain is extended as if one call had mapped all epochs.

    Where the features change a lot, a chained map is a few hundredths less trustworthy than an independent one; see
    `EmbeddingSeries.quality`.

    Source: van der Maaten and Hinton 2008; initialisation by PCA after Kobak and Berens 2019.
    """
    from sklearn.manifold import TSNE  # here, since importing scikit-learn is slow

    def tsne(values: np.ndarray, init: str | np.ndarray = "pca", **settings: Any) -> np.ndarray:
        search = TSNE(init=init, perplexity=_perplexity(values), random_state=seed, **settings)
        points: np.ndarray = search.fit_transform(values)
        return points

    return chained(_reduced(features, COMPONENTS, seed), tsne, before)


def chained(
    features: Sequence[np.ndarray], tsne: Callable[..., np.ndarray], before: np.ndarray | None = None
) -> list[np.ndarray]:
    """Map each epoch by `tsne`, which is initialised by PCA at first, and by the map before at every later epoch.

    Args:
        features: for each epoch (N, D) float, the same points in the same order.
        tsne: maps (N, D) to (N, 2); takes the arguments `init`, `early_exaggeration` and `max_iter` of scikit-learn's.
        before: map (N, 2) to start from at the first epoch, in place of PCA.

    Returns:
        for each epoch (N, 2).
    """
    maps: list[np.ndarray] = []
    for values in features:
        start = maps[-1] if maps else before
        if start is None:
            maps.append(tsne(values))
        else:  # the map before, unscaled; its clusters are separated already, so no exaggeration
            maps.append(tsne(values, init=start, early_exaggeration=1, max_iter=TSNE_STEPS))
    return maps


def umap_chain(features: Sequence[np.ndarray], seed: int = 0, before: np.ndarray | None = None) -> list[np.ndarray]:
    """Map each epoch by UMAP, initialised by PCA, later ones by the map before; arguments as for `tsne_chain`.

    UMAP rescales its initialisation itself. The first call in a process takes seconds to compile.
    Source: McInnes, Healy and Melville 2018.
    """
    from umap import UMAP  # here, since importing numba is slow

    maps: list[np.ndarray] = []
    for reduced in _reduced(features, COMPONENTS, seed):
        start = maps[-1] if maps else before
        search = UMAP(
            init="pca" if start is None else start,
            n_epochs=None if start is None else UMAP_STEPS,
            learning_rate=1.0 if start is None else UMAP_RATE,
            n_neighbors=min(NEIGHBOURS, len(reduced) - 1),
            random_state=seed,
            n_jobs=1,  # several threads are not reproducible
        )
        with _same_threads():
            maps.append(search.fit_transform(reduced))
    return maps


@contextmanager
def _same_threads() -> Iterator[None]:
    """Restore torch's number of threads, which UMAP changes for the whole process; a training would round otherwise."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def separate_tsne(features: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray]:
    """Map each epoch by an independent t-SNE with its own random initialisation, for contrast with the chain."""
    from sklearn.manifold import TSNE

    return [
        TSNE(init="random", perplexity=_perplexity(reduced), random_state=seed + position).fit_transform(reduced)
        for position, reduced in enumerate(_reduced(features, COMPONENTS, seed))
    ]


def aligned(maps: Sequence[np.ndarray]) -> np.ndarray:
    """Centre each map, scale it to radius 1, and rotate or mirror it onto the one before (Procrustes).

    Distances within a map change by one common factor only.

    Args:
        maps: for each epoch (N, 2) float.

    Returns:
        float32 (E, N, 2); the root mean square distance from the centre is 1 in every map.

    Raises:
        ValueError: all points of a map coincide.
    """
    result: list[np.ndarray] = []
    for points in map(centred, maps):
        result.append(points @ rotation(points, result[-1]) if result else points)
    return np.stack(result).astype(np.float32)


def _perplexity(reduced: np.ndarray) -> float:
    return min(PERPLEXITY, (len(reduced) - 1) / 3)


def _reduced(features: Sequence[np.ndarray], components: int, seed: int) -> list[np.ndarray]:
    """Check all features, then project each epoch on its own principal components: float64 (N, up to `components`)."""
    if not features:
        raise ValueError("there are no features to map: the list of epochs is empty")
    points = len(features[0])
    for position, values in enumerate(features):
        if values.ndim != 2 or len(values) != points:
            raise ValueError(f"features {position} have shape {values.shape}, but every epoch must hold {points} rows")
        if points < FEWEST_POINTS or values.shape[1] < 2:
            raise ValueError(
                f"features {position} have shape {values.shape}; a map needs {FEWEST_POINTS} rows, 2 columns"
            )
        if not np.isfinite(values).all():
            raise ValueError(f"features {position} hold nan or infinity: did the training diverge?")
        if np.ptp(values, axis=0).max() == 0:
            raise ValueError(f"features {position} are the same for all points (collapsed): there is nothing to map")
    from sklearn.decomposition import PCA

    return [
        PCA(min(components, *values.shape), random_state=seed).fit_transform(values.astype(np.float64))
        for values in features
    ]
