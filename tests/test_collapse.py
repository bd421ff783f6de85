"""The verdict about a collapse: one, the same in figures and texts, and comparisons at equal epochs."""

from __future__ import annotations

import pytest
from pretraining_records import COLLAPSE, pretraining

from dlcvlib import views
from dlcvlib.runs import collapse_of, write_history


@pytest.mark.parametrize(
    ("collapsed", "since", "words"),
    [
        ((), None, "did not collapse"),
        ((2, 3), None, "recovered"),
        ((3, 4), 3, "looks collapsed since epoch 3, for 2 of its 4 epochs"),
        ((1, 2, 4), 4, "looks collapsed since epoch 4, for 1 of its 4 epochs"),
    ],
)
def test_the_verdict_follows_from_the_epochs_that_look_collapsed(tmp_path, collapsed, since, words):
    run = pretraining(tmp_path / "seed0", epochs=4, collapsed=collapsed, collapse=None)
    verdict = collapse_of(run)
    assert verdict.since == since and words in str(verdict)


def test_a_collapse_that_has_lasted_is_told_with_its_reason(tmp_path):
    run = pretraining(tmp_path / "seed0", epochs=4, collapsed=(2, 3, 4))
    assert str(collapse_of(run)) == f"It collapsed, from epoch 2 on: {COLLAPSE}."


@pytest.mark.parametrize("collapsed", [(), (2, 3), (3, 4), (2, 3, 4)])
def test_caption_and_alt_text_have_the_verdict_that_the_text_has(tmp_path, collapsed):
    run = pretraining(tmp_path / "seed0", epochs=4, collapsed=collapsed)
    picture, verdict = views.monitors(run), views.collapse_in_words(run)
    assert verdict in picture.caption and verdict in picture.alt


def test_runs_of_different_lengths_are_compared_at_the_last_epoch_that_all_have(tmp_path):
    long, short = pretraining(tmp_path / "a", epochs=8), pretraining(tmp_path / "b", epochs=4, collapsed=(3, 4))
    rows = views.at_equal_epochs([long, short])
    assert [row["epoch"] for row in rows] == [4, 4]
    assert rows[0]["train_loss"] == long.history["train_loss"][3]
    caption = views.monitors([long, short], ["long", "short"]).caption
    assert f"After epoch 4, the last that all have, the kNN accuracies are: long {rows[0]['knn']:.3f}" in caption
    assert "the last that all have" not in views.monitors([long, long], ["long", "again"]).caption


def test_epochs_without_an_evaluation_are_no_common_epochs(tmp_path):
    run = pretraining(tmp_path / "a", epochs=4)
    rows = run.history.to_dict("records")
    sparse = pretraining(tmp_path / "b", epochs=4)
    write_history(sparse, [row if row["epoch"] in (1, 3) else {"epoch": row["epoch"]} for row in rows])
    assert [row["epoch"] for row in views.at_equal_epochs([run, sparse], ("knn",))] == [3, 3]
    write_history(sparse, [row | {"epoch": row["epoch"] + 10} for row in rows])
    with pytest.raises(ValueError, match="no evaluated epoch in common"):
        views.at_equal_epochs([run, sparse])
