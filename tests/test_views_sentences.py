"""Sentences of the chapters that are computed: their words follow the numbers, whichever way these fall."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from dlcvlib import models, runs, views
from dlcvlib.runs import Run

CLASSES = ("urban", "agriculture", "rangeland", "forest", "water", "barren")


def record(root: Path, name: str, seed: int, best: dict[str, float], **recipe: str) -> Run:
    run = Run(root / "quick" / name / f"seed{seed}")
    recipe = {"name": name, "title": name, "report": "ours"} | recipe
    runs.write_info(run, {"recipe": recipe, "profile": "quick", "seed": seed, "status": "finished", "best": best})
    return run


def segmenters(root: Path, name: str, mean_iou: float, **changed: float) -> list[Run]:
    best = {"mean_iou": mean_iou} | {f"iou_{each}": changed.get(each, 0.5) for each in CLASSES}
    return [record(root, name, seed, best) for seed in range(2)]


def test_the_part_that_is_missed_most_is_named_with_the_class_that_falls_furthest(tmp_path: Path) -> None:
    words = views.ablation_in_words(
        segmenters(tmp_path, "whole", 0.50),
        {
            "skip 1": segmenters(tmp_path, "one", 0.49, urban=0.1),
            "skip 4": segmenters(tmp_path, "four", 0.46, water=0.2, barren=0.4),
        },
    )
    assert "lowest without **skip 4**" in words and "−4.0 points" in words and "skip 1" not in words
    assert "**Water**" in words and "−30.0 points" in words and words.count("95 % interval") == 2


def test_no_part_is_called_missed_if_the_complete_network_is_no_better(tmp_path: Path) -> None:
    words = views.ablation_in_words(
        segmenters(tmp_path, "whole", 0.50), {"skip 1": segmenters(tmp_path, "one", 0.52, water=0.1)}
    )
    assert words.startswith("None of the parts is missed") and "Water" not in words
    with pytest.raises(ValueError, match="at least one"):
        views.ablation_in_words(segmenters(tmp_path, "whole", 0.50), {})


def of_setting(root: Path, setting: str, *accuracies: float) -> list[Run]:
    return [
        record(root, f"our_byol_{setting.lower()}", seed, {"val_accuracy": accuracy}, setting=setting)
        for seed, accuracy in enumerate(accuracies)
    ]


def test_seeds_are_compared_with_settings(tmp_path: Path) -> None:
    a, c, e = (
        of_setting(tmp_path, "A", 0.30, 0.36),
        of_setting(tmp_path, "C", 0.35, 0.37),
        of_setting(tmp_path, "E", 0.6),
    )
    words = views.seed_range_in_words([e, c, a])
    assert "setting A differ by up to **6.0 points**" in words and "3 pairs" in words and "**1** differs" in words
    apart = views.seed_range_in_words([of_setting(tmp_path, "B", 0.7, 0.72), e])
    assert "up to **2.0 points**" in apart and "**none** differs" in apart
    assert "cannot say" in views.seed_range_in_words([of_setting(tmp_path, "D", 0.5), e])


def table(*rows: tuple[tuple[int, ...], int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["output_shape", "parameters", "multiply_adds"])


def test_layers_are_told_by_the_size_of_their_maps() -> None:
    words = views.layers_in_words(
        table(
            ((8, 32, 32), 10, 300),
            ((16, 16, 16), 20, 150),
            ((16, 16, 16), 20, 150),
            ((32, 8, 8), 50, 100),
            ((10,), 0, 0),
        )
    )
    assert "parameters is in layers that return maps of **8 x 8** or" not in words
    assert "parameters is in layers that return maps of **8 x 8** (50%)" in words
    assert "maps of **32 x 32** or **16 x 16** (43% each)" in words, "no size is ahead of the other"
    assert "16 x 16: 40% and 43%" in words and "vectors" not in words


def test_the_shares_of_a_network_are_those_of_its_layer_table() -> None:
    layers = models.layer_table(models.build("vgg13_bn", 50, form="reduced"), 32)
    last = layers["output_shape"].map(lambda shape: shape[1:] == (2, 2))
    share = layers.loc[last, "parameters"].sum() / layers["parameters"].sum()
    assert f"2 x 2: {share:.0%} and" in views.layers_in_words(layers)
