import os
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from embedding_records import growing_features, record
from hostile_places import as_nobody, folder_for_all

from dlcvlib.embedding import aligned, embed, measured, pca_chain, separate_runs, separate_tsne, tsne_chain, umap_chain
from dlcvlib.embedding import cache as cached_maps
from dlcvlib.embedding.series import EmbeddingSeries
from dlcvlib.metrics import displacement
from dlcvlib.runs import write_snapshot

CHAINS = {"tsne": tsne_chain, "umap": umap_chain, "pca": pca_chain}


@pytest.fixture(scope="module")
def world():
    return growing_features(epochs=4, points=200, width=24, classes=5)


@pytest.mark.parametrize("method", CHAINS)
def test_the_same_seed_gives_the_same_maps(world, method):
    features, _ = world
    first, second = CHAINS[method](features[:2], seed=3), CHAINS[method](features[:2], seed=3)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert first[0].shape == (200, 2)


@pytest.mark.parametrize("method", CHAINS)
def test_points_stand_still_where_features_do_and_move_where_they_move(world, method):
    features, _ = world
    still = CHAINS[method]([features[3], features[3]])
    moved = CHAINS[method]([features[3], features[0]])
    assert displacement(*still) < 0.3 < 0.9 < displacement(*moved)


def test_the_chain_moves_less_than_separate_runs_though_both_keep_the_neighbours(world):
    features, labels = world
    later = features[2:]
    chained, separate = tsne_chain(later), separate_tsne(later)
    assert displacement(*chained) < 0.5 * displacement(*separate)
    kept = measured(aligned(chained), later, labels, [2, 3])
    assert kept["knn_map"].iloc[-1] > kept["knn_features"].iloc[-1] - 0.2


def test_the_future_does_not_leak_into_the_first_map(world):
    features, _ = world
    assert np.array_equal(tsne_chain(features[:1])[0], tsne_chain(features[:2])[0])


def test_alignment_undoes_turning_mirroring_and_size_and_nothing_else(world):
    points = np.random.default_rng(0).normal(size=(50, 2))
    turned = points @ np.array([[0.0, 3.0], [3.0, 0.0]]) + 5  # a mirror image, three times as large
    laid = aligned([points, turned, np.roll(points, 1, axis=0)])
    assert laid.dtype == np.float32
    assert np.allclose(laid[0], laid[1], atol=1e-6)
    assert not np.allclose(laid[1], laid[2], atol=0.5)
    assert np.allclose((laid**2).sum(2).mean(1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "list of epochs is empty"),
        ([np.zeros((20, 4))], "features 0 are the same for all points"),
        ([np.full((20, 4), np.nan)], "features 0 hold nan"),
        ([np.eye(20), np.eye(19)], r"features 1 have shape \(19, 19\)"),
        ([np.eye(5)], "a map needs 10 rows"),
    ],
)
def test_features_that_no_map_can_be_made_of_are_named(features, message):
    with pytest.raises(ValueError, match=message):
        tsne_chain(features)


def test_small_samples_are_mapped_too():
    features, labels = growing_features(epochs=2, points=12, width=3, classes=3)
    for chain in CHAINS.values():
        quality = measured(aligned(chain(features)), features, labels, [0, 1])
        assert quality.drop(columns=["displacement", "change"]).notna().all().all()


def judged(displacements, changes):
    quality = pd.DataFrame({"epoch": range(len(displacements)), "displacement": displacements, "change": changes})
    epochs = tuple(range(len(displacements)))
    return EmbeddingSeries("tsne", epochs, np.zeros((len(epochs), 9, 2)), np.arange(9), np.arange(9), quality)


def test_motion_follows_change_where_both_have_the_same_order():
    nan = np.nan
    assert judged([nan, 0.9, 0.4, 0.1], [nan, 0.8, 0.7, 0.2]).motion_follows_change == pytest.approx(1)
    assert judged([nan, 0.1, 0.4, 0.9], [nan, 0.8, 0.7, 0.2]).motion_follows_change == pytest.approx(-1)
    assert np.isnan(judged([nan, 0.9, 0.4], [nan, 0.8, 0.7]).motion_follows_change)  # two steps always agree
    assert np.isnan(judged([nan, 0.5, 0.5, 0.5], [nan, 0.8, 0.7, 0.2]).motion_follows_change)


def test_maps_are_kept_in_the_record_and_read_from_it(tmp_path):
    run = record(tmp_path / "run")
    series = embed(run, "pca")
    assert series.epochs == (0, 1, 2, 3, 4)
    assert series.coordinates.shape == (5, 200, 2)
    assert series.coordinates.dtype == np.float32
    assert list(series.quality["epoch"]) == list(series.epochs)
    assert np.isnan(series.quality["displacement"][0])
    assert series.quality["knn_features"].iloc[-1] > series.quality["knn_features"].iloc[0]
    [kept] = (run.path / "embeddings").iterdir()
    written = kept.stat().st_mtime_ns
    for snapshot in (run.path / "snapshots").iterdir():
        os.utime(snapshot)  # as a copied record would have it
    again = embed(run, "pca")
    assert kept.stat().st_mtime_ns == written
    assert np.array_equal(again.coordinates, series.coordinates)
    assert again.quality.equals(series.quality)


@pytest.mark.parametrize("method", ["tsne", "umap"])
def test_a_chain_goes_on_where_it_ended_and_gives_the_maps_of_one_made_at_once(tmp_path, method, monkeypatch):
    whole, growing = record(tmp_path / "whole", epochs=3), record(tmp_path / "growing", epochs=3)
    last = growing.snapshot(3)
    (growing.path / "snapshots" / "epoch_0003.npz").unlink()
    embed(growing, method)
    write_snapshot(growing, 3, last)
    at_once = embed(whole, method)
    mapped = []

    def counted(features, *rest):
        mapped.append(len(features))
        return CHAINS[method](features, *rest)

    monkeypatch.setitem(cached_maps.CHAINS, method, counted)
    added = embed(growing, method)
    assert mapped == [1], "only the new epoch was mapped"
    np.testing.assert_array_equal(added.coordinates, at_once.coordinates)
    assert added.quality.equals(at_once.quality)
    assert len(list((growing.path / "embeddings").iterdir())) == 1


def flip(file, at):
    content = bytearray(file.read_bytes())
    content[at] ^= 0xFF
    file.write_bytes(content)


def quick_chain(features, seed=0, before=None):
    """Each map the one before it and a step: enough of a chain to see what it was begun from."""
    maps = []
    for values in features:
        before = (0 if before is None else before) + values[:, :2].astype(np.float32)
        maps.append(before)
    return maps


DAMAGES = {
    "flipped": lambda file: flip(file, file.read_bytes().index(b"maps.npy") + 40),
    "cut short": lambda file: os.truncate(file, 500),
    "emptied": lambda file: file.write_bytes(b""),
    "of other points": lambda file: np.savez(file, coordinates=np.zeros((5, 200, 2)), quality_epoch=np.arange(5)),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damaged_maps_are_made_again_and_a_line_says_so(tmp_path, monkeypatch, capsys, case):
    monkeypatch.setitem(cached_maps.CHAINS, "tsne", quick_chain)
    run = record(tmp_path / "run")
    before = embed(run, "tsne")
    [kept] = (run.path / "embeddings").iterdir()
    DAMAGES[case](kept)
    assert cached_maps.cached_maps(run, "tsne") is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and kept.name in said and "again" in said
    again = embed(run, "tsne")
    assert np.array_equal(again.coordinates, before.coordinates) and again.quality.equals(before.quality)
    capsys.readouterr()
    assert np.array_equal(embed(run, "tsne").coordinates, before.coordinates) and capsys.readouterr().err == ""


@pytest.mark.parametrize("case", DAMAGES)
def test_a_chain_does_not_go_on_from_damaged_maps(tmp_path, monkeypatch, case):
    monkeypatch.setitem(cached_maps.CHAINS, "tsne", quick_chain)
    whole, growing = record(tmp_path / "whole"), record(tmp_path / "growing")
    embed(growing, "tsne", epochs=[0, 1, 2])
    [kept] = (growing.path / "embeddings").iterdir()
    DAMAGES[case](kept)
    assert np.array_equal(embed(growing, "tsne").coordinates, embed(whole, "tsne").coordinates)
    assert len(list((growing.path / "embeddings").iterdir())) == 1, "the damaged one is gone"


def test_no_flipped_byte_gives_another_map(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(cached_maps.CHAINS, "tsne", quick_chain)
    run = record(tmp_path / "run", epochs=1, points=12, width=3, classes=2)
    before = embed(run, "tsne")
    [kept] = (run.path / "embeddings").iterdir()
    content, made = kept.read_bytes(), 0
    for at in range(0, len(content), 3):
        flip(kept, at)
        found = cached_maps.cached_maps(run, "tsne")
        made += found is None
        assert found is None or np.array_equal(found.coordinates, before.coordinates)
        assert found is None or found.quality.equals(before.quality)
        kept.write_bytes(content)
    assert made > len(content) / 6
    assert capsys.readouterr().err.count("again") == made


def test_maps_of_a_record_that_may_not_be_written_are_made_and_not_kept(monkeypatch, capsys):
    monkeypatch.setitem(cached_maps.CHAINS, "tsne", quick_chain)
    with folder_for_all() as place:
        run = record(place / "run")
        with as_nobody():
            series = embed(run, "tsne")
        assert "cannot be written" in capsys.readouterr().err
        assert np.array_equal(series.coordinates, embed(run, "tsne").coordinates)


def test_other_snapshots_epochs_or_seeds_give_other_kept_maps(tmp_path):
    run = record(tmp_path / "run")
    embed(run, "pca")
    embed(run, "pca", epochs=[1, 4])
    embed(run, "pca", seed=1)
    arrays = run.snapshot(4)
    write_snapshot(run, 4, {**arrays, "features": arrays["features"] + np.float16(1)})
    embed(run, "pca")
    assert len(list((run.path / "embeddings").iterdir())) == 4


def test_epochs_are_chained_in_order_and_once(tmp_path):
    run = record(tmp_path / "run", epochs=1)
    assert embed(run, "pca", epochs=run.first_middle_last()).epochs == (1,)
    assert embed(run, "pca", epochs=[1, 0, 1]).epochs == (0, 1)


def test_first_middle_and_last_leave_the_untrained_network_out(tmp_path):
    series = embed(record(tmp_path / "run"), "pca")
    assert series.first_middle_last() == (1, 3, 4)
    assert series.position(3) == 3
    with pytest.raises(ValueError, match=r"no map of epoch 9; this series holds the epochs \[0, 1, 2, 3, 4\]"):
        series.position(9)


def test_separate_runs_are_kept_under_their_own_name(tmp_path):
    run = record(tmp_path / "run", epochs=3)
    series = separate_runs(run, epochs=[2, 3])
    assert series.method == "separate"
    assert series.quality["displacement"][1] > embed(run, "tsne", epochs=[2, 3]).quality["displacement"][1]


def test_snapshots_of_other_points_are_refused(tmp_path):
    run = record(tmp_path / "run")
    arrays = run.snapshot(2)
    write_snapshot(run, 2, {**arrays, "indices": arrays["indices"][::-1]})
    with pytest.raises(ValueError, match="epoch 2 holds other indices than that of epoch 0"):
        embed(run, "pca")


def test_a_failed_mapping_leaves_nothing_behind(tmp_path):
    run = record(tmp_path / "run")
    arrays = run.snapshot(2)
    write_snapshot(run, 2, {**arrays, "features": np.zeros_like(arrays["features"])})
    with pytest.raises(ValueError, match="collapsed"):
        embed(run, "tsne")
    assert not (run.path / "embeddings").exists()


def test_an_unknown_method_or_epoch_is_named(tmp_path):
    run = record(tmp_path / "run")
    with pytest.raises(ValueError, match="'isomap'"):
        embed(run, "isomap")
    with pytest.raises(FileNotFoundError, match="epoch_0099"):
        embed(run, "pca", epochs=[99])


def test_the_benchmark_compares_every_method(monkeypatch, capsys):
    """It stands here, since UMAP is compiled once for each process."""
    monkeypatch.setattr(sys, "argv", ["bench_embedding.py", "--quick"])
    runpy.run_path(str(Path(__file__).parent / "benchmarks" / "bench_embedding.py"), run_name="__main__")
    rows = re.findall(r"^(\S.*?) {2,}([\d.]+) +[\d.]+x(?: +[\d.]+){4}$", capsys.readouterr().out, re.MULTILINE)
    assert [name for name, _ in rows] == ["separate t-SNE", "t-SNE chain", "UMAP, first call", "UMAP chain", "PCA"]
    assert all(float(seconds) > 0 for _, seconds in rows[:-1])


def test_umap_leaves_the_number_of_threads_of_torch_as_it_was():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        umap_chain([np.random.default_rng(0).normal(size=(40, 5))])
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
