"""Claims about the toy world: the verdict follows from the seeds' differences and their error."""

from __future__ import annotations

import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from scipy import stats

from dlcvlib import claims, recipes, runs
from dlcvlib.chapter import Chapter

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "notebooks" / "bands.yaml"
B_ABOVE_A = (
    "claims: [{says: B above A, chapter: '06', higher: our_byol_b val_accuracy, lower: our_byol_a val_accuracy}]"
)


@pytest.fixture(autouse=True)
def three_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipes.SEEDS, "quick", 3)


def record(
    root: Path, recipe: str, seed: int, value: float, measure: str = "val_accuracy", before: float = 0.0
) -> None:
    run = runs.Run(runs.path_of(root, "quick", recipe, seed))
    info = {"recipe": {"name": recipe}, "profile": "quick", "seed": seed, "status": "finished"}
    data = {"root": "toy", "is_toy": True, "classes": 16}
    runs.write_info(run, info | {"data": data, "best": {"epoch": 3, measure: value}, "before": {measure: before}})


def judged(tmp_path: Path, text: str) -> claims.Judged:
    file = tmp_path / "bands.yaml"
    file.write_text(text)
    (only,) = claims.judge(claims.read(file), tmp_path / "runs", "quick")
    return only


def records_of_b_and_a(root: Path, differences: list[float]) -> None:
    for seed, difference in enumerate(differences):
        record(root, "our_byol_a", seed, 0.1 * (seed + 1))
        record(root, "our_byol_b", seed, 0.1 * (seed + 1) + difference)


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.3, 0.31, 0.29], "holds"),
        ([0.3, -0.1, 0.2], "not clear"),
        ([-0.1, 0.0, 0.05], "FAILED"),
        ([0.3, 0.3], "missing"),
    ],
)
def test_the_verdict_follows_from_the_interval_of_the_paired_differences(tmp_path, differences, verdict):
    records_of_b_and_a(tmp_path / "runs", differences)
    found = judged(tmp_path, B_ABOVE_A)
    assert found.verdict == verdict
    assert found.differences == pytest.approx(differences)


def test_the_interval_is_student_s(tmp_path):
    differences = [0.1, 0.25, 0.3]
    records_of_b_and_a(tmp_path / "runs", differences)
    found = judged(tmp_path, B_ABOVE_A)
    low, high = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert (found.mean - found.half_width, found.mean + found.half_width) == pytest.approx((low, high))


def test_a_margin_is_counted(tmp_path):
    records_of_b_and_a(tmp_path / "runs", [0.3, 0.31, 0.29])
    assert judged(tmp_path, B_ABOVE_A.replace("}]", ", by: 0.25}]")).verdict == "holds"
    assert judged(tmp_path, B_ABOVE_A.replace("}]", ", by: 0.29}]")).verdict == "not clear"
    assert judged(tmp_path, B_ABOVE_A.replace("}]", ", by: 0.35}]")).verdict == "FAILED"


@pytest.mark.parametrize(
    ("std", "verdict"), [("", "not clear"), (", std: [0.01, 5]", "holds"), (", std: [0.2, 5]", "not clear")]
)
def test_one_seed_is_judged_by_the_deviation_that_was_measured_before(tmp_path, std, verdict):
    record(tmp_path / "runs", "our_byol", 0, 0.4, "knn", before=0.15)
    text = f"claims: [{{says: it learns, chapter: '04', higher: our_byol knn, lower: our_byol knn before{std}}}]"
    found = judged(tmp_path, text)
    assert found.differences == pytest.approx([0.25])
    assert found.verdict == verdict
    assert (found.half_width is None) == (not std)


def test_chance_is_one_divided_by_the_classes_of_the_record(tmp_path):
    record(tmp_path / "runs", "our_byol", 0, 0.4, "knn")
    found = judged(tmp_path, "claims: [{says: it learns, chapter: '04', higher: our_byol knn, lower: chance}]")
    assert found.lower == (1 / 16,)


def test_without_a_record_a_claim_is_missing(tmp_path):
    found = judged(tmp_path, B_ABOVE_A)
    assert found.verdict == "missing" and math.isnan(found.mean)
    assert "B above A" in claims.summary([found])


def opened(tmp_path: Path, text: str, profile: str = "quick", *, is_toy: bool = True) -> str:
    """What a chapter says at its top of the claims in `text`."""
    file = tmp_path / "bands.yaml"
    file.write_text(text)
    chapter = Chapter(profile, 0, SimpleNamespace(is_toy=is_toy), tmp_path / "runs")
    return chapter.findings("06", file)


@pytest.mark.parametrize(
    ("differences", "begins"),
    [
        ([0.3, 0.31, 0.29], "The finding of this chapter holds"),
        ([0.3, -0.1, 0.2], "**Not clear here**: B above A"),
        ([-0.1, 0.0, 0.05], "**Did not work here**: B above A"),
        ([0.3, 0.3], "The findings are judged once their trainings are done"),
        ([], "The findings are judged once their trainings are done"),
    ],
)
def test_a_chapter_says_first_what_did_not_work(tmp_path, differences, begins):
    records_of_b_and_a(tmp_path / "runs", differences)
    assert opened(tmp_path, B_ABOVE_A).startswith(begins)


def test_folded_findings_tell_ahead_only_how_many_do_not_hold(tmp_path):
    file = tmp_path / "bands.yaml"
    file.write_text(B_ABOVE_A)
    chapter = Chapter("quick", 0, SimpleNamespace(is_toy=True), tmp_path / "runs")
    records_of_b_and_a(tmp_path / "runs", [-0.1, 0.0, 0.05])
    ahead, _, below = chapter.findings("06", file, folded=True).partition("<details>")
    assert "finding of this chapter does not hold" in ahead and "B above A" not in ahead
    assert chapter.findings("06", file) in below
    records_of_b_and_a(tmp_path / "runs", [0.3, 0.31, 0.29])
    assert chapter.findings("06", file, folded=True) == chapter.findings("06", file)


def test_what_failed_stands_before_what_holds(tmp_path):
    records_of_b_and_a(tmp_path / "runs", [0.3, 0.31, 0.29])
    turned = "{says: A above B, chapter: '06', higher: our_byol_a val_accuracy, lower: our_byol_b val_accuracy}"
    elsewhere = turned.replace("'06'", "'07'")
    said = opened(tmp_path, B_ABOVE_A.replace("}]", f"}}, {turned}, {elsewhere}]"))
    assert said.startswith("**Did not work here**: A above B") and "1 of the chapter's 2 findings hold" in said
    assert "-0.300" in said, "with its figures"


def test_what_is_asked_for_stands_beside_what_was_found(tmp_path):
    records_of_b_and_a(tmp_path / "runs", [0.03, 0.031, 0.029])
    assert "more than 0.05" in opened(tmp_path, B_ABOVE_A.replace("}]", ", by: 0.05}]"))


@pytest.mark.parametrize(("profile", "is_toy"), [("smoke", True), ("full", True), ("quick", False)])
def test_on_other_images_and_in_other_profiles_a_chapter_judges_nothing(tmp_path, profile, is_toy):
    assert "here it is not" in opened(tmp_path, B_ABOVE_A, profile, is_toy=is_toy)


def test_a_chapter_that_cannot_judge_says_why_and_goes_on(tmp_path):
    records_of_b_and_a(tmp_path / "runs", [0.3, 0.31, 0.29])
    run = runs.Run(runs.path_of(tmp_path / "runs", "quick", "our_byol_a", 0))
    runs.write_info(run, run.info | {"data": {"root": "hw1", "is_toy": False, "classes": 65}})
    assert "not judged here" in opened(tmp_path, B_ABOVE_A)
    alone = Chapter("quick", 0, SimpleNamespace(is_toy=True), tmp_path / "runs")
    assert "there is no" in alone.findings("06", tmp_path / "nowhere.yaml")


def test_a_chapter_without_a_claim_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no claim of chapter '06'"):
        opened(tmp_path, B_ABOVE_A.replace("'06'", "'07'"))


CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("file", CHAPTERS, ids=lambda file: file.stem)
def test_every_chapter_with_claims_judges_its_own_before_its_first_heading(file):
    number = file.stem[:2]
    told = re.findall(r'chapter\.findings\("(\d\d)"(?:, folded=True)?\)', file.read_text())
    claimed = any(claim.chapter == number for claim in claims.read(FILE))
    assert told == ([number] if claimed else [])
    if claimed:
        assert file.read_text().index("chapter.findings") < file.read_text().index("\n# ## ")


def test_the_records_of_a_chapter_s_claims_are_made_before_it():
    listed = yaml.safe_load((ROOT / "notebooks" / "records.yaml").read_text())
    for claim in claims.read(FILE):
        (chapter,) = (name for name in listed if name.startswith(claim.chapter))
        assert {claim.higher.recipe, claim.lower.recipe} <= set(listed[chapter]), claim.says


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{says: B above A}", "must have says, chapter, higher and lower"),
        ("{says: x, chapter: '1', higher: our_byol knn, lower: nobody knn}", "nobody.*no recipe"),
        ("{says: x, chapter: '1', higher: our_byol, lower: chance}", "a recipe and a measure"),
        ("{says: x, chapter: '1', higher: our_byol knn, lower: chance, by: much}", "by must be a number"),
        ("{says: x, chapter: '1', higher: our_byol knn, lower: chance, std: 0.1}", "std must be a deviation"),
    ],
)
def test_a_malformed_claim_is_named_with_its_file(tmp_path, entry, message):
    (tmp_path / "bands.yaml").write_text(f"claims: [{entry}]")
    with pytest.raises(ValueError, match=rf"bands\.yaml: .*{message}"):
        claims.read(tmp_path / "bands.yaml")


@pytest.mark.parametrize(("text", "message"), [("claims: {a: b}", "must be a list"), ("claims: [", "is no YAML")])
def test_a_file_without_a_list_of_claims_is_named(tmp_path, text, message):
    (tmp_path / "bands.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"bands\.yaml.*{message}"):
        claims.read(tmp_path / "bands.yaml")


def test_the_claims_of_the_book_are_read_and_of_recipes_that_it_trains():
    listed = claims.read(FILE)
    assert {claim.chapter for claim in listed} >= {"02", "04", "05", "06", "07", "08", "09"}
    assert all(recipes.seeds(side.recipe, "quick") for claim in listed for side in (claim.higher, claim.lower))
