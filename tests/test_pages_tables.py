"""Tables of the built pages: none is wider than its column, and what counts things counts in grammar.

    python tests/test_pages_tables.py HTML_FOLDER

checks any built book.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import books
import pandas as pd
import pytest

from dlcvlib import report
from dlcvlib.report.blocks import Folded
from dlcvlib.views import table_picture
from dlcvlib.views.table_html import Noted

WIDTHS = (1440, 820, 390)
WIDE = """() => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
  const column = document.querySelector(".bd-article, main, body");
  const edge = column.getBoundingClientRect().right - parseFloat(getComputedStyle(column).paddingRight);
  const limit = (table) => {
    let right = edge;
    for (let part = table.parentElement; part && part !== column; part = part.parentElement)
      if (getComputedStyle(part).overflowX !== "visible") right = Math.min(right, part.getBoundingClientRect().right);
    return right;
  };
  return [...column.querySelectorAll("table")]
    .filter((table) => table.getClientRects().length && !table.closest(".highlighttable"))
    .filter((table) => {
      const box = table.getBoundingClientRect();
      return Math.max(box.right, box.left + table.scrollWidth) > limit(table) + 1;
    })
    .map((table) => table.innerText.slice(0, 80));
}"""
NOUNS = "epochs|seeds|images|problems|rows|systems|claims|runs|threads|trainings|parameters|classes|masks|chapters"
FAULTS = re.compile(
    rf"(?<![\d.,–-])(?<!- )\b1 ({NOUNS})\b(?! of)"  # "1 epochs", and not "11 epochs"
    r"|(?<![.\w/])\w+\.\.(?![./\w])"  # two full stops, and neither an ellipsis nor a path
    r"|\b0 \w+ (were|was) found; the first"
)


def wide_tables(browser: Any, file: Path) -> dict[int, list[str]]:
    """Beginnings of the tables of a page that reach beyond their column, folded ones too, by the screen's width."""
    visit, found = books.Visit(browser, file), {}
    for width in WIDTHS:
        visit.page.set_viewport_size({"width": width, "height": 900})
        visit.page.wait_for_timeout(200)
        if wide := visit.value(WIDE):
            found[width] = wide
    visit.page.close()
    return found


class Prose(HTMLParser):
    """Text of a page without code, in pieces."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.within: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style", "pre", "code", "svg"):
            self.within.append(tag)
        elif tag not in ("b", "strong", "em", "a", "span", "i", "wbr"):
            self.pieces.append("")

    def handle_endtag(self, tag: str) -> None:
        if self.within and self.within[-1] == tag:
            self.within.pop()

    def handle_data(self, data: str) -> None:
        if not self.within and self.pieces:
            self.pieces[-1] += data


def faults(html: str) -> list[str]:
    """Pieces of prose that count one thing in the plural or end with two full stops."""
    return [" ".join(piece.split()) for piece in Prose(html).pieces if FAULTS.search(" ".join(piece.split()))]


class Tables(HTMLParser):
    """Head, number of body rows, and whether it is folded, of each table of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[tuple[str, ...], int, bool]] = []
        self.details = 0
        self.head: list[str] | None = None
        self.rows = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "details":
            self.details += 1
        elif tag == "table":
            self.head, self.rows = [], -1
        elif tag == "tr":
            self.rows += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self.details -= 1
        elif tag == "table" and self.head is not None:
            self.found.append((tuple(self.head), self.rows, self.details > 0))
            self.head = None

    def handle_data(self, data: str) -> None:
        if self.head is not None and self.rows == 0 and data.strip():
            self.head.append(data.strip())


def check_few_tables(html: str) -> None:
    """One table a task stands open; no two tables of one row could share one."""
    tables = Tables(html).found
    assert sum(not folded for *_, folded in tables) <= len(report.TASKS) + 5
    alone = Counter(head for head, rows, _ in tables if rows == 1)
    assert not [head for head, count in alone.items() if count > 1]


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_no_table_of_the_book_is_wider_than_its_column(pages: Path, browser: Any) -> None:
    assert {file.name: found for file in books.all_pages(pages) if (found := wide_tables(browser, file))} == {}


@pytest.fixture(scope="module")
def exported(trained: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report over the records of the small book."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLCV_HOME", str(trained[0]))
        patch.delenv("DLCV_RUNS", raising=False)
        return report.export(tmp_path_factory.mktemp("report") / "report.html", report.find_sources("smoke"))


@pytest.mark.browser
def test_no_table_of_the_report_is_wider_than_its_column(exported: Path, browser: Any) -> None:
    assert wide_tables(browser, exported) == {}


def test_the_chapter_of_the_report_and_the_report_have_a_table_for_each_task(pages: Path, exported: Path) -> None:
    check_few_tables((pages / "chapters" / "12_report.html").read_text())
    check_few_tables(exported.read_text())


def test_one_thing_is_counted_in_the_singular_and_a_sentence_ends_once(pages: Path, exported: Path) -> None:
    files = [file for file in books.all_pages(pages) if "_modules" not in file.parts]
    assert {file.name: found for file in [*files, exported] if (found := faults(file.read_text()))} == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("1 epochs", True),
        ("after 11 epochs of 21 epochs", False),
        ("0.1 seeds", False),
        ("It ends..", True),
        ("and so on ...", False),
        ("../shared", False),
    ],
)
def test_a_fault_of_grammar_is_found_in_prose_and_not_in_code(text: str, wrong: bool) -> None:
    assert bool(faults(f"<p>{text}</p>")) == wrong
    assert not faults(f"<p><code>{text}</code></p>")


# --- the table itself ---


def wide_frame() -> pd.DataFrame:
    rows = {f"column {number}": [f"a value of {number}", "our_deeplabv3plus_random"] for number in range(12)}
    return pd.DataFrame({"system": [Noted("first", "what sets it apart"), "second"], **rows})


@pytest.mark.browser
@pytest.mark.parametrize("where", ["JupyterLab", "a page without any style"])
def test_a_wide_table_becomes_blocks_of_named_values(browser: Any, tmp_path: Path, where: str) -> None:
    style = "<style>table { table-layout: fixed } td, th { white-space: nowrap }</style>" if where[0] == "J" else ""
    file = tmp_path / "page.html"
    file.write_text(
        f"<html><head>{style}</head><body>{table_picture(wide_frame(), caption='Wide.').html}</body></html>"
    )
    assert wide_tables(browser, file) == {}
    page = books.Visit(browser, file, width=390).page
    shown = page.locator("td").first.evaluate("cell => getComputedStyle(cell, '::before').content")
    assert shown == '"column 0"' and page.locator("tbody th").first.inner_text().split("\n")[0] == "first"
    page.close()


def test_headers_have_a_scope_and_each_value_its_columns_name() -> None:
    html = table_picture(wide_frame(), caption="Wide.").html
    assert html.count('scope="col"') == 13 and html.count('scope="row"') == 2
    assert html.count('data-label="column 3"') == 2 and "our_<wbr>deeplabv3plus_<wbr>random" in html


def test_a_line_ends_before_a_number_and_never_within_it() -> None:
    html = table_picture(pd.DataFrame({"here": ["0.314 ± 0.008 (toy)", "1,234,567,890,123.5"]}), caption="Long.").html
    assert "0.314\u00a0±\u00a00.008" in html and "1,234,567,890,123.5" in html


def test_folded_blocks_are_read_as_text_and_pictures() -> None:
    html = Folded("More <b>", ("*text*", table_picture(wide_frame(), caption="Wide."))).html
    assert "More &lt;b&gt;" in html and "<em>text</em>" in html and html.count("<table") == 1


if __name__ == "__main__":
    from conftest import CHROMIUM, FLAGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for page_file in books.all_pages(Path(sys.argv[1]).resolve()):
            for at_width, tables in wide_tables(chromium, page_file).items():
                print(f"{page_file.name} at {at_width} px: {tables}")
            for piece in faults(page_file.read_text()) if "_modules" not in page_file.parts else []:
                print(f"{page_file.name}: {piece[:160]}")
