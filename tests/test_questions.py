"""Questions in a page from disk, without a network: by mouse, touch and keyboard, with scripts and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import pytest
from books import ROOT, Visit
from test_pages_accessibility import SERIOUS

from dlcvlib.exercises import Choice, ExerciseSet, Question
from dlcvlib.views.display import plotly_picture
from dlcvlib.views.figures import SCRIPT, STYLE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

SCORE = Question(
    "one_class",
    "A network calls every pixel by **one** class, which covers the share *p*. Its mean IoU over six classes?",
    {
        "p": Choice("*p*", "That is the accuracy: the share of pixels that are right."),
        "sixth": Choice("*p* / 6", "One class has the IoU *p*, each of the other five 0."),
        "zero": Choice("0", "One class is found, and counts."),
    },
    right="sixth",
)
SIDE = Question(
    "clear",
    "Is a difference of <2 % clear?",
    {"yes": Choice("Yes", "Look at the interval."), "no": Choice("No", "Look at the *seeds*.")},
)
exercises = ExerciseSet("07_fcn", exercises=(), questions=(SCORE, SIDE))


def test_a_question_needs_a_right_choice_from_its_file_or_from_the_run() -> None:
    assert exercises.ask("one_class").right == "sixth"
    assert exercises.ask("clear", right="no").right == "no"
    with pytest.raises(ValueError, match=r"the run settles .*clear.*: give right=, one of yes, no"):
        exercises.ask("clear")
    with pytest.raises(ValueError, match=r"clear has no choice 'perhaps'; its choices are yes, no"):
        exercises.ask("clear", right="perhaps")
    with pytest.raises(ValueError, match=r"one_class has the right choice 'sixth' already, not 'p'"):
        exercises.ask("one_class", right="p")
    with pytest.raises(KeyError, match=r"07_fcn has no question 'clea'; it has one_class, clear"):
        exercises.ask("clea")


def test_the_run_settles_in_words_of_a_run() -> None:
    assert "✓ Right, in this run." in exercises.ask("clear", right="no").html
    assert "in this run" not in exercises.ask("one_class").html


def test_plain_text_holds_the_choices_and_no_answer() -> None:
    text = exercises.ask("one_class", result="The secret result.").text
    assert all(offered.text in text for offered in SCORE.choices.values())
    assert "secret" not in text
    assert SCORE.choices["sixth"].why not in text


def test_a_result_without_html_is_refused() -> None:
    with pytest.raises(TypeError, match="a result is a picture or Markdown text, not int"):
        exercises.ask("one_class", result=3).html  # noqa: B018


def test_a_list_of_results_unfolds_as_one() -> None:
    html = exercises.ask("one_class", result=["The **first** part.", "The second."]).html
    folded = html[html.index('class="dlcv-result"') :]
    assert html.count('class="dlcv-result"') == 1
    assert "<strong>first</strong>" in folded and "The second." in folded


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Questions</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root {{ color-scheme: light dark; }} body {{ font-family: sans-serif; margin: 1em; }}
a {{ color: inherit; }} {style}</style>
<main><h1>Questions</h1>{body}<p><button>after</button></p></main><script src="figures.js"></script>
<script src="progress.js"></script></html>"""
FIRST, SECOND = "#dlcv-07_fcn-one_class", "#dlcv-07_fcn-clear"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A page with two questions; the result of the first is a plotly figure."""
    import plotly

    figure = plotly_picture(go.Figure(go.Scatter(y=[1, 3, 2])), caption="A line.", alt="A line that rises and falls")
    asked = exercises.ask("one_class", result=figure), exercises.ask("clear", right="no", result="By **0.02**.")
    (tmp_path / "page.html").write_text(PAGE.format(style=STYLE, body="\n".join(one.html for one in asked)))
    (tmp_path / "figures.js").write_text(SCRIPT)
    (tmp_path / "progress.js").symlink_to(ROOT / "book" / "_static" / "progress.js")
    (tmp_path / "plotly.min.js").symlink_to(Path(plotly.__file__).parent / "package_data" / "plotly.min.js")
    return tmp_path / "page.html"


Open = Callable[..., "Visit"]


@pytest.fixture
def visit(browser: Browser, file: Path) -> Iterator[Open]:
    """Opens the page; at the end nothing was asked of the network, and nothing complained of."""
    visits: list[Visit] = []

    def open_page(**context: Any) -> Visit:
        visits.append(Visit(browser, file, **context))
        return visits[-1]

    yield open_page
    for each in visits:
        assert each.outside == []
        assert each.complaints == []
        each.page.close()


def unfolded(page: Page, question: str = FIRST) -> list[str]:
    """Verdicts, result and mark of a question that can be seen, each by its first words."""
    parts = page.locator(question).locator(".dlcv-why, .dlcv-result, .dlcv-first")
    return [part.inner_text()[:9].strip() for part in parts.all() if part.is_visible()]


def tab_to(page: Page, question: str) -> None:
    """Press Tab until the focus is on a choice of the question."""
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.locator(f"{question} input:focus").count():
            return
    raise AssertionError(f"Tab does not reach {question}")


def choice(page: Page, value: str, question: str = FIRST) -> Locator:
    return page.locator(question).locator(f"label:has([value={value}])")


WITHOUT_SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])


@pytest.mark.browser
@WITHOUT_SCRIPTS
@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "touch"])
def test_verdict_and_result_unfold_with_a_choice(visit: Open, scripts: bool, touch: bool) -> None:
    page = visit(java_script_enabled=scripts, has_touch=touch, width=390).page
    assert unfolded(page) == unfolded(page, SECOND) == []
    choice(page, "no", SECOND).tap() if touch else choice(page, "no", SECOND).click()
    assert unfolded(page, SECOND) == ["✓ Right,", "By 0.02."]
    assert unfolded(page) == []
    choice(page, "yes", SECOND).tap() if touch else choice(page, "yes", SECOND).click()
    mark = ["your firs"] if scripts else []  # a style alone cannot know which was the first
    assert unfolded(page, SECOND) == ["✗ Not in", *mark, "By 0.02."]
    boxes = [label.bounding_box() for label in page.locator(".dlcv-question label").all()]
    assert min(box["height"] for box in boxes if box) >= 44


@pytest.mark.browser
@WITHOUT_SCRIPTS
def test_arrows_pass_over_choices_and_tab_unfolds(visit: Open, scripts: bool) -> None:
    page = visit(java_script_enabled=scripts).page
    tab_to(page, FIRST)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert choice(page, "zero").locator("input").is_checked()
    assert unfolded(page) == []
    assert page.locator(FIRST).locator(".dlcv-keys").is_visible()
    page.keyboard.press("Tab")
    assert unfolded(page)[:1] == ["✗ Not so."]
    assert not page.locator(FIRST).locator(".dlcv-keys").is_visible()


@pytest.mark.browser
@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_key_settles_the_choice_that_has_the_focus(visit: Open, key: str) -> None:
    page = visit().page
    tab_to(page, FIRST)
    page.keyboard.press("ArrowDown")
    page.keyboard.press(key)
    assert unfolded(page)[:1] == ["✓ Right."]
    page.keyboard.press("ArrowUp")
    assert unfolded(page)[:2] == ["✗ Not so.", "your firs"]


@pytest.mark.browser
def test_the_first_choice_is_kept_across_a_reload(visit: Open) -> None:
    page = visit().page
    choice(page, "no", SECOND).click()
    choice(page, "yes", SECOND).click()
    page.reload()
    assert choice(page, "no", SECOND).locator("input").is_checked()
    assert unfolded(page, SECOND) == ["✓ Right,", "By 0.02."]
    assert unfolded(page) == []
    assert page.evaluate("JSON.stringify(localStorage)") == '{"dlcv-07_fcn-clear":"no"}'


@pytest.mark.browser
def test_the_bar_counts_the_answered_questions_and_leads_to_the_next(visit: Open) -> None:
    page = visit().page
    bar = page.locator("h1 + .dlcv-progress")
    assert "0 of 2" in bar.inner_text()
    assert bar.get_by_role("button").count() == 0, "nothing to start over yet"
    choice(page, "no", SECOND).click()
    assert "1 of 2" in bar.inner_text()
    page.reload()
    assert "1 of 2" in bar.inner_text()
    assert bar.get_by_role("link").get_attribute("href") == FIRST
    choice(page, "p").click()
    page.locator(f"{FIRST} .main-svg").first.wait_for()  # the reload below would break off its script
    assert bar.get_by_role("progressbar").evaluate("bar => bar.value / bar.max") == 1
    assert bar.get_by_role("link").count() == 0
    bar.get_by_role("button", name="Start over").click()
    page.wait_for_function("document.querySelector('.dlcv-progress')?.innerText.includes('0 of 2')")
    assert unfolded(page) == unfolded(page, SECOND) == []


@pytest.mark.browser
def test_without_scripts_there_is_no_bar(visit: Open) -> None:
    assert visit(java_script_enabled=False).page.locator(".dlcv-progress").count() == 0


@pytest.mark.browser
def test_refused_storage_costs_only_the_memory(visit: Open) -> None:
    page = visit().page
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused'); } })")
    page.reload()
    choice(page, "no", SECOND).click()
    choice(page, "yes", SECOND).click()
    assert unfolded(page, SECOND) == ["✗ Not in", "your firs", "By 0.02."]


@pytest.mark.browser
def test_a_plotly_figure_is_drawn_when_it_is_unfolded(visit: Open) -> None:
    page = visit().page
    page.wait_for_timeout(300)
    assert page.locator(".main-svg").count() == 0
    choice(page, "p").click()
    page.locator(f"{FIRST} .dlcv-plotly .main-svg").first.wait_for()
    assert page.locator(".dlcv-plotly").bounding_box()["width"] > 300


@pytest.mark.browser
@WITHOUT_SCRIPTS
def test_a_figure_that_jupyterlab_draws_itself_is_an_output_of_its_own_and_unfolds_too(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripts: bool
) -> None:
    figure = plotly_picture(go.Figure(go.Scatter(y=[1, 3, 2])), caption="A line.", alt="A line that rises and falls")
    shown: list[Any] = []
    monkeypatch.setattr("dlcvlib.exercises.questions.display", lambda what, raw=False: shown.append(what))
    exercises.ask("clear", right="no", result=figure)._ipython_display_()
    question, result = shown
    assert result is figure
    outputs = [f'<div class="output">{part}</div>' for part in (question["text/html"], "<p>A line.</p>")]
    (tmp_path / "page.html").write_text("<!doctype html><meta charset='utf-8'>" + "".join(outputs))
    visit = Visit(browser, tmp_path / "page.html", java_script_enabled=scripts)
    assert not visit.page.get_by_text("A line.").is_visible()
    choice(visit.page, "yes", SECOND).click()
    assert visit.page.get_by_text("A line.").is_visible()
    visit.page.close()


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("answered", [False, True])
def test_axe_finds_no_serious_fault(visit: Open, theme: str, answered: bool) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = visit(theme=theme).page
    if answered:
        choice(page, "yes", SECOND).click()
        choice(page, "no", SECOND).click()
    found = Axe().run(page).response["violations"]
    assert [fault["id"] for fault in found if fault["impact"] in SERIOUS] == []


@pytest.mark.browser
def test_paper_shows_the_choices_the_right_one_and_the_result(visit: Open) -> None:
    page = visit().page
    page.emulate_media(media="print")
    assert page.locator(SECOND).locator("label").count() == 2
    assert unfolded(page, SECOND) == ["✓ Right,", "By 0.02."]
