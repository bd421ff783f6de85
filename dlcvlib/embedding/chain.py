"""Comparable maps: PCA, t-SNE and UMAP of the same points at successive epochs, each map started from the one before.

A t-SNE map is one of many equally good ones, and which of them is found depends on where the search begins. Two maps
made separately therefore differ even if the features do not. Here the first map starts from PCA, and each later one
from the map of the epoch before, without the early exaggeration that would tear it up again: a point moves only as far
as its features ask for.

Two shortcuts would be wrong, since they let the future leak into the first epochs: chaining backward from the last
map, and one PCA basis for all epochs, which is spanned by the classes that only training will separate. Both draw
clusters into an epoch whose features have none. So the chain runs forward, and every epoch has its own PCA basis.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from dlcvlib.metrics.maps import centred, rotation

COMPONENTS = 50  # PCA dimensions that t-SNE and UMAP start from: less noise, and faster neighbours
PERPLEXITY = 30.0  # size of a point's neighbourhood in t-SNE, the customary value
NEIGHBOURS = 15  # the same for UMAP
TSNE_STEPS = 250  # steps of each t-SNE after the first; scikit-learn allows no fewer
UMAP_STEPS, UMAP_RATE = 100, 0.25  # the same for UMAP, whose first map takes 500 at rate 1: as good maps, less jitter
FEWEST_POINTS = 10  # below this no neighbourhood is left to speak of


def pca_chain(features: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray]:
    """Project each epoch on its own two directions of greatest variance.

    The directions are those of the epoch itself, so they may swap or flip from one epoch to the next; `aligned` turns
    them back. After that the axes are no longer "first" and "second" component, but the plane is the same.

    Args:
        features: for each epoch (N, D) float, the same points in the same order; D may differ.
        seed: of the randomised solver, used where D is large.

    Returns:
        for each epoch (N, 2) float32.

    Raises:
        ValueError: features that no map can be made of, with the position in the list.
    """
    return [reduced.astype(np.float32) for reduced in _reduced(features, 2, seed)]


def tsne_chain(features: Sequence[np.ndarray], seed: int = 0, before: np.ndarray | None = None) -> list[np.ndarray]:
    """Map each epoch by t-SNE, the first from PCA, each later one from the map before it; see `pca_chain`.

    With `before`, the last map of a chain, as this function gave it, the chain goes on: the maps are those that one
    call for all epochs would give.

    Stillness has a price: where much changed since the map before, one that may not be torn up ends a few hundredths of
    trustworthiness below a separate run's. `EmbeddingSeries.quality` says how much it is worth at each epoch.

    Source: van der Maaten and Hinton 2008; initialisation by PCA after Kobak and Berens 2019.
    """
    maps: list[np.ndarray] = []
    for reduced in _reduced(features, COMPONENTS, seed):
        start = maps[-1] if maps else before
        if start is None:
            search = TSNE(init="pca", perplexity=_perplexity(reduced), random_state=seed)
        else:  # the map before it, in its own scale: what is already apart needs no exaggeration to come apart
            search = TSNE(
                init=start,
                perplexity=_perplexity(reduced),
                early_exaggeration=1,
                max_iter=TSNE_STEPS,
                random_state=seed,
            )
        maps.append(search.fit_transform(reduced))
    return maps


def umap_chain(features: Sequence[np.ndarray], seed: int = 0, before: np.ndarray | None = None) -> list[np.ndarray]:
    """Map each epoch by UMAP, the first from PCA, each later one from the map before it; see `tsne_chain`.

    UMAP brings every start to the same size itself. The first call of a process waits some seconds for its compiler.
    Source: McInnes, Healy and Melville 2018.
    """
    from umap import UMAP  # imported only here, since it brings the numba compiler along

    maps: list[np.ndarray] = []
    for reduced in _reduced(features, COMPONENTS, seed):
        start = maps[-1] if maps else before
        search = UMAP(
            init="pca" if start is None else start,
            n_epochs=None if start is None else UMAP_STEPS,
            learning_rate=1.0 if start is None else UMAP_RATE,
            n_neighbors=min(NEIGHBOURS, len(reduced) - 1),
            random_state=seed,
            n_jobs=1,  # several threads would not repeat the same map
        )
        maps.append(search.fit_transform(reduced))
    return maps


def separate_tsne(features: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray]:
    """Map each epoch by a t-SNE of its own, from a random start with a seed of its own: the contrast that misleads."""
    return [
        TSNE(init="random", perplexity=_perplexity(reduced), random_state=seed + position).fit_transform(reduced)
        for position, reduced in enumerate(_reduced(features, COMPONENTS, seed))
    ]


def aligned(maps: Sequence[np.ndarray]) -> np.ndarray:
    """Lay maps over each other: each is centred, brought to radius 1 and turned or mirrored onto the one before it.

    Distances within a map change by one common factor only, so nothing is lost but what has no meaning.

    Args:
        maps: for each epoch (N, 2) float.

    Returns:
        float32 (E, N, 2); the root mean square distance from the centre is 1 in every map.

    Raises:
        ValueError: a map has no extent.
    """
    laid: list[np.ndarray] = []
    for points in map(centred, maps):
        laid.append(points @ rotation(points, laid[-1]) if laid else points)
    return np.stack(laid).astype(np.float32)


def _perplexity(reduced: np.ndarray) -> float:
    return min(PERPLEXITY, (len(reduced) - 1) / 3)


def _reduced(features: Sequence[np.ndarray], components: int, seed: int) -> list[np.ndarray]:
    """Each epoch's features in its own PCA basis, float64 (N, at most `components`), after a check of them all."""
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
            raise ValueError(f"features {position} hold nan or infinity: had the training diverged by then?")
        if np.ptp(values, axis=0).max() == 0:
            raise ValueError(f"features {position} are the same for all points (collapsed): there is nothing to map")
    return [
        PCA(min(components, *values.shape), random_state=seed).fit_transform(values.astype(np.float64))
        for values in features
    ]
