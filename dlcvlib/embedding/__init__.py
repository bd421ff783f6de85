"""Comparable maps of features over the epochs of a training run, measured and cached in the run record."""

from dlcvlib.embedding.cache import cached_maps, embed, separate_runs
from dlcvlib.embedding.chain import aligned, chained, pca_chain, separate_tsne, tsne_chain, umap_chain
from dlcvlib.embedding.series import EmbeddingSeries, measured

__all__ = [
    "EmbeddingSeries",
    "aligned",
    "cached_maps",
    "chained",
    "embed",
    "measured",
    "pca_chain",
    "separate_runs",
    "separate_tsne",
    "tsne_chain",
    "umap_chain",
]
