"""The report: every system in it, every value with what it was made on, and one file that needs nothing else."""

from __future__ import annotations

import json
import os
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training_worlds import small_segmentation, write_classification, write_satellite

from dlcvlib import cli, embedding, recipes, report, runs, views
from dlcvlib.course import EDITIONS, MARKS, QUESTIONS, REPORTED, REPORTED_CLASSES, mark_of
from dlcvlib.data import CourseData
from dlcvlib.files.outputs import ForeignFileError, note_folder
from dlcvlib.report import chapters, compose, pictures
from dlcvlib.report.export import page as page_of
from dlcvlib.runs import Run
from dlcvlib.training import train
from dlcvlib.views import Picture

ROOT = Path(__file__).resolve().parent.parent
COURSE = ROOT.parent / "shared" / "COURSE.md"
PROFILE = "quick"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> report.Sources:
    """An empty one, of no data."""
    monkeypatch.setenv("DLCV_HOME", str(tmp_path))
    return report.Sources(PROFILE, CourseData(tmp_path / "toy", True, None, None, None, None), tmp_path / "runs", ())


def info_of(name: str, profile: str = PROFILE, **changed: Any) -> dict[str, Any]:
    """What `run.json` says of a finished training that never was."""
    recipe = recipes.get(name).for_profile(profile)
    row = {"epoch": 2, "train_loss": 1.0, "val_loss": 1.5, "train_accuracy": 0.6, "val_accuracy": 0.5, "mean_iou": 0.5}
    return {
        "recipe": runs.as_json(recipe.as_dict()),
        "profile": profile,
        "seed": 0,
        "status": "finished",
        "start": {"from": "random"},
        "device": "a machine, 3 threads",
        "data": {"root": "toy", "is_toy": True, "val_images": 500},
        "timings": {"minutes": 4.26},
        "best": row | {"knn": 0.25},
    } | changed


def write_record(root: Path, name: str, value: float = 0.5, seed: int = 0, **changed: Any) -> Run:
    """A record of two epochs; `value` is the measure at the best one."""
    info = info_of(name, seed=seed, **changed)
    run = Run(runs.path_of(root, info["profile"], name, seed))
    info["best"] = {
        key: value if key in ("val_accuracy", "mean_iou", "knn") else old for key, old in info["best"].items()
    }
    runs.write_info(run, info)
    losses = ({"epoch": 1, "val_loss": 2.0, "train_loss": 2.5}, {"epoch": 2, "val_loss": 1.0, "train_loss": 0.5})
    runs.write_history(run, [info["best"] | loss for loss in losses])
    return run


def table_rows(blocks: Any) -> list[list[str]]:
    """The cells of every body row of the tables among `blocks`."""
    html = "".join(block.html for block in blocks if not isinstance(block, str))
    rows = re.findall(r"<tr>(.*?)</tr>", html.replace("<wbr>", "").replace("\u00a0", " "), flags=re.DOTALL)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, flags=re.DOTALL) for row in rows if "<td" in row]


def row_of(sources: report.Sources, name: str) -> list[list[str]]:
    return table_rows([report.systems_table([sources.system(recipes.get(name))])])


def made_of(sources: report.Sources, name: str) -> list[list[str]]:
    return table_rows([report.made_table([sources.system(recipes.get(name))])])


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing every network takes seconds."""
    monkeypatch.setattr("dlcvlib.report.compose.pictures", lambda *_, **__: [])


# --- what is in it ---


def course_table(number: int) -> list[list[str]]:
    """The table of one section of COURSE.md, without its head."""
    if not COURSE.is_file():
        pytest.skip(f"{COURSE} is not here")
    section = COURSE.read_text().split(f"\n## {number}. ")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return rows[2:]


NAMED = {"SAM": "segment_anything", "bonus": "gradient", "PCA": "feature_maps", "A–E": "settings"}
"""From a word in that list to the question that it is about."""


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"(?<![\d.])\.\d+", text)]


def test_every_row_of_the_courses_list_of_systems_is_in_the_report() -> None:
    rows = course_table(6)
    assert {row[0] for row in rows} == set(report.REPORTS) - {"ours"}
    for name, systems, reported in rows:
        answers = report.of_report(name)
        stated: set[float] = set()
        for recipe in (recipe for answer in answers for recipe in answer.recipes):
            stated |= {REPORTED.get(recipe.name, 0.0), *REPORTED_CLASSES.get(recipe.name, {}).values()}
        assert set(numbers(reported)) <= stated, f"{name}: {systems}"
        keys = {answer.question.key for answer in answers}
        for word, key in {
            "SAM": "segment_anything",
            "bonus": "gradient",
            "PCA": "feature_maps",
            "A–E": "settings",
        }.items():
            assert word not in systems or key in keys, f"{name} lacks {word}"
        for method in ("BYOL", "DINO"):
            assert not systems.startswith(method) or method.lower() in keys
        for exact in re.findall(r"exactly \*\*([\d,]+)\*\*", systems):
            networks = [recipe for answer in answers for recipe in answer.recipes if recipe.dataset == "satellite"]
            assert any(exact in views.network(recipe).caption for recipe in networks), f"{name}: {exact}"


def test_every_best_known_value_of_the_course_is_in_the_report() -> None:
    said = {number for mark in MARKS for number in (round(mark.value, 4), *numbers(mark.how))}
    for row, best, how in course_table(7):
        assert set(numbers(best)) <= said, f"{row}: {best}, {how}"


def test_every_trained_answer_of_a_report_has_a_best_known_value_beside_it() -> None:
    for answer in report.answers():
        if answer.report == "ours" or answer.question.key in ("byol", "dino"):
            continue
        for recipe in answer.recipes:
            mark = mark_of(recipe)
            assert recipe.name.endswith(("frozen_random", "lp_ft")) or (mark and 0 < mark.value < 1), recipe.name


def test_every_question_but_the_reports_own_is_answered_and_every_report_recipe_answers_one() -> None:
    answered = {answer.question.key for answer in report.answers()}
    assert answered == {question.key for question in QUESTIONS} - {"report"}
    placed = {recipe.name for answer in report.answers() for recipe in answer.recipes}
    assert placed >= {name for name, recipe in recipes.RECIPES.items() if recipe.report != "ours"}


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("edition", EDITIONS)
def test_an_edition_is_in_the_order_of_its_questions(sources: report.Sources, edition: int) -> None:
    asked = [question.text for question in QUESTIONS if edition in question.editions and question.key != "report"]
    titles = [section.title for section in report.by_edition(sources, edition)]
    assert [title.partition(". ")[2].lower() for title in titles[: len(asked)]] == [text.lower() for text in asked]
    assert titles[len(asked)] == "What is missing"


def test_an_edition_that_never_was_is_refused(sources: report.Sources) -> None:
    with pytest.raises(ValueError, match=r"2019.*2018"):
        report.by_edition(sources, 2019)


# --- what is missing ---


def test_without_records_every_system_is_missing_with_a_command_that_trains_it(
    sources: report.Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "dlcvlib.training.train", lambda recipe, *, profile, **_: trained.append((recipe.name, profile))
    )
    monkeypatch.setattr("dlcvlib.runs.summary", str)
    block = report.missing(sources)
    names = {recipe.name for answer in report.answers() for recipe in answer.recipes}
    commands = [row[-1] for row in table_rows([block])]
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "dlcv" and cli.main(arguments) == 0, command
    assert len(commands) == len(names) and set(trained) == {(name, PROFILE) for name in names}
    assert all(name in recipes.RECIPES for name, _ in trained)


def test_a_system_without_record_says_so_beside_its_reported_value(sources: report.Sources) -> None:
    (row,) = row_of(sources, "r4_vgg13_bn")
    assert row[1] == "missing" and "0.7454" in row and "0.762" in row


def test_data_that_were_named_belong_to_the_command(sources: report.Sources, tmp_path: Path) -> None:
    named = report.Sources(PROFILE, sources.data, sources.runs, (), data_root="my data")
    assert named.command(recipes.get("r1_byol")) == f"dlcv train r1_byol --profile {PROFILE} --data 'my data'"


def test_a_training_that_is_under_way_is_no_result(sources: report.Sources) -> None:
    write_record(sources.runs, "r1_byol", status="training")
    (row,) = row_of(sources, "r1_byol")
    epochs = recipes.get("r1_byol").for_profile(PROFILE).epochs
    (begun,) = (row for row in table_rows([report.missing(sources)]) if "r1_byol" in row[-1])
    assert row[1] == "missing" and f"seed 0: training, epoch 2 of {epochs}" in begun[1]


def test_nothing_missing_is_said_in_words(sources: report.Sources) -> None:
    for recipe in {recipe.name for answer in report.answers() for recipe in answer.recipes}:
        write_record(sources.runs, recipe)
    assert isinstance(report.missing(sources), str)


@pytest.mark.parametrize("key", [question.key for question in QUESTIONS if question.reports])
def test_an_answer_without_training_names_a_chapter_that_is_there(key: str, sources: report.Sources) -> None:
    (chapter,) = {answer.chapter for answer in report.answers() if answer.question.key == key}
    file = ROOT / shlex.split(chapters.command(str(chapter)))[-1]
    if not file.is_file():
        pytest.skip(f"{file} is not written yet")
    (said,) = chapters.blocks(str(chapter))
    assert "missing" in said and chapters.command(str(chapter)) in said


def test_a_chapter_that_was_run_gives_its_figures(sources: report.Sources, tmp_path: Path) -> None:
    picture = Picture("<p>body</p>", "A caption.", "alt")
    output = {"output_type": "display_data", "data": picture._repr_mimebundle_()}
    other = {"output_type": "stream", "text": "progress"}
    file = tmp_path / "book" / "chapters" / "11_cross_entropy_gradient.ipynb"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"cells": [{"source": ""}, {"outputs": [other, output]}]}))
    _, shown = chapters.blocks("11_cross_entropy_gradient")
    assert isinstance(shown, Picture) and shown.html == picture.html
    file.write_text("{")
    with pytest.raises(ValueError, match=r"11_cross_entropy_gradient\.ipynb"):
        chapters.blocks("11_cross_entropy_gradient")


# --- values ---


def test_a_value_stands_with_its_deviation_seeds_minutes_and_hardware(sources: report.Sources) -> None:
    for seed, value in enumerate((0.5, 0.7)):
        write_record(sources.runs, "our_byol_c", value, seed)
    (row,) = made_of(sources, "our_byol_c")
    assert row[1] == "0.600 ± 0.141 (toy)" and row[3:] == ["2", "4.3", "a machine, 3 threads"]


def test_one_seed_has_no_deviation(sources: report.Sources) -> None:
    write_record(sources.runs, "r1_small_cnn", 0.52)
    assert row_of(sources, "r1_small_cnn")[0][1] == "0.520 (toy)"


def test_no_value_of_drawn_or_other_images_is_unmarked(sources: report.Sources) -> None:
    others = {"data": {"root": "hw1_data", "is_toy": False, "val_images": 400}}
    for answer in report.answers():
        for recipe in answer.recipes:
            write_record(sources.runs, recipe.name, 0.1234)
            if recipe.measure != "knn":  # of those nothing is reported
                write_record(sources.runs, recipe.name, 0.4321, seed=1, **others)
    checked = 0
    for task in report.TASKS:
        for row in table_rows(report.overview(sources, task)):
            for cell in row:
                for value, mark in (("0.123", "(toy)"), ("0.432", "(other images)")):
                    if value in cell:
                        checked += 1
                        assert mark in cell
    assert checked > 100


def test_the_courses_own_images_need_no_mark(sources: report.Sources) -> None:
    write_record(sources.runs, "r4_vgg13_bn", 0.7, data={"root": "hw1_data", "is_toy": False, "val_images": 2500})
    (row,) = row_of(sources, "r4_vgg13_bn")
    assert row[1] == "0.700"
    (row,) = made_of(sources, "r4_vgg13_bn")
    assert row[1] == "0.700" and row[2].startswith(f"hw1_data, 2,500 images, profile {PROFILE}")


def test_a_recorded_result_stands_where_there_is_no_record_and_beside_one_of_other_data(
    sources: report.Sources,
) -> None:
    course = {"root": "hw1_data", "is_toy": False, "val_images": 2500}
    kept = tuple(info_of("our_scratch", profile, data=course) for profile in ("hour", "full"))
    sources = report.Sources(PROFILE, sources.data, sources.runs, kept)
    assert [row[2] for row in made_of(sources, "our_scratch")] == [
        f"recorded: hw1_data, 2,500 images, profile {profile}" for profile in ("full", "hour")
    ]
    write_record(sources.runs, "our_scratch")
    assert [row[2].startswith("recorded: ") for row in made_of(sources, "our_scratch")] == [False, True, True]


def test_a_record_here_takes_the_place_of_its_own_recorded_result(sources: report.Sources) -> None:
    sources = report.Sources(PROFILE, sources.data, sources.runs, (info_of("our_scratch"),))
    write_record(sources.runs, "our_scratch", 0.31)
    (row,) = row_of(sources, "our_scratch")
    assert row[1] == "0.310 (toy)"


def test_a_record_of_other_settings_is_said_to_be_one(sources: report.Sources) -> None:
    write_record(sources.runs, "r1_small_cnn")
    assert "changed since" not in made_of(sources, "r1_small_cnn")[0][2]
    settings = info_of("r1_small_cnn")["recipe"] | {"batch_size": 7}
    write_record(sources.runs, "r1_small_cnn", recipe=settings)
    assert "settings changed since" in made_of(sources, "r1_small_cnn")[0][2]


def test_the_recorded_results_of_the_book_are_read() -> None:
    folder = ROOT / "book" / "results"
    assert len(runs.read_results(folder)) == len(list(folder.glob("*.json")))


def test_what_cannot_be_read_is_named(sources: report.Sources, tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"recipe": {}}')
    with pytest.raises(ValueError, match=r"half\.json"):
        runs.read_results(tmp_path)


@pytest.mark.timeout(60)
def test_a_pipe_among_the_recorded_results_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "waiting.json")
    with pytest.raises(ValueError, match=r"waiting\.json"):
        runs.read_results(tmp_path)


DAMAGES: dict[str, tuple[str, str | bytes]] = {
    "cut": ("run.json", '{"recipe": {"name"'),
    "empty": ("run.json", ""),
    "garbage": ("run.json", bytes(range(256))),
    "a list": ("run.json", "[1]"),
    "nothing in it": ("run.json", '{"status": "finished"}'),
    "no value": ("run.json", json.dumps(info_of("r1_byol", best={"epoch": 1}))),
    "no minutes": ("run.json", json.dumps(info_of("r1_byol", timings={}))),
    "another profile": ("run.json", json.dumps(info_of("r1_byol") | {"profile": "slow"})),
    "begun, no epochs": ("run.json", json.dumps(info_of("r1_byol", status="training") | {"recipe": {"name": "x"}})),
    "no history": ("history.csv", ""),
    "no row": ("history.csv", "epoch,train_loss\n"),
    "no column": ("history.csv", "\0\1\2,3\n4,5\n"),
}


@pytest.mark.usefixtures("without_pictures")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_left_out_of_the_report_and_named(
    sources: report.Sources, tmp_path: Path, damage: str
) -> None:
    write_record(sources.runs, "r1_byol", 0.25, seed=0)
    write_record(sources.runs, "r1_small_cnn", 0.75)
    name, content = DAMAGES[damage]
    file = write_record(sources.runs, "r1_byol", 0.5, seed=1).path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    ((_, ours, _, seeds, *_),) = made_of(sources, "r1_byol")
    assert ours.startswith("0.250") and seeds == "1", "the sound seed stands"
    said = report.tally(sources)
    assert f"left out: {file} is damaged" in said and "train again" in said and said.count("left out") == 1
    text = report.export(tmp_path / "r.html", sources).read_text()
    assert f"{file} is damaged" in text and "0.750" in text


def test_a_system_whose_only_record_is_damaged_is_missing(sources: report.Sources) -> None:
    file = write_record(sources.runs, "r1_byol").path / "run.json"
    file.write_text("{")
    (row,) = (row for row in table_rows([report.missing(sources)]) if "r1_byol" in row[-1])
    assert str(file) in row[1]


def test_a_recorded_result_that_lacks_a_figure_is_named(tmp_path: Path) -> None:
    (tmp_path / "lacking.json").write_text(json.dumps(info_of("r1_byol", best={"epoch": 1})))
    with pytest.raises(ValueError, match=r"lacking\.json.*knn"):
        runs.read_results(tmp_path)


def test_reported_classes_stand_below_ours(sources: report.Sources) -> None:
    best = info_of("r5_fcn8s")["best"] | {"iou_urban": 0.4}
    write_record(sources.runs, "r5_fcn8s", best=best)
    table = report.class_table([sources.system(recipes.get("r5_fcn8s"))])
    ours, reported = table_rows([table])
    assert ours[1:3] == ["0.400 (toy)", "–"] and "as R5 reports it" in reported[0] and reported[1] == "0.7604"


def test_pictures_only_questions_show_the_systems_of_another_questions_table() -> None:
    found = report.answers()
    tabled = {recipe.name for answer in found if "table" in answer.question.shows for recipe in answer.recipes}
    only_shown = {recipe.name for answer in found if "table" not in answer.question.shows for recipe in answer.recipes}
    assert only_shown and only_shown <= tabled


def test_what_a_question_shows_can_be_shown() -> None:
    for question in QUESTIONS:
        assert {*question.shows} <= {*compose.TABLES, *pictures.PICTURES}
        assert bool(question.shows) == (question.answered_by is not None)


def test_what_the_reports_state_is_of_a_recipe() -> None:
    assert set(REPORTED) | set(REPORTED_CLASSES) <= set(recipes.RECIPES)


def test_a_record_made_before_the_reported_values_were_moved_is_not_outdated(sources: report.Sources) -> None:
    old = info_of("r5_fcn8s")["recipe"] | {"reported": 0.6921, "reported_classes": {"Urban": 0.7604}}
    write_record(sources.runs, "r5_fcn8s", recipe=old)
    assert "changed since" not in made_of(sources, "r5_fcn8s")[0][2]


# --- maps ---


def test_maps_are_shown_once_they_are_kept_and_made_only_when_asked_for(sources: report.Sources) -> None:
    run = write_record(sources.runs, "r4_vgg13_bn")
    rng = np.random.default_rng(0)
    for epoch in (1, 2):
        features = rng.normal(size=(60, 8)).astype(np.float16)
        labels, indices = np.arange(60) % 3, np.arange(60)
        runs.write_snapshot(run, epoch, {"features": features, "labels": labels, "indices": indices})
    (answer,) = (each for each in report.of_report("R4") if each.question.key == "feature_maps")
    systems = report.systems_of(sources, [answer])
    said = pictures.pictures(pictures.Shown(answer, systems, sources))
    assert [isinstance(block, str) for block in said] == [True, True] and sources.command_for_maps in str(said[0])
    assert embedding.cached_maps(run, "tsne") is None and not (run.path / "embeddings").exists()
    made = pictures.pictures(pictures.Shown(answer, systems, sources, make_maps=True))
    shown = pictures.pictures(pictures.Shown(answer, systems, sources))
    assert [block.html for block in shown if isinstance(block, Picture)] == [
        block.html for block in made if isinstance(block, Picture)
    ] and len(shown) == 2


def test_a_record_without_its_snapshots_says_what_cannot_be_drawn(sources: report.Sources) -> None:
    run = write_record(sources.runs, "r4_vgg13_bn")
    (answer,) = (each for each in report.of_report("R4") if each.question.key == "feature_maps")
    for block in pictures.pictures(pictures.Shown(answer, report.systems_of(sources, [answer]), sources)):
        assert isinstance(block, str) and "cannot be drawn" in block and str(run.path) in block


@pytest.fixture(scope="module")
def segmented(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A segmentation that was trained for a second, and its data."""
    root = tmp_path_factory.mktemp("segmented")
    recipe = small_segmentation(name="r5_fcn8s", report="R5", epochs=2, named_images=("0000", "0002"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLCV_RUNS", str(root / "runs"))
        data = write_satellite(root / "tiles")
        return train(recipe, profile=PROFILE, seed=0, data=data), data


def test_the_masks_of_an_edition_are_of_the_images_that_it_names(
    segmented: tuple[Run, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, data = segmented
    monkeypatch.setenv("DLCV_RUNS", str(run.path.parents[2]))
    sources = report.find_sources(PROFILE, data)
    (answer,) = (each for each in report.of_report("R5") if each.question.key == "improved")
    systems = report.systems_of(sources, [answer])
    for named, shown in ((["0002", "0001"], {"0002"}), ([], {"0000", "0002"}), (["0097"], {"0000", "0002"})):
        masks = pictures.pictures(pictures.Shown(answer, systems, sources, named=named))[-1]
        assert isinstance(masks, Picture)
        assert set(re.findall(r'alt="(\d{4}), true mask"', masks.html)) == shown


# --- the file ---


class Addresses(HTMLParser):
    """Everything that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = ("src", "srcset", "href", "data", "poster", "action", "xlink:href")
        self.found += [value for name, value in attributes if name in names and value]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole report over three records, to be read only."""
    root = tmp_path_factory.mktemp("exported")
    for name in ("r1_small_cnn", "r1_resnet50", "r4_vgg13_bn"):
        write_record(root / "runs", name)
    data = CourseData(root / "toy", True, None, None, None, None)
    return report.export(root / "out" / "report.html", report.Sources(PROFILE, data, root / "runs", ()))


def test_the_file_asks_nothing_of_a_network(exported: Path) -> None:
    text = exported.read_text()
    page = Addresses()
    page.feed(text)
    assert page.found and all(address.startswith(("#", "data:")) for address in page.found)
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert style and "url(" not in style and "@import" not in style
    assert text.count("plotly.js v") == 1, "the drawing library stands in the file, once"


def test_a_file_without_figures_carries_no_drawing_library() -> None:
    assert len(page_of("Title", "About", [report.Section("Part", ("*text*",))])) < 20_000


def test_text_cannot_become_markup() -> None:
    html = page_of("<b>", "<script>x</script>", [report.Section("<i>", ("<img src=x>",))])
    assert not {"<b>", "<script>x", "<i>", "<img"} & set(re.findall(r"<b>|<script>x|<i>|<img", html))


@pytest.mark.usefixtures("without_pictures")
def test_the_file_is_whole_or_not_there(
    sources: report.Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out" / "report.html"
    out.parent.mkdir()
    out.write_text("the old one")
    note_folder(out.parent)
    old = sorted(out.parent.iterdir())

    def fails(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(OSError, match="full"):
        report.export(out, sources)
    assert out.read_text() == "the old one" and sorted(out.parent.iterdir()) == old


@pytest.mark.usefixtures("without_pictures")
def test_a_report_replaces_only_what_a_report_wrote(sources: report.Sources, tmp_path: Path) -> None:
    out = tmp_path / "mine.html"
    out.write_text("by hand")
    with pytest.raises(ForeignFileError, match=r"mine\.html.*--replace"):
        report.export(out, sources)
    assert out.read_text() == "by hand"
    report.export(out, sources, replace=True)
    write_record(sources.runs, "r1_small_cnn", 0.75)
    assert "0.750" in report.export(out, sources).read_text(), "its own is replaced"
    record = write_record(sources.runs, "r1_byol")
    (record.path / "page.html").symlink_to(out)
    for place in (record.path / "new.html", record.path / "page.html"):
        with pytest.raises(ForeignFileError, match=place.name):
            report.export(place, sources, replace=True)


@pytest.mark.parametrize("name", ["report.pdf", "report"])
def test_a_name_that_is_no_html_file_is_refused(sources: report.Sources, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"\.html"):
        report.export(tmp_path / name, sources)


def test_the_command_writes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    write_record(tmp_path / "runs", "r2_densenet121", 0.3)
    out = tmp_path / "r.html"
    data = str(write_classification(tmp_path / "data", per_class=1))
    assert cli.main(["report", str(out), "--edition", "2022", "--profile", PROFILE, "--data", data]) == 0
    said = capsys.readouterr().out
    assert str(out) in said and "1 of" in said
    text = out.read_text()
    assert "0.300 (toy)" in text and f"--data {data}" in text.replace("<wbr>", "") and "in the order of 2022" in text


def test_the_file_is_readable_and_drawn_without_a_network(exported: Path, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 760, "height": 900})
    context.set_offline(True)
    page = context.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(exported.as_uri(), timeout=120_000)
    row = page.locator("table.dlcv-table tbody tr", has_text="Small CNN").first
    assert row.is_visible() and "(toy)" in row.inner_text() and "0.622" in row.inner_text()
    figure = page.locator(".dlcv-plotly").first
    figure.scroll_into_view_if_needed()
    figure.locator("svg.main-svg .scatterlayer .trace").first.wait_for(state="attached", timeout=30_000)
    assert figure.locator(".dlcv-fallback").is_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [address for address in asked if not address.startswith("data:")] == [exported.as_uri()] and wrong == []
    context.close()
