"""Views: that they show what the record holds, say it in words, and refuse what they cannot show."""

import json
import math
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from embedding_records import record

from dlcvlib import recipes, views
from dlcvlib.embedding import embed
from dlcvlib.runs import write_history, write_snapshot
from dlcvlib.views.display import PLOTLY_MIME
from dlcvlib.views.palette import SERIES_COLOURS, SYMBOLS, class_styles

NAMES = ("cat", "dog", "<fox>", "hen", "owl")
STAGES = [
    {"name": "input", "kind": "image", "channels": 3, "height": 32, "width": 32, "parameters": 0},
    {"name": "stage 1", "kind": "convolutions", "channels": 64, "height": 16, "width": 16, "parameters": 38976},
    {"name": "classifier", "kind": "linear", "channels": 50, "height": 1, "width": 1, "parameters": 3250},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return record(tmp_path_factory.mktemp("runs") / "smoke" / "small" / "seed0", data={"val_images": 200})


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (207, 3, 8, 8), dtype=np.uint8)


def figure(picture) -> dict:
    return picture.live[PLOTLY_MIME]


def cells(picture) -> list[list[str]]:
    rows = re.findall(r"<tr.*?>(.*?)</tr>", picture.html, flags=re.DOTALL)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, flags=re.DOTALL) for row in rows]


def test_every_picture_suits_light_and_dark_pages(run, images):
    pictures = [views.curves(run), views.confusion(run), views.embedding_maps(embed(run, "pca"))]
    for picture in pictures:
        layout = figure(picture)["layout"]
        assert layout["template"]["layout"]["paper_bgcolor"] == "rgba(0, 0, 0, 0)"
        assert "paper_bgcolor" not in layout
        assert "width" not in layout  # the page decides
    assert "currentColor" in views.architecture(STAGES, "Small").html


def test_curves_draw_the_history_and_say_the_best_epoch(run):
    picture = views.curves(run)
    lines = {(trace["name"], trace.get("yaxis", "y")): trace for trace in figure(picture)["data"]}
    assert set(lines) == {(part, axis) for part in ("training", "validation") for axis in ("y", "y2")} | {
        ("best", "y2")
    }
    best = run.history["val_accuracy"].max()
    assert f"reaches {best:.3f} on the validation images at epoch 4 of 4" in picture.caption
    assert f"{best:.3f}" in picture.alt


def test_runs_of_one_title_are_told_apart_by_their_seed(run, tmp_path):
    other = record(tmp_path / "smoke" / "small" / "seed1", seed=1)
    named = [trace["name"] for trace in figure(views.curves([run, other]))["data"] if trace.get("showlegend", True)]
    assert named == ["Small CNN, seed0", "Small CNN, seed1"]
    assert "Own name reaches" in views.curves([run], ["Own name"]).caption


def test_a_history_without_a_needed_column_is_an_error(tmp_path):
    run = record(tmp_path / "run")
    write_history(run, [{"epoch": 1, "train_loss": 1.0}])
    with pytest.raises(ValueError, match="no column val_loss, train_accuracy, val_accuracy"):
        views.curves(run)
    with pytest.raises(ValueError, match="1 to 7 runs"):
        views.curves([])
    with pytest.raises(ValueError, match=r"2 labels.* 1 runs"):
        views.curves(run, ["a", "b"])


def test_the_accuracy_table_holds_mean_deviation_and_standard_error(tmp_path):
    def seeded(seed, accuracy):
        best = {"epoch": 3, "val_accuracy": accuracy}
        data = {"val_images": 2500}
        return record(
            tmp_path / "quick" / "small" / f"seed{seed}", epochs=1, points=20, best=best, data=data, seed=seed
        )

    picture = views.accuracy_table([[seeded(0, 0.60), seeded(1, 0.64)]])
    shown = dict(zip(*cells(picture), strict=True))
    assert shown["accuracy"] == "0.620"
    assert shown["std"] == f"{np.std([0.60, 0.64], ddof=1):.3f}"
    assert shown["error"] == f"{math.sqrt(0.62 * 0.38 / 2500):.3f}"
    assert shown["reported"] == "0.622"
    assert "2 seeds" in picture.caption


def test_what_no_record_says_has_no_column_and_what_one_lacks_is_a_dash(run, tmp_path):
    bare = record(tmp_path / "quick" / "bare" / "seed0", epochs=1, points=20, recipe={"name": "bare"}, timings={})
    picture = views.accuracy_table([bare])
    assert cells(picture)[0] == ["system", "accuracy"] and "minutes" not in picture.caption
    header, first, second = cells(views.accuracy_table([run, bare]))
    assert dict(zip(header, second, strict=True))["error"] == "–" != dict(zip(header, first, strict=True))["error"]


def test_what_all_rows_share_is_said_once_and_what_sets_one_apart_stands_below_its_name(tmp_path):
    runs = [
        record(tmp_path / name / "seed0", epochs=1, points=20, recipe={"name": name}, timings={"minutes": minutes})
        for name, minutes in (("one", 1.0), ("two", 2.0))
    ]
    picture = views.accuracy_table(runs)
    assert "All rows: 1 seed" in picture.caption and "minutes" not in picture.caption
    rows = [cell for cell, *_ in cells(picture)[1:]]
    assert [re.sub("<.*?>", " ", cell).split() for cell in rows] == [
        ["one", "1.0", "minutes"],
        ["two", "2.0", "minutes"],
    ]


def test_a_table_row_of_different_recipes_or_of_an_unfinished_run_is_an_error(run, tmp_path):
    other = record(tmp_path / "a", epochs=1, points=20, recipe={"name": "other"})
    with pytest.raises(ValueError, match="one recipe and profile"):
        views.accuracy_table([[run, other]])
    unfinished = record(tmp_path / "b", epochs=1, points=20, best=None)
    with pytest.raises(ValueError, match="names no best accuracy"):
        views.accuracy_table([unfinished])


def test_confusion_counts_the_snapshot(run):
    snapshot = run.snapshot(2)
    right = int((snapshot["labels"] == snapshot["predicted"]).sum())
    picture = views.confusion(run, 2, NAMES)
    assert f"after epoch 2: {right} of 200 images right" in picture.caption
    assert figure(picture)["data"][0]["x"] == list(NAMES)
    with pytest.raises(ValueError, match="5 classes but only 1 class names"):
        views.confusion(run, 2, ["cat"])
    with pytest.raises(FileNotFoundError, match="epoch_0099"):
        views.confusion(run, 99)


def test_confusion_names_the_commonest_mistake(tmp_path):
    run = record(tmp_path / "run", epochs=1)
    labels = run.snapshot(1)["labels"]
    predicted = np.where(labels == 3, 1, labels)
    write_snapshot(run, 1, {**run.snapshot(1), "predicted": predicted})
    assert "hen with dog (40)." in views.confusion(run, class_names=NAMES).caption
    write_snapshot(run, 1, {**run.snapshot(1), "predicted": labels})
    assert "No class is confused" in views.confusion(run).caption


def test_most_confused_shows_the_surest_mistakes_first(run, images):
    picture = views.most_confused(run, images, 6, epoch=1, class_names=NAMES)
    shown = re.findall(r">(\S+) → (\S+) \((\d\.\d\d)\)<", picture.html)
    assert len(shown) == 6
    assert all(true != predicted for true, predicted, _ in shown)
    confidences = [float(confidence) for *_, confidence in shown]
    assert confidences == sorted(confidences, reverse=True)
    snapshot = run.snapshot(1)
    wrong = snapshot["labels"] != snapshot["predicted"]
    assert confidences[0] == pytest.approx(float(snapshot["confidence"][wrong].max()), abs=0.006)
    assert f"6 of {wrong.sum()} wrongly" in picture.caption
    assert "<fox>" not in picture.html  # names are text, not markup


def test_most_confused_needs_the_whole_split(run, images):
    with pytest.raises(ValueError, match="the snapshot shows image 206, but only 100 images are given"):
        views.most_confused(run, images[:100])


def test_a_grid_keeps_the_columns_asked_for(images):
    picture = views.image_grid(images, caption="c", alt="a", columns=3)
    assert "/ 3)" in picture.html, "three columns where there is room"
    with pytest.raises(ValueError, match="columns must be at least 1, got 0"):
        views.image_grid(images, caption="c", alt="a", columns=0)


def test_a_grid_has_an_image_with_alt_text_for_each(images):
    picture = views.image_grid(images[:3], ["one", "two & a half", "three"], caption="Three.", alt="Three images")
    assert re.findall(r'<img [^>]*alt="([^"]*)"', picture.html) == ["one", "two &amp; a half", "three"]
    with pytest.raises(ValueError, match=r"2 titles.* 3 images"):
        views.image_grid(images[:3], ["a", "b"], caption="x", alt="x")
    with pytest.raises(ValueError, match=r"uint8 of shape \(N, 3, H, W\), got float64"):
        views.image_grid(images[:3] / 255.0, caption="x", alt="x")
    with pytest.raises(ValueError, match="empty"):
        views.image_grid(images[:3], caption="", alt="x")


def test_mask_pairs_say_the_share_of_each_class(images):
    masks = np.zeros((2, 8, 8), np.uint8)
    masks[0] = 4
    picture = views.mask_pairs(images[:2], masks)
    assert "Urban 0.500" in picture.caption
    assert "Water 0.500" in picture.caption
    assert picture.html.count("<img") == 4
    with pytest.raises(ValueError, match="class ids 3 to 7, outside 0 to 6"):
        views.mask_pairs(images[:2], masks + np.uint8(3))
    with pytest.raises(ValueError, match="do not fit"):
        views.mask_pairs(images[:2], masks[:, :4])


def test_maps_share_their_axes_and_say_what_they_are_worth(run):
    series = embed(run, "pca")
    picture = views.embedding_maps(series, NAMES)
    layout = figure(picture)["layout"]
    ranges = {tuple(layout[axis]["range"]) for axis in layout if re.fullmatch(r"[xy]axis\d?", axis)}
    [(low, high)] = ranges
    shown = series.coordinates[[series.position(epoch) for epoch in (1, 3, 4)]]
    assert -low == high > np.abs(shown).max()
    written = [annotation["text"] for annotation in layout["annotations"]]
    assert written[:3] == ["epoch 1", "epoch 3", "epoch 4"]
    last = series.quality.iloc[-1]
    for name in ("knn_map", "knn_features", "silhouette", "trustworthiness", "displacement"):
        assert f"{last[name]:.2f}" in written[-1]
    assert f"{last['knn_features']:.2f} in the features" in picture.caption
    legend = [trace["name"] for trace in figure(picture)["data"] if trace["showlegend"]]
    assert legend == list(NAMES)
    groups = {trace["legendgroup"] for trace in figure(picture)["data"]}
    assert len(groups) == 5  # a click in the legend reaches the class in all three maps


def test_maps_of_chosen_epochs(run):
    series = embed(run, "pca")
    titles = figure(views.embedding_maps(series, epochs=[0, 4]))["layout"]["annotations"][:2]
    assert [title["text"] for title in titles] == ["epoch 0", "epoch 4"]
    with pytest.raises(ValueError, match="no map of epoch 7"):
        views.embedding_maps(series, epochs=[7])
    with pytest.raises(ValueError, match="1 to 6 maps"):
        views.embedding_maps(series, epochs=[])


def test_every_class_of_the_course_has_a_look_of_its_own():
    assert len(set(class_styles(65))) == 65
    with pytest.raises(ValueError, match="71 classes"):
        class_styles(71)
    assert len(set(SERIES_COLOURS)) == len(SERIES_COLOURS)
    assert len(set(SYMBOLS)) == len(SYMBOLS)


def test_an_architecture_has_a_prism_and_the_sizes_of_each_stage():
    picture = views.architecture(STAGES, "Small & simple")
    svg = ElementTree.fromstring(re.search(r"<svg.*</svg>", picture.html, flags=re.DOTALL)[0])
    space = "{http://www.w3.org/2000/svg}"
    groups = svg.findall(f"{space}g")
    assert [len(group.findall(f"{space}polygon")) for group in groups] == [3, 3, 3]
    words = ["".join(text.itertext()) for text in groups[1].findall(f"{space}text")]
    assert words == ["stage 1", "convolutions", "64 × 16 × 16", "39 k parameters"]
    assert "42,226 parameters" in picture.caption
    heights = [front_height(group.find(f"{space}polygon")) for group in groups]
    assert heights == sorted(heights, reverse=True)


@pytest.mark.parametrize(("name", "parameters"), [("r3_unet", None), ("r4_beit", None), ("r5_fcn32s", "40,118,087")])
def test_the_network_of_a_recipe_is_drawn_in_full_and_reduced(name, parameters):
    recipe = recipes.get(name)
    full, reduced = views.network(recipe), views.network(recipe.for_profile("smoke"))
    assert full.caption.startswith(recipe.title) and reduced.caption != full.caption
    assert parameters is None or parameters in full.caption


def test_stages_of_the_same_blocks_have_the_same_colour():
    kinds = ("3 × Bottleneck", "4 × Bottleneck", "Linear")
    picture = views.architecture([{**STAGES[1], "kind": kind} for kind in kinds], "x")
    fills = re.findall(r'<polygon [^>]*fill="(#\w+)"', picture.html)[::3]
    assert fills[0] == fills[1] != fills[2]


def test_a_skip_connection_is_a_dashed_line_and_is_named():
    plain, last = views.architecture(STAGES, "x"), len(STAGES) - 1
    skipping = views.architecture([*STAGES[:-1], {**STAGES[-1], "reads": (0, last - 1)}], "x")
    assert plain.html.count("stroke-dasharray") == 0
    assert skipping.html.count("stroke-dasharray") == 1
    assert f"Skip connections: {STAGES[0]['name']} to {STAGES[-1]['name']}" in skipping.alt


def front_height(polygon) -> float:
    rows = [float(corner.split(",")[1]) for corner in polygon.get("points").split()]
    return max(rows) - min(rows)


def test_a_stage_that_says_too_little_is_an_error():
    with pytest.raises(ValueError, match=r"stage 'input'.* no kind"):
        views.architecture([{key: value for key, value in STAGES[0].items() if key != "kind"}], "x")
    with pytest.raises(ValueError, match="stage 'input' has height 0"):
        views.architecture([{**STAGES[0], "height": 0}], "x")
    with pytest.raises(ValueError, match=r"stage 'input', number 0, reads \[1\]"):
        views.architecture([{**STAGES[0], "reads": (1,)}, *STAGES[1:]], "x")
    with pytest.raises(ValueError, match="no stage"):
        views.architecture([], "x")


def test_class_counts_count():
    picture = views.class_counts({"train": np.array([0, 0, 1, 1, 2]), "val": np.array([0, 1, 2])}, ("a", "b", "c"))
    assert "train: 5 images, 1 to 2 a class; val: 3 images, 1 a class." in picture.caption
    with pytest.raises(ValueError, match="labels in every split"):
        views.class_counts({"train": np.array([], int)})


def test_figures_are_plain_json(run):
    picture = views.embedding_maps(embed(run, "pca"), NAMES)
    [written] = re.findall(r'<script type="application/json">(.*?)</script>', picture.html, flags=re.DOTALL)
    assert json.loads(written)["data"][0]["name"] == "cat"


def test_a_tangent_touches_the_curve_wherever_the_slider_stops():
    places = np.linspace(-2, 2, 9)
    content = figure(views.tangents(places, places**2, 2 * places, position="w", value="G", caption="A parabola."))
    steps = content["layout"]["sliders"][0]["steps"]
    assert len(steps) == len(places)
    for step, place in zip(steps, places, strict=True):
        moved = step["args"][0]
        (left, right), (low, high) = moved["x"][0], moved["y"][0]
        assert (high - low) / (right - left) == pytest.approx(2 * place, abs=1e-3)
        assert (low + high) / 2 == pytest.approx(place**2, abs=1e-3) and moved["x"][1] == [place]
    assert step["args"][1] == [2, 3, 4] and len(content["data"]) == 5


def test_a_curve_whose_parts_do_not_fit_is_refused():
    with pytest.raises(ValueError, match="same length"):
        views.tangents(np.arange(4), np.arange(3), np.arange(4), position="w", value="G", caption="x")
    with pytest.raises(ValueError, match="must ascend"):
        views.tangents(np.zeros(4), np.arange(4), np.arange(4), position="w", value="G", caption="x")


def test_colours_are_defined_in_the_palette_alone():
    folder = Path(views.__file__).parent
    files = [file for kind in ("py", "js", "css") for file in folder.rglob(f"*.{kind}") if file.name != "palette.py"]
    colour = re.compile(r"#[0-9a-fA-F]{6}\b|rgba?\((?!0, 0, 0, 0\))\d+, *\d+, *\d+")
    assert len(files) > 30 and {file.name: found for file in files if (found := colour.findall(file.read_text()))} == {}


def test_right_and_wrong_values_stand_on_one_line_a_mistake():
    picture = views.right_and_wrong({"sorted": (0.5, 0.25), "pooled": (0.75, 1.0)}, caption="Two mistakes.")
    *lines, right, wrong = figure(picture)["data"]
    assert [line["x"] for line in lines] == [[0.5, 0.25], [0.75, 1.0]]
    assert (right["x"], wrong["x"], right["y"]) == ([0.5, 0.75], [0.25, 1.0], ["sorted", "pooled"])
    assert right["marker"]["symbol"] != wrong["marker"]["symbol"], "told apart without colours"
    assert "sorted: 0.500 becomes 0.250" in picture.caption


@pytest.mark.parametrize("values", [{}, {"lost": (0.5, float("nan"))}, {"percent": (50, 60)}])
def test_right_and_wrong_refuses_what_is_no_share(values):
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        views.right_and_wrong(values, caption="x")
