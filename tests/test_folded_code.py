"""Folded code in a built page: each fold says what it holds, and the cells with the idea stay open."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from books import ROOT, Visit

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "extensions")!r})
extensions = ["myst_nb", "folded_code"]
nb_execution_mode = "off"
html_theme = "basic"
html_static_path = [{str(ROOT / "book" / "_static" / "book.css")!r}]
html_css_files = ["book.css"]
"""
CELLS = {
    "the_idea = 1": [],
    "profile = 'quick'": ["parameters"],
    "# Parameters": ["injected-parameters"],
    "picture()": ["hide-input"],
    "sentence()": ["hide-input"],
    "def mean_iou(): ...": ["exercise", "hide-input"],
}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a chapter with a cell of every kind."""
    from sphinx.cmd.build import build_main

    folder = tmp_path_factory.mktemp("folded")
    cells = [nbformat.v4.new_markdown_cell("# Chapter")]
    for source, tags in CELLS.items():
        drawn = "<svg></svg>" if source == "picture()" else ""
        outputs = [nbformat.v4.new_output("display_data", {"text/html": f"<p>shown</p>{drawn}"})]
        cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags}, outputs=outputs, execution_count=1))
    python = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    nbformat.write(nbformat.v4.new_notebook(metadata=python, cells=cells), folder / "index.ipynb")
    (folder / "conf.py").write_text(CONF)
    assert build_main(["-q", "-W", str(folder), str(folder / "html")]) == 0
    return folder / "html" / "index.html"


def folds(page: Path) -> dict[str, str]:
    """Label of each fold, by the first word of the code in it; markup is left out."""
    found = re.findall(r'<details class="dlcv-code">(.*?)</summary>(.*?)</details>', page.read_text(), re.DOTALL)
    words = [[re.sub(r"<[^>]*>", "", part).strip() for part in fold] for fold in found]
    return {code.split()[0]: label for label, code in words}


def test_each_fold_says_what_it_holds(page: Path) -> None:
    labels = {
        "profile": "Show the parametersHide the parameters",
        "#": "Show the parameters of this runHide the parameters of this run",
        "picture()": "Show how this figure is madeHide how this figure is made",
        "sentence()": "Show the codeHide the code",
        "def": "Show the solutionHide the solution",
    }
    assert folds(page) == labels


@pytest.mark.browser
def test_a_fold_opens_by_keyboard_and_what_it_made_is_always_seen(page: Path, browser: Any) -> None:
    visit = Visit(browser, page, java_script_enabled=False)
    fold = visit.page.locator("details.dlcv-code", has_text="how this figure")
    code = fold.locator(".cell_input")
    assert not code.is_visible()
    assert visit.page.get_by_text("shown").count() == len(CELLS)
    assert all(output.is_visible() for output in visit.page.get_by_text("shown").all())
    assert fold.locator("summary").inner_text() == "Show how this figure is made"
    fold.locator("summary").press("Enter")
    assert code.is_visible()
    assert fold.locator("summary").inner_text() == "Hide how this figure is made"
    assert visit.outside == []
    visit.page.close()


@pytest.mark.browser
def test_on_paper_folded_code_stays_away_and_open_code_is_printed(page: Path, browser: Any) -> None:
    visit = Visit(browser, page)
    visit.page.locator("details.dlcv-code summary").last.click()
    visit.page.emulate_media(media="print")
    assert visit.page.get_by_text("the_idea").is_visible()
    assert not any(part.is_visible() for part in visit.page.locator("details.dlcv-code > *").all())
    visit.page.close()
