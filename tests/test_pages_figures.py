"""Figures of the book by touch, wheel and keyboard, and in print: on every page that has one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from books import Visit, all_pages

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(1500),
]

FIGURE = ".dlcv-plotly, .dlcv-static .dlcv-map, .dlcv-static .dlcv-panes"
SWIPE, ALLOWED = 300, 30  # pixels: length of a swipe, and what the start of a gesture may swallow
DRAWN = """() => [...document.querySelectorAll('.dlcv-plotly')].every((one) => one.querySelector('.main-svg'))
  && [...document.querySelectorAll('.dlcv-holder')].every((one) => one.querySelector('.dlcv-scrubber, canvas'))"""
AT_REST = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


def with_figures(pages: Path) -> list[Path]:
    return [file for file in all_pages(pages) if 'class="dlcv-plotly"' in (text := file.read_text()) or HOLDER in text]


HOLDER = 'class="dlcv-holder"'


def drawn(browser: Any, file: Path, **context: Any) -> Any:
    """The page once all its figures are drawn, without scrolling."""
    page = Visit(browser, file, **context).page
    page.wait_for_function(DRAWN, timeout=60_000)
    return page


def middle(page: Any, figure: Any) -> tuple[float, float]:
    """Scroll a figure into the middle of the screen; a point in its drawing."""
    figure.evaluate("one => one.scrollIntoView({ block: 'center', behavior: 'instant' })")
    page.evaluate(AT_REST)
    box = figure.bounding_box()
    height = page.viewport_size["height"]
    return box["x"] + box["width"] / 2, min(max(box["y"] + box["height"] / 2, 0.45 * height), 0.6 * height)


def swipe(page: Any, x: float, y: float) -> None:
    """Move one finger upward, as a reader scrolls."""
    session = page.context.new_cdp_session(page)
    steps = [("touchStart", y)] + [("touchMove", y - SWIPE * step / 10) for step in range(1, 11)] + [("touchEnd", None)]
    for kind, at in steps:
        page.wait_for_timeout(
            150 if at is None else 16
        )  # the finger rests before it is lifted, so that nothing flies on
        points = [] if at is None else [{"x": x, "y": at}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.detach()


def traps(page: Any, by_touch: bool) -> list[str]:
    """Figures over which a swipe, or the wheel, does not scroll the page."""
    found = []
    figures = page.locator(FIGURE)
    page.evaluate("document.body.append(Object.assign(document.createElement('div'), { style: 'height: 100vh' }))")
    for number in range(figures.count()):
        x, y = middle(page, figures.nth(number))
        before = page.evaluate("scrollY")
        if by_touch:
            swipe(page, x, y)
        else:
            page.mouse.move(x, y)
            page.mouse.wheel(0, SWIPE)
        page.wait_for_timeout(120)
        moved = page.evaluate("scrollY") - before
        if abs(moved - SWIPE) > ALLOWED:
            found.append(f"figure {number}: {moved:.0f} px")
    return found


def unreached_sliders(page: Any) -> list[str]:
    """Sliders that pressing Tab from the top of the page does not come to; those that are of no use do not count."""
    wanted = page.locator("input[type=range]:not(:disabled), .dlcv-holder[tabindex]").count()
    page.evaluate("() => { document.body.tabIndex = -1; document.body.focus(); window.reached = new Set(); }")
    for _ in range(1500):
        page.keyboard.press("Tab")
        state = page.evaluate(
            """() => {
              const now = document.activeElement;
              if (now === document.body) return 'end';
              if (now.matches('input[type=range]')) window.reached.add(now);
              return window.reached.size;
            }"""
        )
        if state == "end" or state == wanted:
            break
    missing = "[...document.querySelectorAll('input[type=range]:not(:disabled)')].filter((one) => !reached.has(one))"
    return list(page.evaluate(f"() => {missing}.map((one) => one.outerHTML)"))


def unmoved_sliders(page: Any) -> list[str]:
    """Sliders that Home, End and an arrow key do not move."""
    found = []
    sliders = page.locator("input[type=range]:not(:disabled):visible")
    for number in range(sliders.count()):
        slider, seen = sliders.nth(number), []
        for key in ("Home", "ArrowRight", "End", "ArrowLeft"):
            slider.press(key)
            page.evaluate(AT_REST)
            seen.append(slider.evaluate("one => [Number(one.value), one.getAttribute('aria-valuetext')]"))
        (first, _), (second, _), (last, _), (before, _) = seen
        if not first < second <= last > before or (seen[0][1] is not None and seen[0][1] == seen[2][1]):
            found.append(f"slider {number}: {seen}")
    return found


NETWORK = """() => [...document.querySelectorAll('figure a[href], figure button, figure [data-title]')]
  .filter((one) => /share|cloud|chart studio|edit in/i.test(one.dataset.title + one.textContent + one.ariaLabel)
    || /^https?:/.test(one.getAttribute('href') ?? ''))
  .map((one) => one.outerHTML)"""

VISIBLE = "figure => figure._fullData.filter((trace) => trace.showlegend).map((trace) => trace.visible === true)"


def wrong_legends(page: Any) -> list[str]:
    """Legends in which a click does not show one entry alone, or a second click on it not all."""
    found = []
    figures = page.locator(".dlcv-plotly:has(.legendtoggle)")
    for number in range(figures.count()):
        figure = figures.nth(number)
        entry = figure.locator(".legendtoggle").first
        entry.scroll_into_view_if_needed()
        states = []
        for _ in range(2):
            entry.click(force=True)
            page.wait_for_timeout(400)
            states.append(figure.evaluate(VISIBLE))
        if sum(states[0]) != 1 or not all(states[1]):
            found.append(f"legend {number}: {states}")
    return found


TEXTS = ".main-svg text, .dlcv-steps, .modebar-group, figcaption, th, td, button"
OVERLAPS = """(texts) => {
  // Corners of a text on the screen; a label of an axis may be turned.
  const corners = (one) => {
    const box = one.getBoundingClientRect();
    const own = one instanceof SVGTextElement ? one.getBBox() : box;
    const turn = one instanceof SVGTextElement ? one.getScreenCTM() : new DOMMatrix();
    return [[own.x, own.y], [own.x + own.width, own.y], [own.x + own.width, own.y + own.height],
      [own.x, own.y + own.height]].map(([x, y]) => new DOMPoint(x, y).matrixTransform(turn));
  };
  // Depth of the overlap of two rectangles, in pixels: the least over the directions of their sides.
  const depth = (a, b) => Math.min(...[[a[0], a[1]], [a[1], a[2]], [b[0], b[1]], [b[1], b[2]]].map(([from, to]) => {
    const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
    const along = (points) => points.map(({ x, y }) => (x * (to.x - from.x) + y * (to.y - from.y)) / length);
    const [one, other] = [along(a), along(b)];
    return Math.min(Math.max(...one), Math.max(...other)) - Math.max(Math.min(...one), Math.min(...other));
  }));
  const heard = (one) => getComputedStyle(one.closest('thead') ?? one).clipPath !== 'none';
  const found = [];
  for (const figure of document.querySelectorAll('figure.dlcv-figure')) {
    const shown = [...figure.querySelectorAll(texts)]
      .filter((one) => one.textContent.trim() || one.matches('.modebar-group'))
      .filter((one) => !one.closest('.heatmaplayer') && !one.querySelector('th, td, button') && !heard(one))
      .map((one) => [one, one.getBoundingClientRect()]).filter(([, box]) => box.width && box.height)
      .map(([one, box]) => [one, box, corners(one)]);
    const page = document.documentElement.clientWidth;
    for (const [one, box] of shown.filter(([one]) => one.matches('.main-svg text'))) {
      if (box.right > page + 1 || box.left < -1) found.push(`beyond the page: ${one.textContent}`);
    }
    shown.forEach(([one, a, first], index) => {
      for (const [other, b, second] of shown.slice(index + 1)) {
        if (one.contains(other) || other.contains(one)) continue;
        if (a.right < b.left || b.right < a.left || a.bottom < b.top || b.bottom < a.top) continue;
        if (depth(first, second) > 2.5) {
          found.push([one, other].map((text) => text.textContent.slice(0, 40)).join(' | '));
        }
      }
    });
  }
  return found;
}"""


def overlapping(page: Any) -> list[str]:
    """Texts of a figure that lie over one another, or beyond the page."""
    return list(page.evaluate(OVERLAPS, TEXTS))


WIDER = """() => [...document.querySelectorAll('.dlcv-figure, .dlcv-figure .main-svg, .dlcv-figure canvas')]
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 100))"""
CONTROLS = ".modebar-container, .dlcv-figure input, .dlcv-figure .dlcv-play, .dlcv-figure .dlcv-zooms"


def printed_wrongly(page: Any) -> list[str]:
    """Figures that paper cuts off, and controls that it shows; the page stays in print."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 900})  # a sheet, narrower than the screen it was drawn for
    page.wait_for_timeout(300)
    left = page.locator(CONTROLS).evaluate_all("all => all.filter((one) => one.checkVisibility()).length")
    return list(page.evaluate(WIDER)) + ([f"{left} controls"] if left else [])


Check = Callable[[Any], list[str]]
PHONE = {"width": 390, "has_touch": True, "is_mobile": True}
VISITS: tuple[tuple[dict[str, Any], dict[str, Check]], ...] = (
    (
        {},
        {
            "texts": overlapping,
            "network": lambda page: list(page.evaluate(NETWORK)),
            "wheel": lambda page: traps(page, by_touch=False),
            "tab": unreached_sliders,
            "keys": unmoved_sliders,
            "legends": wrong_legends,
            "print": printed_wrongly,
        },
    ),
    (PHONE, {"texts on a phone": overlapping, "swipe": lambda page: traps(page, by_touch=True)}),
)
"""Checks of each page by the way of visiting it, in an order in which none spoils what follows."""


@pytest.fixture(scope="module")
def found(pages: Path, browser: Any) -> dict[str, dict[str, Any]]:
    """Faults that each check finds, by the page's name; a page where it finds nothing is left out."""
    faults: dict[str, dict[str, Any]] = {name: {} for _, checks in VISITS for name in checks}
    for file in with_figures(pages):
        for context, checks in VISITS:
            page = drawn(browser, file, **context)
            for name, check in checks.items():
                if wrong := check(page):
                    faults[name][file.name] = wrong
            page.close()
    return faults


CHECKS = [name for _, checks in VISITS for name in checks]


@pytest.mark.parametrize("check", CHECKS)
def test_every_figure_scrolls_with_the_page_answers_to_all_and_prints(
    found: dict[str, dict[str, Any]], check: str
) -> None:
    assert found[check] == {}


def test_tab_reaches_a_slider_before_its_figure_is_drawn(pages: Path, browser: Any) -> None:
    file = next(file for file in with_figures(pages) if HOLDER in file.read_text())
    # Without idle time nothing is drawn that the reader does not come to.
    page = browser.new_page(viewport={"width": 1280, "height": 300})
    page.add_init_script("window.requestIdleCallback = () => 0;")
    page.goto(file.as_uri())
    assert page.locator(".dlcv-slider").count() == 0
    assert unreached_sliders(page) == []
    assert page.evaluate("reached.size") == page.locator("input[type=range]:not(:disabled)").count() > 0
    page.close()
