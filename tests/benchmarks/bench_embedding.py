"""The chained t-SNE against separate scikit-learn runs: time, quality of the maps, and how far points move.

Run as `python tests/benchmarks/bench_embedding.py`, or with `--quick` for a small case. The features are drawn so that
50 classes come apart over the epochs.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault(
    "OMP_WAIT_POLICY", "passive"
)  # must stand before OpenMP starts; halves the time on a busy machine

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from embedding_records import growing_features

from dlcvlib.embedding import aligned, measured, pca_chain, tsne_chain, umap_chain


def separate(features: list[np.ndarray]) -> list[np.ndarray]:
    """What a notebook usually does: scikit-learn's defaults on PCA-50, each epoch by itself."""
    maps = []
    for position, values in enumerate(features):
        reduced = PCA(min(50, *values.shape), random_state=0).fit_transform(values)
        maps.append(TSNE(random_state=position).fit_transform(reduced))
    return maps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 epochs x 200 points instead of 10 x 2,500")
    parser.add_argument("--repeats", type=int, default=1, help="timings taken of each; the median is shown")
    arguments = parser.parse_args()
    epochs, points = (2, 200) if arguments.quick else (10, 2500)
    features, labels = growing_features(epochs, points, width=512, classes=50)

    methods: dict[str, Callable[[list[np.ndarray]], list[np.ndarray]]] = {
        "separate t-SNE": separate,
        "t-SNE chain": tsne_chain,
        "UMAP, first call": umap_chain,
        "UMAP chain": umap_chain,
        "PCA": pca_chain,
    }
    print(f"{epochs} epochs x {points} points x 512 features, {os.cpu_count()} processors; medians over the epochs")
    header = ("", "seconds", "speed-up", "displacement", "kNN map", "kNN features", "trustworthiness")
    print(("{:<17}" + "{:>16}" * 6).format(*header))
    reference = None
    for name, method in methods.items():
        seconds = []
        for _ in range(1 if name == "UMAP, first call" else arguments.repeats):  # the first call waits for the compiler
            start = time.perf_counter()
            maps = method(features)
            seconds.append(time.perf_counter() - start)
        taken = statistics.median(seconds)
        reference = reference or taken
        medians = measured(aligned(maps), features, labels, range(epochs)).median()
        shown = [medians[column] for column in ("displacement", "knn_map", "knn_features", "trustworthiness")]
        print(("{:<17}{:>16.2f}{:>15.2f}x" + "{:>16.3f}" * 4).format(name, taken, reference / taken, *shown))


if __name__ == "__main__":
    main()
