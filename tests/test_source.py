"""`views.source`: the code that a chapter shows is the code that runs, with its file and line, and fits its page."""

from __future__ import annotations

import ast
import functools
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from book.dependencies import Library
from dlcvlib import views
from dlcvlib.metrics import course_iou
from dlcvlib.ssl.byol import BYOL, byol_loss
from dlcvlib.ssl.dino import DINOLoss
from dlcvlib.ssl.ema import update_ema

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "book" / "extensions"))
from source_links import with_links  # noqa: E402

SHOWN = [byol_loss, update_ema, BYOL, DINOLoss, DINOLoss.teacher_probs, BYOL.backbone, course_iou]


class Code(HTMLParser):
    """The text inside `<pre>`."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.inside, self.attributes = "", False, dict[str, str | None]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "pre":
            self.inside, self.attributes = True, dict(attrs)

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "pre"

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside else ""


def code_of(shown: Any, **options: Any) -> str:
    return Code(views.source(shown, **options).html).text


def without_docstrings(node: ast.AST) -> str:
    for each in ast.walk(node):
        if isinstance(each, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(each) is not None:
            each.body = each.body[1:] or [ast.Pass()]
    return ast.dump(node)


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: getattr(shown, "__qualname__", "property"))
@pytest.mark.parametrize("docstring", ["first line", "whole", "none"])
def test_what_is_shown_is_the_code_at_the_line_of_the_caption(shown: Any, docstring: Any) -> None:
    picture = views.source(shown, docstring=docstring)
    path, line = picture.caption.split(":")[0].split(", line ")
    written = ast.walk(ast.parse((ROOT / path).read_text()))
    first = lambda node: min(each.lineno for each in [node, *node.decorator_list])  # noqa: E731
    here = next(n for n in written if isinstance(n, ast.FunctionDef | ast.ClassDef) and first(n) == int(line))
    shown_code = ast.parse(Code(picture.html).text).body[0]
    assert without_docstrings(shown_code) == without_docstrings(here)
    assert picture.caption.endswith(f": {picture.alt.removeprefix('Code of ').removesuffix('.')}")


def test_a_docstring_is_cut_to_its_first_line_kept_or_left_out() -> None:
    short, whole, none = (code_of(BYOL, docstring=how) for how in ("first line", "whole", "none"))
    assert '"""Online network (backbone, projector, predictor) and target network (backbone, projector)."""' in short
    assert "Args:" not in short and "Return `byol_loss`" in short
    assert "Args:" in whole and '"""' not in none


def test_only_the_methods_asked_for_are_shown_and_the_gaps_marked() -> None:
    code = code_of(DINOLoss, only=["forward", "teacher_probs"])
    (shown,) = ast.parse(code).body
    assert isinstance(shown, ast.ClassDef)
    assert [node.name for node in shown.body if isinstance(node, ast.FunctionDef)] == ["forward", "teacher_probs"]
    assert "@torch.no_grad()\n    def teacher_probs" in code and code.count("    ...\n") + code.endswith("...") == 2
    assert code_of(BYOL, only=["loss"]).count("...") == 2, "several methods in a row leave one gap"


def test_shapes_are_listed_below_the_code() -> None:
    html = views.source(byol_loss, shapes={"z1": "(N, 256) <float>"}).html
    assert "<li><code>z1</code> (N, 256) &lt;float&gt;</li>" in html.partition("</pre>")[2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (3, "int 3; pass a function, class or method"),
        (len, "built-in function len"),
        (functools.partial(byol_loss), "partial"),
        (code_of, "code_of is defined in test_source, not in dlcvlib; pass a function"),
        (views, "module"),
    ],
    ids=["number", "builtin", "partial", "own", "module"],
)
def test_what_is_no_code_of_the_library_is_refused_with_what_to_pass(wrong: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        views.source(wrong)


def test_a_name_that_is_not_in_the_code_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"byol_loss has no variable q; it has back, forth, p1, p2, z1, z2"):
        views.source(byol_loss, shapes={"q": "(N, 256)"})
    with pytest.raises(ValueError, match=r"BYOL has no method train_step; it has __init__, backbone, "):
        views.source(BYOL, only=["train_step"])
    with pytest.raises(ValueError, match=r"\['loss'\] names methods of a class, but byol_loss is a function"):
        views.source(byol_loss, only=["loss"])


def test_a_terminal_shows_the_code_as_text() -> None:
    picture = views.source(byol_loss)
    assert picture._repr_mimebundle_()["text/plain"] == f"{code_of(byol_loss)}\n\n{picture.caption}"


# --- files of other languages ---


@pytest.mark.parametrize("path", ["live/kernel.c", "live/multiplication.js"])
def test_a_file_of_another_language_is_shown_whole_with_its_path_and_length(path: str) -> None:
    picture = views.source_file(path)
    written = (ROOT / "dlcvlib" / path).read_text().rstrip()
    assert Code(picture.html).text == written
    assert picture.caption == f"dlcvlib/{path}, {len(written.splitlines())} lines"
    assert picture._repr_mimebundle_()["text/plain"].startswith(written)
    assert '<span class="k">' in picture.html, "it has the colours of its language"


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("live/no.c", FileNotFoundError, "no file 'live/no.c'"),
        ("live", FileNotFoundError, "no file 'live'"),
        ("../README.md", ValueError, "'../README.md' is no file below dlcvlib"),
        ("live/kernel.wasm", ValueError, "no language is known for 'live/kernel.wasm'"),
    ],
)
def test_a_file_that_cannot_be_shown_is_refused_with_what_to_pass(path: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=f"{message}.*live/kernel.c"):
        views.source_file(path)


# --- in the book ---


def book_with(folder: Path, module_page: str) -> tuple[Path, str]:
    (folder / "_modules" / "dlcvlib" / "ssl").mkdir(parents=True)
    (folder / "_modules" / "dlcvlib" / "ssl" / "byol.html").write_text(module_page)
    return folder / "chapters" / "04_byol.html", views.source(byol_loss).html


def test_the_path_leads_to_the_place_in_the_page_of_the_file(tmp_path: Path) -> None:
    page, html = book_with(tmp_path, '<div class="viewcode-block" id="byol_loss">')
    linked = with_links(f"{html}\n{views.source(update_ema).html}", page, tmp_path)
    address = "../_modules/dlcvlib/ssl/byol.html#byol_loss"
    assert f'<a class="reference internal" href="{address}">dlcvlib/ssl/byol.py</a>, line' in linked
    assert linked.count("<a ") == 1, "update_ema's file has no page here: no link rather than a broken one"
    assert with_links(linked, page, tmp_path) == linked, "a page that is not written anew keeps its links"


def test_without_its_place_the_path_leads_to_the_top_of_the_page(tmp_path: Path) -> None:
    page, html = book_with(tmp_path, "<pre>")
    assert 'href="../_modules/dlcvlib/ssl/byol.html">' in with_links(html, page, tmp_path)


def test_a_chapter_depends_on_the_text_of_what_it_shows_comments_too() -> None:
    chapter = "from dlcvlib import views\nfrom dlcvlib.ssl.byol import byol_loss\nviews.source(byol_loss, only=None)\n"
    library = Library()
    assert library.shown_by_chapter(chapter) == {"dlcvlib.ssl.byol"}
    assert {"dlcvlib.ssl.byol", "dlcvlib.views.source"} <= library.of_chapter(chapter)
    assert library.shown_by_chapter(chapter.replace("views.source", "print")) == set()


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1200])
def test_long_lines_go_on_below_deeper_than_they_began(browser: Any, tmp_path: Path, width: int) -> None:
    file = tmp_path / "page.html"
    file.write_text(f"<!DOCTYPE html><body>{views.source(DINOLoss, only=['forward']).html}</body>")
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('pre'))") == 0, (
        "nothing is cut off"
    )
    first, *below = page.evaluate(ROWS)
    assert all(row > first for row in below) and bool(below) == (width == 390)
    page.close()


ROWS = """() => {
  const line = [...document.querySelectorAll("pre > span")].find((each) => each.textContent.includes("def forward"));
  const range = document.createRange(), lefts = new Map();
  range.selectNodeContents(line);
  for (const { top, left, width } of range.getClientRects())
    if (width > 0) lefts.set(Math.round(top), Math.min(left, lefts.get(Math.round(top)) ?? Infinity));
  return [...lefts.keys()].sort((one, other) => one - other).map((top) => lefts.get(top));
}"""
"""Left end of each row that one line of code takes, in pixels."""


def test_the_theme_in_jupyterlab_colours_every_class_of_the_code() -> None:
    """Classes without a colour are names, punctuation and white space."""
    html = "".join(views.source(shown).html for shown in SHOWN) + views.source_file("live/kernel.c").html
    coloured = set(views.source.__globals__["_style"]().replace("(", " ").replace(")", " ").replace(",", " ").split())
    used = {part.split('"')[0] for part in html.split('<span class="')[1:]}
    assert {f".{name}" for name in used} - coloured <= {".n", ".p", ".w"}
