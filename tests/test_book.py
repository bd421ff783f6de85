"""The built book: complete, and readable without a network, a server or eyes."""

from __future__ import annotations

import importlib.util
import json
import re
import statistics
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from books import Visit, all_pages

from dlcvlib import recipes

ROOT = Path(__file__).resolve().parent.parent


def module(path: str) -> ModuleType:
    """A Python file of the book, which is no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "book" / path)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


# --- its pieces ---


@pytest.fixture(scope="module")
def mathml() -> ModuleType:
    return module("extensions/mathml.py")


@pytest.mark.parametrize(
    ("latex", "element"),
    [
        (r"\frac{1}{2}", "<mfrac>"),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "<mtable"),
        (r"\hat{y} = \arg\max_i x_i", "<mover"),
        (r"\mathrm{IoU}_i = \frac{|p \cap t|}{|p \cup t|}", "<msub>"),
    ],
)
def test_mathematics_becomes_mathml(mathml: ModuleType, latex: str, element: str) -> None:
    written = mathml.to_mathml(latex, "block")
    assert element in written and 'display="block"' in written and "\\" not in written


@pytest.mark.parametrize("latex", [r"\frac{a", r"\frac{a}", r"\nosuchcommand{x}", r"a & b"])
def test_mathematics_that_cannot_be_written_is_refused(mathml: ModuleType, latex: str) -> None:
    with pytest.raises(ValueError):
        mathml.to_mathml(latex, "inline")


def recorded(**changed: Any) -> dict[str, Any]:
    """A result as `dlcv runs --export` writes it."""
    return {
        "recipe": {"name": "r4_vgg13_bn", "report": "R4", "epochs": 20},
        "profile": "hour",
        "seed": 0,
        "device": "a processor, 2 threads",
        "data": {"root": "hw1_data", "is_toy": False},
        "best": {"epoch": 18, "val_accuracy": 0.61234},
        "timings": {"minutes": 58.72},
    } | changed


def test_recorded_results_become_rows_in_order(tmp_path: Path) -> None:
    records = module("extensions/records.py")
    for seed in (10, 2):
        (tmp_path / f"{seed}.json").write_text(json.dumps(recorded(seed=seed)))
    first, second = records.results(tmp_path)
    assert (first["seed"], second["seed"]) == ("2", "10")
    assert (first["value"], first["reported"], first["minutes"]) == ("0.6123", "0.7454 (R4)", "58.7")
    assert first["best epoch"] == "18 of 20" and first["data"] == "hw1_data"


def test_a_pre_training_is_recorded_by_its_neighbours_beside_the_untrained_network(tmp_path: Path) -> None:
    kept = recorded(best={"epoch": 12, "knn": 0.1234}, before={"knn": 0.0912})
    (tmp_path / "byol.json").write_text(json.dumps(kept))
    (row,) = module("extensions/records.py").results(tmp_path)
    assert (row["value"], row["untrained"]) == ("0.1234", "0.0912") and "kNN" in row["metric"]


def test_recorded_settings_are_averaged_over_seeds_in_the_courses_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    settings = module("extensions/recorded_settings.py")
    for row, seed, accuracy in (("C", 0, 0.5), ("C", 1, 0.7), ("LP-FT", 0, 0.9), ("A", 0, 0.4)):
        kept = recorded(seed=seed, best={"epoch": 3, "val_accuracy": accuracy}, start={"from": "random"})
        name = f"our_byol_{row.lower().replace('-', '_')}"
        kept["recipe"] |= {"name": name, "setting": row, "form": "full", "model": "resnet18"}
        kept["recipe"] |= {"image_size": 64, "trains": "model"}
        kept["data"] |= {"val_images": 100}
        (tmp_path / f"{row}{seed}.json").write_text(json.dumps(kept))
    ((title, rows),) = settings.settings(tmp_path).items()
    assert title.startswith("ours, BYOL: resnet18 at 64 px") and [row["setting"] for row in rows] == ["A", "C", "LP-FT"]
    assert rows[1]["accuracy"] == "0.6000" and rows[1]["std"] == "0.1414" and rows[1]["error"] == "0.0490"
    assert rows[0]["std"] == "–" and module("extensions/records.py").results(tmp_path) == []


def test_recorded_segmentations_are_averaged_over_seeds_the_best_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    for name, seed, value in (("low", 0, 0.2), ("high", 0, 0.5), ("high", 1, 0.7)):
        kept = recorded(seed=seed, best={"epoch": 3, "mean_iou": value, "iou_urban": value}, start={"from": "random"})
        kept["recipe"] |= {"name": name, "model": "unet", "image_size": 64}
        kept["data"] |= {"val_images": 257, "mask_pixels": 512}
        (tmp_path / f"{name}{seed}.json").write_text(json.dumps(kept))
    high, low = module("extensions/recorded_segmentations.py").segmentations(tmp_path)
    assert (high["recipe"], high["mean IoU"], high["std"], high["seeds"]) == ("high", "0.6000", "0.1414", "2")
    assert (low["recipe"], low["Urban"], low["Water"], low["std"]) == ("low", "0.200", "–", "–")
    assert "257 masks of 512 px" in low["judged on"]


@pytest.mark.parametrize("content", ["", '{"recipe"', "[]", "{}", "null", '{"recipe": {"setting": "A", "name": "x"}}'])
@pytest.mark.parametrize(
    ("extension", "read"),
    [
        ("records", "results"),
        ("recorded_settings", "settings"),
        ("recorded_segmentations", "segmentations"),
        ("recorded_benchmarks", "benchmarks"),
    ],
)
def test_a_recorded_result_that_is_damaged_fails_the_build_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: str, read: str, content: str
) -> None:
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    if extension == "records" and "setting" in content:
        content = "{}"  # settings are not among these results
    (tmp_path / "damaged.json").write_text(content)
    with pytest.raises(ValueError, match=r"damaged\.json is no result written by"):
        getattr(module(f"extensions/{extension}.py"), read)(tmp_path)


def test_a_result_without_a_figure_fails_the_build_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    (tmp_path / "lacking.json").write_text(json.dumps(recorded(best={"epoch": 3, "mean_iou": 0.5})))
    with pytest.raises(ValueError, match=r"lacking\.json"):
        module("extensions/recorded_segmentations.py").segmentations(tmp_path)
    (tmp_path / "lacking.json").write_text(json.dumps(recorded(best={"epoch": 3})))
    with pytest.raises(ValueError, match=r"lacking\.json"):
        module("extensions/records.py").results(tmp_path)


def test_a_damaged_run_record_or_chapter_fails_the_build_with_its_name(tmp_path: Path) -> None:
    records = module("extensions/records.py")
    for name in ("run.json", "01_chapter.ipynb"):
        (tmp_path / name).write_text('{"metadata"')
    with pytest.raises(ValueError, match=r"run\.json"):
        records.versions([tmp_path / "run.json"], {"quick"})
    with pytest.raises(ValueError, match=r"01_chapter\.ipynb"):
        records.chapters(tmp_path)


def measured(speeds: dict[str, list[float]], **changed: Any) -> dict[str, Any]:
    """What `dlcv bench --json` writes of one workload: the speed of each row in every round."""
    rows = {
        name: {
            "who": re.split(r"[:,]", name)[0],
            "images_per_second": statistics.median(rounds),
            "peak_megabytes": None,
            "rounds": rounds,
        }
        for name, rounds in speeds.items()
    }
    return {
        "machine": {"device": "a card", "precision": "bf16", "versions": {"torch": "2.12"}},
        "data": {"root": "hw1_data", "is_toy": False},
        "workloads": {"dino": {"words": "resnet50, batches of 256", "rows": rows}},
    } | changed


SPEEDS = {
    "floor: forward + backward, bf16": [2000.0],
    "ours, bf16": [1800.0],
    "plain loop, fp32, 0 workers": [450.0],
    "lightly, bf16, 0 workers": [1900.0],
}


def test_recorded_benchmarks_stand_by_machine_with_ours_against_each_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    benchmarks = module("extensions/recorded_benchmarks.py").benchmarks
    growth = {
        "words": "BYOL",
        "over_sets": {
            "sets": {
                "1000": {"images_per_second": 100.0, "rounds": [90.0, 100.0, 110.0], "repeated": False},
                "38400": {"images_per_second": 95.0, "rounds": [95.0, 94.0, 121.0], "repeated": True},
            }
        },
        "over_epochs": {"recipe": "r1_small_cnn", "peak_megabytes": {"1": 500.0, "8": 501.0}},
    }
    (tmp_path / "bench-a-card.json").write_text(json.dumps(measured(SPEEDS, scale=growth)))
    (title, rows), (_, sets), (_, epochs) = benchmarks(tmp_path)
    assert title == "a card, bf16, torch 2.12, hw1_data: dino, resnet50, batches of 256"
    assert [row["ours is"] for row in rows[:2]] == ["0.90 ×", "1.00 ×"] and rows[1]["peak MB"] == "–"
    assert rows[2]["ours is"].startswith("4.00 ×") and "bf16 against fp32" in rows[2]["ours is"]
    assert [row["of its floor"] for row in rows[1:4]] == ["90.0%", "–", "95.0%"], "each beside its own precision's"
    assert sets[1]["images in the set"] == "38,400 (repeated)" and sets[1]["images/s"] == "95.0"
    assert sets[1]["to the smallest"] == "0.95 × (0.94 to 1.10)", "the ratio is that of the speeds beside it"
    assert [row["peak MB"] for row in epochs] == ["500.0", "501.0"]
    (tmp_path / "half.json").write_text("{}")
    with pytest.raises(ValueError, match=r"half\.json is no result"):
        benchmarks(tmp_path)


def test_a_broken_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text(json.dumps({"recipe": {}}))
    with pytest.raises(ValueError, match=r"half\.json is no result"):
        module("extensions/records.py").results(tmp_path)


def test_versions_are_those_of_the_records_of_the_chapters_profiles(tmp_path: Path) -> None:
    records = module("extensions/records.py")
    files = []
    for number, (profile, torch) in enumerate([("quick", "2.12"), ("quick", "2.11"), ("full", "2.0")]):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps({"profile": profile, "versions": {"torch": torch}}))
    assert records.versions(files, {"quick"}) == [{"package": "torch", "in the run records": "2.11, 2.12"}]


FIGURE = '<figure class="dlcv-figure"><img src="data:," alt="x"></figure>'


def executed(**changed: Any) -> dict[str, Any]:
    """An executed notebook of one cell that shows one figure."""
    output = {"output_type": "execute_result", "data": {"text/html": [FIGURE]}}
    cell = {"cell_type": "code", "source": ["show()"], "execution_count": 1, "outputs": [output]} | changed
    return {"metadata": {"papermill": {"duration": 2.5}}, "cells": [cell]}


def test_a_page_is_checked_against_its_notebook() -> None:
    faults = module("check_pages.py").faults
    traceback = '<div class="output traceback">…</div>'
    untimed = executed() | {"metadata": {"papermill": {"duration": 0.0}}}
    failed = executed(outputs=[*executed()["cells"][0]["outputs"], {"output_type": "error"}])
    assert faults(executed(), FIGURE) == []
    assert faults(executed(execution_count=None), FIGURE) == ["code was not run"]
    assert faults(untimed, FIGURE) == ["it took no time to run"]
    assert faults(failed, FIGURE) == ["it holds an error"]
    assert faults(executed(), FIGURE + traceback) == ["it holds an error"]
    assert faults(executed(outputs=[]), "") == ["it has no figure"]
    assert faults(executed(), "<p>text</p>") == ["the page shows 0 figures and 0 images, the notebook 1 and 1"]


# --- the whole ---


@pytest.mark.timeout(1500)
def test_every_system_of_the_reports_trains_on_the_toy_world(trained: tuple[Path, str]) -> None:
    names = recipes.representatives(recipes.RECIPES, "smoke")
    assert len(names) < len(recipes.RECIPES)
    assert [name for name in names if f"smoke/{name}/seed0  finished" not in trained[1]] == []


@pytest.mark.timeout(1500)
def test_the_reference_lists_each_public_name_with_its_source(pages: Path) -> None:
    from dlcvlib import metrics

    page = (pages / "api" / "metrics.html").read_text()
    assert [name for name in metrics.__all__ if f'id="dlcvlib.metrics.{name}"' not in page] == []
    for link in set(re.findall(r'href="\.\./(_modules/[^"#]+)', page)):
        assert (pages / link).is_file()
    assert 'href="../_modules/dlcvlib/metrics/course_iou.html#course_iou"' in page


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("`mean` and ``std``", "``mean`` and ``std``"),
        ("**options and *names", r"\*\*options and \*names"),
        ("`a * b_` of |pred|, scale_", r"``a * b_`` of \|pred\|, scale\_"),
    ],
)
def test_a_docstring_means_what_it_says_in_the_reference(
    monkeypatch: pytest.MonkeyPatch, written: str, meant: str
) -> None:
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    assert module("extensions/package_api.py").as_rst(written) == meant


def test_indented_lines_of_a_docstring_become_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "book" / "extensions")
    with_lists = module("extensions/package_api.py").with_lists
    written = ["More:", "    a: first", "        and on", "    b: second", "After."]
    assert with_lists(written) == ["More:", "", "- a: first", "  and on", "- b: second", "", "After."]
    section = ["Args:", "    a: first", "        and on"]
    assert with_lists(section) == section


# Of the pictures within a scrubber the figure's text tells.
SILENT = """[...document.querySelectorAll('img')]
    .filter(image => !image.alt?.trim() && !image.closest('.dlcv-scrubber'))
    .map(image => image.outerHTML)"""
UNNAMED = "document.querySelectorAll('.dlcv-figure [role=img]:not([aria-label])').length"
UNCAPTIONED = "document.querySelectorAll('figure.dlcv-figure:not(:has(> figcaption))').length"


@pytest.fixture(scope="module")
def visits(pages: Path, browser: Any) -> dict[str, dict[str, Any]]:
    """What a visit to each page finds, by the page's name."""
    found = {}
    for file in all_pages(pages):
        visit = Visit(browser, file)
        visit.draw_all()
        found[str(file.relative_to(pages))] = {
            "asked or complained": visit.outside + visit.complaints,
            "without a text": visit.value(SILENT),
            "without a name or caption": visit.value(UNNAMED) + visit.value(UNCAPTIONED),
        }
        visit.page.close()
    return found


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_no_page_asks_anything_of_the_network_or_complains(visits: dict[str, dict[str, Any]]) -> None:
    assert {"index.html", "results.html", "references.html", "versions.html", "how_it_is_built.html"} <= visits.keys()
    assert {name: found["asked or complained"] for name, found in visits.items() if found["asked or complained"]} == {}


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_every_picture_can_be_read_without_seeing_it(visits: dict[str, dict[str, Any]]) -> None:
    for fault in ("without a text", "without a name or caption"):
        assert {name: found[fault] for name, found in visits.items() if found[fault]} == {}


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_figures_are_drawn_to_the_width_of_the_page(pages: Path, browser: Any) -> None:
    visit = Visit(browser, pages / "chapters" / "90_figures.html")
    assert visit.draw_all() == 1
    assert visit.value("document.querySelectorAll('.dlcv-plotly .scatterlayer .trace').length") == 2
    assert not visit.page.locator(".dlcv-fallback").first.is_visible()
    ratio = "document.querySelector('.main-svg').clientWidth / document.querySelector('.dlcv-plotly').clientWidth"
    assert visit.value(ratio) == pytest.approx(1, abs=0.02)
    visit.page.set_viewport_size({"width": 600, "height": 900})
    visit.page.wait_for_function(f"Math.abs({ratio} - 1) < 0.02", timeout=10_000)
    image = visit.page.locator("img[alt='A chequered square']")
    assert image.evaluate("image => [image.clientWidth, getComputedStyle(image).imageRendering]") == [128, "pixelated"]
    visit.page.close()


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_without_scripts_the_text_stands_in_for_the_figure(pages: Path, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((pages / "chapters" / "90_figures.html").as_uri())
    assert page.locator(".dlcv-fallback").inner_text().startswith("Two rising curves")
    assert page.locator("figcaption").count() == 4
    context.close()


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_mathematics_is_drawn_without_a_script(pages: Path, browser: Any) -> None:
    visit = Visit(browser, pages / "chapters" / "90_figures.html")
    heights = visit.value("[...document.querySelectorAll('math')].map(math => math.getBoundingClientRect().height)")
    assert len(heights) == 2 and heights[0] > 10
    assert heights[1] > 1.5 * heights[0], "two lines stand one below the other"
    visit.page.close()


INK = "getComputedStyle(document.querySelector('.dlcv-plotly .xtick text')).fill"
GROUND = "getComputedStyle(document.body).backgroundColor"


def lightness(colour: str) -> float:
    """Mean of the three channels of a CSS `rgb(…)`, in [0, 255]."""
    return sum(float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]) / 3


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_the_dark_theme_reaches_figures_drawn_before(pages: Path, browser: Any) -> None:
    visit = Visit(browser, pages / "chapters" / "90_figures.html")
    visit.draw_all()
    assert lightness(visit.value(INK)) < 100 < lightness(visit.value(GROUND))
    visit.page.locator(".theme-switch-button").first.click()
    visit.page.locator(".theme-change-button[data-mode=dark]").click()
    visit.page.wait_for_function(f"{INK}.match(/\\d+/)[0] > 150", timeout=10_000)
    assert lightness(visit.value(INK)) > 150 > lightness(visit.value(GROUND))
    paper = "document.querySelector('.dlcv-plotly .main-svg').style.background"
    assert visit.value(paper) in ("rgba(0, 0, 0, 0)", "transparent")
    assert visit.complaints == []
    visit.page.close()


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_a_reader_whose_system_is_dark_gets_a_dark_book(pages: Path, browser: Any) -> None:
    visit = Visit(browser, pages / "chapters" / "90_figures.html", theme="dark")
    visit.draw_all()
    assert lightness(visit.value(INK)) > 150 > lightness(visit.value(GROUND))
    visit.page.close()
