"""Views of pre-training and fine-tuning: that figures, captions and the discussion say what the records hold."""

import base64
import math
import re

import numpy as np
import pytest
from pretraining_records import CLASSES, COLLAPSE, finetuning, pretraining
from scipy import stats

from dlcvlib import metrics, views
from dlcvlib.runs import write_history, write_snapshot
from dlcvlib.views.display import PLOTLY_MIME

NAMES = ("cat", "dog", "<fox>", "hen", "owl")


def panels(picture) -> list[str]:
    titles = [note["text"] for note in picture.live[PLOTLY_MIME]["layout"]["annotations"]]
    return [re.match("<b>(.*?)</b>", title)[1] for title in titles]


def lines(picture, panel: str) -> list[dict]:
    number = panels(picture).index(panel) + 1
    axis = "y" if number == 1 else f"y{number}"
    return [trace for trace in picture.live[PLOTLY_MIME]["data"] if trace.get("yaxis", "y") == axis]


def values_of(encoded: dict[str, str]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(encoded["bdata"]), encoded["dtype"])


def shown(picture) -> list[dict[str, str]]:
    """Cells of a table by column; what stands small below a cell follows after " | "."""
    rows = re.findall(r"<tr.*?>(.*?)</tr>", picture.html, flags=re.DOTALL)
    header, *body = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, flags=re.DOTALL) for row in rows]
    body = [[cell.replace("<wbr>", "") for cell in row] for row in body]
    told = [[re.sub(r'<span class="dlcv-note">(.*?)</span>', r" | \1", cell) for cell in row] for row in body]
    return [dict(zip(header, row, strict=True)) for row in told]


@pytest.fixture(scope="module")
def byol(tmp_path_factory):
    return pretraining(tmp_path_factory.mktemp("byol") / "seed0")


@pytest.fixture(scope="module")
def dino(tmp_path_factory):
    return pretraining(tmp_path_factory.mktemp("dino") / "seed0", "dino")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (67, 3, 8, 8), dtype=np.uint8)


# Monitors


def test_each_method_shows_its_own_collapse_figure(byol, dino):
    teacher = ["entropy of the teacher", "mutual information of the teacher"]
    assert panels(views.monitors(byol))[-1] == "std of the projections"
    assert panels(views.monitors(dino))[-2:] == teacher
    assert panels(views.monitors([byol, dino]))[-3:] == ["std of the projections", *teacher]


def test_monitors_hold_values_against_chance_and_the_untrained_network(byol, dino):
    references = {line["line"]["dash"]: line["y"] for line in lines(views.monitors(byol), "kNN accuracy")[:2]}
    assert references == {"dash": [1 / CLASSES] * 2, "dot": [0.22] * 2}
    [entropy, _] = lines(views.monitors(dino), "entropy of the teacher")
    assert entropy["y"] == pytest.approx([math.log(512)] * 2)


def test_monitors_say_from_what_to_what_the_knn_accuracy_rose(byol):
    picture = views.monitors(byol)
    last = byol.history["knn"].iloc[-1]
    assert f"rises from 0.220 (untrained) to {last:.3f} after epoch 8; by chance it would be 0.200" in picture.caption
    assert "60 held-out images of Mini-ImageNet" in picture.caption
    assert "It did not collapse." in picture.caption
    assert "Crosses" not in picture.caption
    assert f"{last:.3f}" in picture.alt


def test_monitors_mark_a_collapse_and_say_when_and_why(tmp_path):
    run = pretraining(tmp_path / "seed0", collapsed=(2, 5, 6, 7, 8))
    picture = views.monitors(run)
    crosses = lines(picture, "loss")[-1]
    assert list(values_of(crosses["x"])) == [2, 5, 6, 7, 8]
    assert f"It collapsed, from epoch 5 on: {COLLAPSE}." in picture.caption
    assert f"falls from 0.220 (untrained) to 0.200 after epoch 8, {run.history['knn'].max():.3f} at" in picture.caption


def test_a_training_that_was_stopped_says_why_without_the_path_of_its_record(tmp_path):
    reason = f"/home/me/seed0: stopped after epoch 4 of 20: {COLLAPSE}"
    run = pretraining(
        tmp_path / "seed0", epochs=4, collapsed=(2, 3, 4), status="collapsed", reason=reason, before=None, collapse=None
    )
    caption = views.monitors(run).caption
    assert f"It collapsed, from epoch 2 on: stopped after epoch 4 of 20: {COLLAPSE}." in caption
    assert "/home" not in caption
    assert "(after epoch 1)" in caption  # it names no value of the untrained network


def test_a_passing_collapse_is_told_from_a_lasting_and_from_a_recent_one(tmp_path):
    passing = pretraining(tmp_path / "a", collapsed=(2, 3))
    recent = pretraining(tmp_path / "b", collapsed=(7, 8), collapse=None)
    assert "It looked collapsed in 2 of 8 epochs, but recovered." in views.monitors(passing).caption
    assert (
        "It looks collapsed since epoch 7, for 2 of its 8 epochs: too short a time to be sure."
        in views.monitors(recent).caption
    )


def test_monitors_do_without_what_a_record_does_not_hold(tmp_path):
    without = ("probe", "rank_me", "output_spread", "collapsed")
    run = pretraining(tmp_path / "seed0", epochs=1, without=without, data={}, before={})
    picture = views.monitors(run)
    assert panels(picture) == ["loss", "kNN accuracy", "std of the features", "drift"]
    assert "chance it would" not in picture.caption
    assert "collapse" not in picture.caption
    [only] = lines(picture, "kNN accuracy")
    assert only["mode"] == "lines+markers"  # a single epoch makes no line


def test_runs_are_told_apart_by_the_legend_alone(byol, dino):
    assert not any(line.get("showlegend", True) for line in views.monitors(byol).live[PLOTLY_MIME]["data"])
    both = views.monitors([byol, dino], ["with <BYOL>", "with DINO"])
    named = [line["name"] for line in both.live[PLOTLY_MIME]["data"] if line.get("showlegend", True)]
    assert named == ["with <BYOL>", "with DINO"]
    assert "<BYOL>" not in both.html


def test_what_monitors_cannot_show_is_an_error(byol, tmp_path):
    with pytest.raises(ValueError, match="1 to 4 runs, got 5"):
        views.monitors([byol] * 5)
    with pytest.raises(ValueError, match=r"1 labels.* 2 runs"):
        views.monitors([byol, byol], ["one"])
    other = pretraining(tmp_path / "seed0", epochs=1)
    write_history(other, [{"epoch": 1, "train_loss": 1.0}])
    with pytest.raises(ValueError, match="no column knn"):
        views.monitors(other)


# Neighbours


def test_neighbours_are_the_nearest_by_cosine_and_ticked_if_of_the_same_class(byol, images):
    picture = views.neighbours(byol, images, [4], 3, [8], class_names=NAMES)
    snapshot = byol.snapshot(8)
    unit = snapshot["features"].astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosine = unit @ unit[4]
    cosine[4] = -2
    expected = np.argsort(-cosine)[:3]
    said = re.findall(r'alt="epoch 8: image (\d+), (the same|another) class"', picture.html)
    same = snapshot["labels"][expected] == snapshot["labels"][4]
    assert [int(image) for image, _ in said] == list(snapshot["indices"][expected])
    assert [word == "the same" for _, word in said] == list(same)
    assert re.findall(">([✓✗]) ", picture.html) == ["✓" if each else "✗" for each in same]
    assert 'alt="query: image 11 owl"' in picture.html


def test_the_caption_counts_neighbours_over_all_images_and_says_chance(byol, images):
    picture = views.neighbours(byol, images, 2, 4, [0, 8])
    for epoch in (0, 8):
        snapshot = byol.snapshot(epoch)
        unit = snapshot["features"].astype(np.float64)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        cosine = unit @ unit.T - 3 * np.eye(len(unit))
        near = np.argsort(-cosine, axis=1)[:, :4]
        share = (snapshot["labels"][near] == snapshot["labels"][:, None]).mean()
        assert f"{share:.3f} at epoch {epoch}" in picture.caption
        assert f"{share:.3f} at epoch {epoch}" in picture.alt
    assert f"by chance it would be {11 / 59:.3f}" in picture.caption  # 11 of the 59 others are of the same class


def test_queries_are_spread_over_the_classes_and_the_caption_says_how_they_were_chosen(byol, images):
    five = views.neighbours(byol, images, 5, 2, [8], class_names=NAMES)
    queried = re.findall(r'alt="query: image \d+ (.*?)"', five.html)
    assert queried == ["cat", "dog", "&lt;fox&gt;", "hen", "owl"]
    assert "not picked for their result" in five.caption
    assert "picked by hand (rows 3, 4 of the snapshot)" in views.neighbours(byol, images, [3, 4], 2, [8]).caption
    assert "<fox>" not in five.html


def test_neighbours_show_first_middle_and_last_epoch(byol, images):
    first = views.neighbours(byol, images, 1, 2)
    assert re.findall(r">(epoch \d+)<", first.html) == ["epoch 1", "epoch 5", "epoch 8"]


def test_a_run_of_one_epoch_shows_it_once(tmp_path, images):
    run = pretraining(tmp_path / "seed0", epochs=1)
    assert re.findall(r">(epoch \d+)<", views.neighbours(run, images, 1, 2).html) == ["epoch 1"]


def test_what_neighbours_cannot_show_is_an_error(byol, images, tmp_path):
    with pytest.raises(ValueError, match="image 66, but only 60 images"):
        views.neighbours(byol, images[:60])
    with pytest.raises(ValueError, match=r"rows 0 to 59 of the snapshot, got \[60\]"):
        views.neighbours(byol, images, [3, 60])
    with pytest.raises(ValueError, match="queries must be 1 to 60"):
        views.neighbours(byol, images, 0)
    with pytest.raises(ValueError, match="k must lie between 1 and 59"):
        views.neighbours(byol, images, k=60)
    with pytest.raises(FileNotFoundError, match="epoch_0099"):
        views.neighbours(byol, images, epochs=[99])
    with pytest.raises(ValueError, match="1 to 6 epochs"):
        views.neighbours(byol, images, epochs=[])
    with pytest.raises(ValueError, match=r"uint8 of shape \(N, 3, H, W\)"):
        views.neighbours(byol, images / 255.0)
    run = pretraining(tmp_path / "seed0", epochs=2)
    moved = run.snapshot(2)
    write_snapshot(run, 2, {**moved, "indices": moved["indices"] - 1})
    with pytest.raises(ValueError, match="epoch 2 is of other images than that of 1"):
        views.neighbours(run, images, epochs=[1, 2])


# The table of the settings

ACCURACIES = {
    "LP-FT": (0.55, 0.56),
    "C": (0.52, 0.54, 0.53),
    "frozen random": (0.11, 0.12),
    "A": (0.31, 0.33, 0.30),
    "E": (0.40, 0.41),
    "B": (0.58, 0.60),
    "D": (0.45, 0.46),
}
ORDER = ["A", "B", "C", "D", "E", "frozen random", "LP-FT"]


def rows_of(root, accuracies=ACCURACIES, series="r3_setting", **info):
    return [
        [finetuning(root, setting, value, seed, series, **info) for seed, value in enumerate(values)]
        for setting, values in accuracies.items()
    ]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return rows_of(tmp_path_factory.mktemp("settings"))


def test_settings_stand_in_the_courses_order(rows):
    table = shown(views.settings_table(rows))
    first = {name: [row[name].partition(" | ")[0] for row in table] for name in table[0]}
    assert first["setting"] == ORDER
    assert first["starts from"][:3] == ["random weights", "supplied (stand-in)", "self-supervised"]
    assert first["trains"] == ["whole network"] * 3 + ["classifier only"] * 3 + ["classifier, then all"]
    for row, parameters in zip(table[2:5], ("11,209,345", "33,345", "33,345"), strict=True):
        assert f"| {parameters} parameters" in row["trains"]
    assert "| BYOL (ours), seed 0" in table[4]["starts from"]


def test_a_setting_has_mean_deviation_and_standard_error(rows):
    row = shown(views.settings_table(rows))[2]
    values = np.array(ACCURACIES["C"])
    assert row["accuracy"] == f"{values.mean():.3f}"
    assert row["std"] == f"{values.std(ddof=1):.3f}"
    assert row["error"] == f"{math.sqrt(values.mean() * (1 - values.mean()) / 400):.3f}"
    assert row["setting"] == "C | 3 seeds, 3.0 minutes"
    assert row["reported, R3"] == "0.695"


def test_reports_may_stand_beside_ours(rows):
    table = shown(views.settings_table(rows, {"R1 & co": {"A": 0.048, "LP-FT": 0.5}}))
    assert [row["reported, R1 &amp; co"] for row in table] == ["0.048", "–", "–", "–", "–", "–", "0.500"]
    assert table[0]["reported, R3"] == "0.335"


def test_the_caption_of_the_settings_says_what_limits_the_comparison(rows, tmp_path):
    caption = views.settings_table(rows).caption
    assert "The highest is setting B with 0.590." in caption
    assert "chosen on that same validation set" in caption
    assert "other backbones and data" in caption
    assert "“reduced”" in caption
    alone = views.settings_table([finetuning(tmp_path, "A", 0.3, recipe={"form": "full"})])
    assert "reported" not in alone.html
    assert "“reduced”" not in alone.caption


def test_what_no_fine_tuning_records_has_no_column_and_no_note(tmp_path):
    bare = finetuning(tmp_path, "A", 0.3, data={}, timings={}, trained_parameters=None, start=None)
    [row] = shown(views.settings_table([bare]))
    assert not {"std", "error"} & row.keys()
    assert "|" not in row["trains"] + row["starts from"] and "minutes" not in row["setting"]


def test_what_is_no_setting_is_an_error(rows, tmp_path):
    with pytest.raises(
        ValueError, match=r"setting None; known are A, B, C, D, E, frozen random, LP-FT: .* accuracy_table"
    ):
        views.settings_table([finetuning(tmp_path, "A", 0.3, recipe={"setting": None})])
    with pytest.raises(ValueError, match="one recipe and profile"):
        views.settings_table([[rows[0][0], rows[1][0]]])
    with pytest.raises(ValueError, match="give at least one"):
        views.settings_table([])
    with pytest.raises(ValueError, match="holds no run"):
        views.settings_table([[]])
    with pytest.raises(ValueError, match="is the training finished"):
        views.settings_table([finetuning(tmp_path, "B", 0.3, best=None)])


# The discussion


def line_of(words: str, start: str) -> str:
    [line] = [line for line in words.split("\n") if line.startswith(f"- **{start}")]
    return line


def signed(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def test_the_discussion_gives_every_difference_its_interval_over_seeds(rows):
    words = views.settings_in_words(rows)
    started = re.findall(r"^- \*\*(.*?)\*\*", words, flags=re.MULTILINE)
    pairs = ["C against A", "E against frozen random", "B against A", "C against B", "D against E", "C against E"]
    assert started == [*pairs, "B against D", "LP-FT against C", "The order in R3", "One pre-training"]
    for pair in (*pairs, "B against D", "LP-FT against C"):
        first, second = (np.array(ACCURACIES[setting]) for setting in pair.split(" against "))
        paired = len(first) == len(second)
        test = stats.ttest_rel(first, second) if paired else stats.ttest_ind(first, second, equal_var=False)
        low, high = test.confidence_interval(0.95)
        line = line_of(words, pair)
        assert f"{signed(first.mean() - second.mean())} points" in line
        assert f"95 % interval {signed(low)} to {signed(high)}" in line
        assert ("not clear" in line) == (low <= 0 <= high)
        assert ("paired" in line) == paired


def test_settings_of_one_pretraining_are_named_until_the_pretrainings_differ(rows, tmp_path):
    shared = line_of(views.settings_in_words(rows), "One pre-training")
    assert "all seeds of C, E and LP-FT start from BYOL (ours), seed 0" in shared
    assert "those of C from one pre-training" in line_of(views.settings_in_words(rows), "C against A")

    def start(seed: int) -> dict[str, str]:
        return {"from": "record", "title": "BYOL (ours)", "record": f"quick/our_byol/seed{seed}"}

    each = [
        [finetuning(tmp_path, setting, 0.3 + seed / 10, seed, start=start(seed)) for seed in (0, 1)]
        for setting in ("C", "E")
    ]
    assert "one pre-training" not in views.settings_in_words(each).lower()


def test_with_one_seed_the_interval_is_that_of_the_validation_set(tmp_path):
    words = views.settings_in_words(rows_of(tmp_path, {"A": (0.30,), "C": (0.34, 0.36)}, "our_byol"))
    half = stats.norm.ppf(0.975) * math.sqrt(0.30 * 0.70 / 400 + 0.35 * 0.65 / 400)
    assert f"{signed(0.05)} points (95 % interval {signed(0.05 - half)} to {signed(0.05 + half)}" in words
    assert "400 validation images, since there is one seed" in words and "): not clear" in words


def test_seeds_that_agree_to_the_last_digit_are_no_certainty(tmp_path):
    words = views.settings_in_words(rows_of(tmp_path, {"D": (0.41, 0.41), "E": (0.40, 0.40)}, "our_byol"))
    assert "400 validation images, since the seeds agree" in words and "): not clear" in words


def test_without_seeds_and_number_of_images_no_interval_is_made_up(tmp_path):
    words = views.settings_in_words(rows_of(tmp_path, {"A": (0.30,), "C": (0.35,)}, "our_byol", data={}))
    assert "+5.0 points (no interval: there is one seed, and the records name no number of validation images)" in words
    assert "clear" not in words


def test_the_discussion_says_where_a_reports_order_is_turned_round(rows):
    words = views.settings_in_words(rows, {"other": {"A": 0.5, "B": 0.3, "E": 0.1}})
    assert "- **The order in R3**, A < E < D < C < B: ours is the same. Clear among our differences: 10 of 10." in words
    line = line_of(words, "The order in other")
    assert "E < B < A: ours is A < E < B. The other way round: A against B (ours −27.7 points, clear" in line
    assert "A against E (ours −9.2 points, clear" in line
    assert "B against E" not in line


def test_equal_settings_turn_no_order_round(tmp_path):
    words = views.settings_in_words(rows_of(tmp_path, {"B": (0.515, 0.545), "C": (0.52, 0.54, 0.53)}))
    assert re.search(r"C < B: ours is [BC] = [BC]. Clear among our differences: 0 of 1.", words)


def test_settings_that_were_trained_differently_are_not_compared(rows, tmp_path):
    def other(**recipe):
        return finetuning(tmp_path / str(recipe), "A", 0.3, recipe=recipe)

    c = next(row for row in rows if row[0].info["recipe"]["setting"] == "C")
    with pytest.raises(ValueError, match=r"different networks cannot be compared.*resnet50"):
        views.settings_in_words([c, other(model="resnet50")])
    with pytest.raises(ValueError, match="different image sizes"):
        views.settings_in_words([c, other(image_size=224)])
    with pytest.raises(ValueError, match="setting C stands in several rows"):
        views.settings_in_words([c, c])
    with pytest.raises(ValueError, match="nothing to compare among the settings C"):
        views.settings_in_words([c])


# The arithmetic


def test_a_difference_the_other_way_round_has_the_same_error():
    random = np.random.default_rng(1)
    first, second = random.random(5), random.random(3)
    difference, other = metrics.difference_of_means(first, second), metrics.difference_of_means(second, first)
    assert (other.value, other.error, other.freedom) == pytest.approx(
        (-difference.value, difference.error, difference.freedom)
    )


def test_the_error_of_a_share_is_the_spread_of_many_draws():
    draws = np.random.default_rng(0).binomial(400, 0.3, 20_000) / 400
    assert metrics.share_error(0.3, 400) == pytest.approx(draws.std(), rel=0.03)
    others = np.random.default_rng(1).binomial(900, 0.6, 20_000) / 900
    error = metrics.difference_of_shares(0.3, 400, 0.6, 900).error
    assert error == pytest.approx((draws - others).std(), rel=0.03)


def test_errors_that_cannot_be_computed_are_refused():
    with pytest.raises(ValueError, match="at least 2 values on each side, got 1 and 3"):
        metrics.difference_of_means([0.1], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"got 0\.5 of 0 images"):
        metrics.share_error(0.5, 0)
    with pytest.raises(ValueError, match=r"in \[0, 1\].*got 1.5"):
        metrics.share_error(1.5, 10)


def test_purity_of_random_neighbours_is_chance():
    random = np.random.default_rng(0)
    labels = random.choice(4, 800, p=(0.5, 0.3, 0.1, 0.1))
    near = metrics.nearest_others(random.normal(size=(800, 16)), 10)
    assert metrics.neighbour_purity(near, labels) == pytest.approx(metrics.chance_purity(labels), abs=0.03)
    apart = np.eye(4)[labels] + 0.01 * random.normal(size=(800, 4))
    assert metrics.neighbour_purity(metrics.nearest_others(apart, 10), labels) == 1
    with pytest.raises(ValueError, match="at least 2 points, got 1"):
        metrics.chance_purity(np.array([3]))
