"""No run twice: recipes whose settings a profile makes equal are trained once, and read as what they were asked for."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from test_report import made_of, row_of, sources, table_rows, write_record
from training_worlds import write_satellite

from dlcvlib import bands, cli, paths, recipes, report, runs, training, views
from dlcvlib.recipes import PROFILES, Recipe, SegmentationRecipe
from dlcvlib.training import load_or_train

__all__ = ["sources"]

FCN = ("r1_fcn32s", "r2_fcn32s", "r4_fcn32s", "r5_fcn32s")


@functools.cache
def shared(profile: str) -> set[tuple[str, ...]]:
    """All lists of recipes that are one run."""
    return {same for name in recipes.RECIPES if len(same := recipes.same_run(name, profile)) > 1}


def other_than(value: Any) -> Any:
    """Another value of the same kind."""
    if dataclasses.is_dataclass(value):
        first = dataclasses.fields(value)[0].name
        return dataclasses.replace(value, **{first: other_than(getattr(value, first))})
    if isinstance(value, Mapping):
        return {**value, "another": 1}
    if isinstance(value, tuple):
        return (*value, "another")
    if value is None or isinstance(value, str):
        return f"{value}_and_more"
    return not value if isinstance(value, bool) else value + 1


LABELS = {"name", "title", "report", "setting", "profiles", "only_for"}


def inert(recipe: Recipe) -> set[str]:
    """Settings that name a start which a recipe does not have."""
    names = {"stand_in", "pretraining"} - ({"stand_in"} if recipe.start == "pretrained" else set())
    names -= {"pretraining"} if recipe.start == "ssl" else set()
    return LABELS | names | (set() if getattr(recipe, "takes_outside_weights", False) else {"supplied"})


@pytest.mark.parametrize("name", ["r2_fcn32s", "our_byol_a", "our_byol_b", "our_byol_d", "our_deeplabv3plus_random"])
def test_every_setting_that_counts_separates_two_recipes(monkeypatch, name):
    recipe = recipes.get(name).for_profile("quick")
    first = recipes.representative(name, "quick")
    assert first != name
    for setting in (field.name for field in dataclasses.fields(recipe)):
        if setting == "profiles":
            continue
        changed = dataclasses.replace(recipe, **{setting: other_than(getattr(recipe, setting))}, profiles={})
        monkeypatch.setitem(recipes.RECIPES, name, dataclasses.replace(changed, only_for=None))
        assert (first in recipes.same_run(name, "quick")) == (setting in inert(recipe)), setting


def test_of_one_run_all_settings_are_equal_up_to_what_they_do_not_use():
    for profile in PROFILES:
        for first, *others in shared(profile):
            one = recipes.get(first).for_profile(profile)
            for name in others:
                other = recipes.get(name).for_profile(profile)
                differing = {key for key, value in one.as_dict().items() if other.as_dict()[key] != value}
                allowed = inert(one) & inert(other) | ({"start"} if isinstance(one, SegmentationRecipe) else set())
                assert differing <= allowed, (first, name)


def test_lists_of_one_run_agree_with_each_other():
    for profile in PROFILES:
        for same in shared(profile):
            assert {recipes.same_run(name, profile) for name in same} == {same}
            assert {recipes.representative(name, profile) for name in same} == {same[0]}
            assert recipes.representatives(same, profile) == [same[0]]
            repeated = any(recipes.get(name).repeated for name in same)
            counts = {recipes.seeds(name, profile) for name in same}
            assert counts == {recipes.SEEDS[profile] if repeated else 1}


def test_small_profiles_make_recipes_of_several_reports_equal_and_full_keeps_them_apart():
    assert recipes.same_run("r4_fcn32s", "quick") == FCN == recipes.same_run("r1_fcn32s", "gpu")
    for name in ("r4_fcn32s", "r3_setting_a", "r3_setting_b", "our_byol_a", "our_deeplabv3plus_random"):
        assert recipes.representative(name, "quick") != name and recipes.representative(name, "full") == name
    reports = [{recipes.get(name).report for name in same} for same in shared("full")]
    assert reports.count({"ours"}) == len(reports) - 1  # R1, R2 and R5 leave FCN32s's settings open alike
    assert recipes.same_run("r5_fcn32s", "full") == ("r1_fcn32s", "r2_fcn32s", "r5_fcn32s")


def test_what_starts_from_different_records_is_no_one_run():
    assert recipes.representative("r3_setting_c", "quick") == "r3_setting_c"
    assert recipes.same_run("our_dino_e", "quick") == ("our_dino_e",)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    return write_satellite(tmp_path / "data")


def records(profile: str = "smoke") -> list[str]:
    return sorted("/".join(run.path.parts[-2:]) for run in runs.list_runs(paths.runs_home(Path())))


def test_equal_recipes_leave_one_record_and_are_read_as_what_was_asked_for(world, capsys):
    assert cli.main(["train", *FCN[1:3], "--profile", "smoke", "--data", str(world)]) == 0
    second, fourth = capsys.readouterr().out.splitlines()
    assert "r1_fcn32s/seed0  finished" in second and second.endswith("[r2_fcn32s is the same run]")
    assert fourth.endswith("[r4_fcn32s is the same run]")
    assert records() == ["r1_fcn32s/seed0"]
    one, two = (training.train(name, profile="smoke", seed=0, data=world) for name in FCN[:2])
    assert one == two and "trained_as" not in one.info and two.info["trained_as"] == "r1_fcn32s"
    assert two.info["recipe"] == runs.as_json(recipes.get("r2_fcn32s").for_profile("smoke").as_dict())
    assert runs.load(two.path).info["recipe"] == runs.as_json(recipes.get("r1_fcn32s").for_profile("smoke").as_dict())
    training.train("r2_fcn32s", profile="smoke", seed=1, data=world)
    training.train("r5_fcn8s", profile="smoke", seed=0, data=world)
    assert records() == ["r1_fcn32s/seed0", "r1_fcn32s/seed1", "r5_fcn8s/seed0"]


def test_a_record_that_was_begun_under_its_own_name_stays_the_one_that_is_read(world, monkeypatch):
    with monkeypatch.context() as alone:
        alone.setattr(recipes, "representative", lambda name, _: name)
        own = training.train("r2_fcn32s", profile="smoke", seed=0, data=world)
    again = training.train("r2_fcn32s", profile="smoke", seed=0, data=world)
    assert again == own and "trained_as" not in again.info and records() == ["r2_fcn32s/seed0"]


def test_a_record_from_weights_that_were_named_for_it_serves_no_other_recipe(tmp_path):
    run = write_record(tmp_path, "our_deeplabv3plus", start={"from": "imagenet", "sha256": "0" * 64})
    own = runs.record_of(tmp_path, "quick", "our_deeplabv3plus_random", 0)
    assert own.path.parent.name == "our_deeplabv3plus_random"
    runs.write_info(run, run.info | {"start": {"from": "random"}})
    assert runs.record_of(tmp_path, "quick", "our_deeplabv3plus_random", 0) == run


def test_a_changed_recipe_has_a_record_of_its_own(world, monkeypatch):
    changed = recipes.changed("r2_fcn32s", profile="smoke", epochs=1)
    assert training.train(changed, profile="smoke", seed=0, data=world).path.parent.name == "r2_fcn32s+epochs=1"
    kept = dataclasses.replace(recipes.get("r2_fcn32s"), weight_average=0.5)
    assert load_or_train.train(kept, profile="smoke", seed=0, data=world).path.parent.name == "r2_fcn32s"


# --- tables ---


def read_as(root: Path, *names: str, seed: int = 0) -> list[runs.Run]:
    return [runs.record_of(root, "quick", name, seed) for name in names]


def test_one_run_is_one_row_with_all_titles_and_all_reported_values(tmp_path):
    write_record(tmp_path, "r1_fcn32s", 0.4)
    write_record(tmp_path, "our_fcn8s", 0.5)
    picture = views.iou_table(read_as(tmp_path, *FCN, "our_fcn8s"))
    assert picture.html.count(">0.400</td>") == 1
    assert ">VGG16-FCN32s (R1, R2, R4, R5)<" in picture.html.replace("<wbr>", "")
    assert ">R1 0.533, R2 0.693, R4 0.589, R5 0.672</td>" in picture.html and "as R5 reports it" in picture.html
    assert f"Equal settings in the profile quick, so trained once: {' = '.join(FCN)}." in picture.caption
    assert "trained once" not in views.iou_table(read_as(tmp_path, "r1_fcn32s", "our_fcn8s")).caption


def test_rows_of_one_run_with_other_numbers_of_seeds_keep_the_most(tmp_path):
    for seed, value in enumerate((0.3, 0.5)):
        write_record(tmp_path, "our_deeplabv3plus", value, seed)
    several = [read_as(tmp_path, "our_deeplabv3plus_random", seed=seed)[0] for seed in (0, 1)]
    picture = views.iou_table([read_as(tmp_path, "our_deeplabv3plus")[0], several])
    assert picture.html.count("<tr") == 2 and ">0.400</td>" in picture.html
    assert "DeepLabV3+ (ours) = DeepLabV3+ from random weights (ours)" in picture.html
    words = views.iou_in_words([several, read_as(tmp_path, "our_deeplabv3plus")])
    assert words.endswith("one run here, since this profile makes their settings equal.")


def test_different_runs_of_equal_titles_stay_two_rows(tmp_path):
    seeds = [write_record(tmp_path, "r1_fcn32s", 0.4, seed) for seed in (0, 1)]
    assert views.iou_table(seeds).html.count("<tr") == 3
    accuracies = [write_record(tmp_path, name, 0.4) for name in ("our_scratch", "r1_small_cnn")]
    assert views.accuracy_table(accuracies).html.count("<tr") == 3


def test_a_setting_is_shown_as_the_series_that_was_asked_for(tmp_path):
    write_record(tmp_path, "r1_setting_a", 0.2)
    write_record(tmp_path, "r3_setting_c", 0.3)
    picture = views.settings_table(read_as(tmp_path, "r3_setting_a", "r3_setting_c"))
    assert "reported, R3" in picture.html and "reported, R1" not in picture.html
    assert "trained once: r3_setting_a = r1_setting_a." in picture.caption


def test_the_report_shows_the_shared_run_in_each_report_and_says_so(sources):
    for seed in range(3):
        write_record(sources.runs, "r1_setting_a", 0.2, seed)
    ((_, ours, made_on, seeds, *_),) = made_of(sources, "r3_setting_a")
    assert ours.startswith("0.200") and seeds == "3" and "0.335" in row_of(sources, "r3_setting_a")[0]
    assert "one run with r1_setting_a" in made_on.replace("<wbr>", "") and "settings changed" not in made_on
    ((_, _, first, *_),) = made_of(sources, "r1_setting_a")
    assert "one run with" not in first
    assert row_of(sources, "r3_setting_b")[0][1] == "missing"


def test_the_report_shows_a_shared_run_in_one_row_with_all_reported_values(sources):
    write_record(sources.runs, "r1_fcn32s", 0.4)
    systems = [sources.system(recipes.get(name)) for name in (*FCN, "our_fcn8s")]
    first, second = table_rows([report.systems_table(systems)])
    assert first[0] == "VGG16-FCN32s (R1, R2, R4, R5)" and first[2] == "R1 0.533, R2 0.6927, R4 0.5893, R5 0.672"
    assert second[1] == "missing"


def test_settings_of_one_run_refer_to_the_series_that_shows_it(sources):
    write_record(sources.runs, "r1_setting_a", 0.2)
    systems = [sources.system(recipes.get(name)) for name in ("r1_setting_a", "r3_setting_a", "r3_setting_b")]
    table = report.settings_matrix(systems)
    assert table.html.count("0.200") == 1 and "= R1, BYOL" in table.html and "0.335" in table.html


def test_a_band_of_each_recipe_is_compared_with_the_shared_run(tmp_path):
    write_record(tmp_path, "r1_fcn32s", 0.4)
    for seed in range(2):
        write_record(tmp_path, "r1_setting_a", 0.2, seed)
    fcn, setting = bands.readings(
        [bands.Band("r2_fcn32s", "mean_iou", 0.3, 0.5), bands.Band("r3_setting_a", "val_accuracy", 0.1, 0.3)],
        tmp_path,
        "quick",
    )
    assert (fcn.values, fcn.verdict) == ((0.4,), "ok")
    assert (setting.values, setting.verdict) == ((0.2, 0.2), "missing"), "ours, the same run, has more seeds"
    assert "r2_fcn32s" not in bands.measured(tmp_path, "quick")
