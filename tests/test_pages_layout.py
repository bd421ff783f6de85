"""The page around the figures: chapter numbers, width, formulas, search, paper, and the weight of what a page loads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import page_checks
import pytest
from books import Visit, all_pages

ROOT = Path(__file__).resolve().parent.parent
WIDTHS = (360, 390, 820, 1440)
SMALLEST_LETTERS = 9.5  # pixels


def chapters(pages: Path) -> list[Path]:
    return sorted((pages / "chapters").glob("[0-9][0-9]_*.html"))


def test_each_chapter_that_the_text_names_by_number_exists() -> None:
    numbers = {int(file.name[:2]) for file in (ROOT / "notebooks").glob("[0-9][0-9]_*.py")}
    prose = [*(ROOT / "notebooks").glob("*.py"), *(ROOT / "book").glob("*.md"), ROOT / "README.md"]
    sources = [*prose, *(ROOT / "dlcvlib" / "exercises").rglob("*.py")]
    named = {
        (file.name, int(number))
        for file in sources
        for number in re.findall(r"\bchapter (\d+)", file.read_text(encoding="utf-8"), flags=re.IGNORECASE)
    }
    assert named
    assert {(name, number) for name, number in named if number not in numbers} == set()


@pytest.mark.timeout(1500)
def test_a_chapters_number_is_that_of_its_file_wherever_it_is_shown(pages: Path) -> None:
    files = {file.name: int(file.name[:2]) for file in chapters(pages) if int(file.name[:2]) < 90}
    assert 0 in files.values()
    for name, number in files.items():
        page = (pages / "chapters" / name).read_text(encoding="utf-8")
        assert re.search(rf'<h1><span class="section-number">{number}\. </span>', page), name
        for other, expected in files.items():  # in the table of contents, and before and after
            shown = set(re.findall(rf'<a class="reference internal" href="{other}">(\d+)\. ', page))
            assert shown <= {str(expected)}, f"{name} names {other} chapter {shown}"


@pytest.fixture(scope="module")
def layouts(pages: Path, browser: Any) -> dict[str, dict[str, Any]]:
    """Findings of the checks on each page, by its name."""
    found = {}
    for file in all_pages(pages):
        visit = Visit(browser, file, width=390)
        visit.draw_all()
        found[str(file.relative_to(pages))] = {
            "letters": page_checks.smallest_letters(visit.page),
            "wide": {width: page_checks.too_wide(visit.page, width) for width in WIDTHS},
            "overlaps": page_checks.overlaps(visit.page),
            "subscripts": page_checks.raised_subscripts(visit.page),
            "printed": page_checks.printed_faults(visit.page),
        }
        visit.page.close()
    return found


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_no_page_is_wider_than_the_screen(layouts: dict[str, dict[str, Any]]) -> None:
    assert {name: found["wide"] for name, found in layouts.items() if max(found["wide"].values()) > 0} == {}


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_a_drawings_letters_are_readable_on_a_phone(layouts: dict[str, dict[str, Any]]) -> None:
    letters = {name: found["letters"] for name, found in layouts.items() if found["letters"]}
    assert letters
    assert {name: size for name, size in letters.items() if size < SMALLEST_LETTERS} == {}


@pytest.mark.browser
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("fault", ["overlaps", "subscripts", "printed"])
def test_no_page_has_this_fault(layouts: dict[str, dict[str, Any]], fault: str) -> None:
    """Titles on images; subscripts that do not hang below their base; what paper should not show, or cuts off."""
    assert {name: found[fault] for name, found in layouts.items() if found[fault]} == {}


@pytest.mark.timeout(1500)
def test_mathematics_that_a_cell_shows_is_drawn_too(pages: Path) -> None:
    shown = {
        file.name: re.sub(r"<pre.*?</pre>|<script.*?</script>", "", file.read_text(), flags=re.S)
        for file in chapters(pages)
    }
    assert {name: found for name, text in shown.items() if (found := re.findall(r"\$\\\w+", text))} == {}


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_formulas_have_a_font_of_the_book(pages: Path, browser: Any) -> None:
    visit = Visit(browser, pages / "chapters" / "11_cross_entropy_gradient.html")
    visit.value("document.fonts.ready")
    assert visit.value("[...document.fonts].filter(font => font.status === 'loaded').map(font => font.family)") == [
        "Book formulas"
    ]
    visit.page.close()


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_a_dark_page_is_printed_light(pages: Path, browser: Any) -> None:
    visit = Visit(browser, pages / "index.html", theme="dark")
    themes = "document.documentElement.dataset.theme"
    assert visit.value(themes) == "dark"
    visit.value("window.dispatchEvent(new Event('beforeprint'))")
    assert visit.value(themes) == "light"
    visit.value("window.dispatchEvent(new Event('afterprint'))")
    assert visit.value(themes) == "dark"
    visit.page.close()


@pytest.mark.browser
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("query", ["mean IoU", "derivations", "course_iou"])
def test_the_search_works_from_disk_and_leads_to_the_section(pages: Path, browser: Any, query: str) -> None:
    visit = Visit(browser, pages / "index.html")
    visit.page.keyboard.press("Control+k")
    visit.page.locator("#pst-search-dialog input").fill(query)
    visit.page.keyboard.press("Enter")
    first = visit.page.locator("#search-results li").first
    first.wait_for()
    marked = {mark.lower() for mark in visit.page.locator("#search-results mark").all_inner_texts()}
    assert all(any(mark.startswith(word.lower().rstrip("s")) for mark in marked) for word in re.split(r"[ _]", query))
    anchor = first.locator("a").get_attribute("href")
    assert anchor is not None and "#" in anchor
    first.locator("a").click()
    visit.page.wait_for_url(f"**/{anchor}")
    top = visit.value("document.querySelector(':target').getBoundingClientRect().top")
    assert -10 < top < 900, "the section is on the screen"
    assert visit.outside == [] and visit.complaints == []
    visit.page.close()


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_a_search_for_nothing_that_is_there_says_so(pages: Path, browser: Any) -> None:
    visit = Visit(browser, pages / "index.html")
    visit.page.goto((pages / "search.html").as_uri() + "?q=zyzzyva")
    assert visit.page.locator("#search-count").inner_text().startswith("No section")
    visit.page.close()


@pytest.mark.browser
@pytest.mark.timeout(1500)
def test_the_themes_controls_work_without_its_icon_scripts(pages: Path, browser: Any) -> None:
    visit = Visit(browser, pages / "chapters" / "11_cross_entropy_gradient.html")
    icons = visit.value("""[...document.querySelectorAll('.fa-solid, .fas')].map(icon =>
        getComputedStyle(icon, '::before').maskImage).filter(mask => !mask.startsWith('url("data:'))""")
    assert icons == []
    sidebar = visit.page.locator("#pst-primary-sidebar")
    assert sidebar.is_visible()
    visit.page.locator(".primary-toggle").click()
    sidebar.wait_for(state="hidden", timeout=30_000)
    visit.page.locator(".dropdown-download-buttons > button").click()
    assert visit.page.locator(".dropdown-download-buttons .dropdown-menu").is_visible()
    visit.page.keyboard.press("Escape")
    visit.page.set_viewport_size({"width": 390, "height": 844})
    visit.page.locator(".secondary-toggle").click()
    visit.page.locator("#pst-secondary-sidebar-modal .page-toc a").first.wait_for(timeout=30_000)
    assert visit.complaints == []
    visit.page.close()


@pytest.mark.timeout(1500)
def test_a_page_loads_little_beside_its_figures(pages: Path) -> None:
    for file in chapters(pages):
        page = file.read_text(encoding="utf-8")
        loaded = set(re.findall(r'(?:src|href)="\.\./(_static/[^"?#]+|searchindex\.js)', page))
        assert "searchindex.js" not in loaded
        assert sum((pages / name).stat().st_size for name in loaded) < 700_000, sorted(loaded)


@pytest.mark.timeout(1500)
def test_every_file_of_the_site_is_named_by_a_page(pages: Path) -> None:
    files = [file for file in (pages / "_static").rglob("*") if file.is_file()]
    texts = [file for file in files if file.suffix in (".css", ".js") and file.name != "plotly.min.js"]
    pages_of_each_kind = [pages / "index.html", pages / "search.html", chapters(pages)[0]]
    read = "".join(file.read_text(encoding="utf-8") for file in [*texts, *pages_of_each_kind])
    kept = {"OFL.txt", "README.md"}  # of the font
    assert sorted(file.name for file in files if file.name not in read and file.name not in kept) == []
