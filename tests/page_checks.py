"""Checks of a built page's layout: each takes an open page (playwright) and returns the faults that it finds."""

from __future__ import annotations

from typing import Any

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LETTERS = """[...document.querySelectorAll('.dlcv-svg svg text')].map(text =>
    parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"""
# Bottom of a subscript that is shown (a question's verdicts are folded) less the bottom of its base, in units of the
# base's font size.
SUBSCRIPTS = """[...document.querySelectorAll('msub')]
    .filter((one) => one.getClientRects().length).map(({ firstElementChild: base, lastElementChild: below }) =>
    (below.getBoundingClientRect().bottom - base.getBoundingClientRect().bottom)
        / parseFloat(getComputedStyle(base).fontSize))"""
# Images and texts of a picture that lie on one another.
OVERLAPS = """[...document.querySelectorAll('figure.dlcv-figure:has(img)')].flatMap(figure => {
    const parts = [...figure.querySelectorAll('img, figcaption, div')]
        .filter(part => part.tagName !== 'DIV' || (!part.children.length && part.textContent.trim()))
        .map(part => {
            const range = document.createRange();
            range.selectNodeContents(part);
            return [part, (part.tagName === 'IMG' ? part : range).getBoundingClientRect()];
        });
    const found = [];
    parts.forEach(([one, a], index) => parts.slice(index + 1).forEach(([other, b]) => {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 2 && high > 2) found.push(`${one.alt ?? one.textContent} on ${other.alt ?? other.textContent}`);
    }));
    return found;
})"""
CUT = """[...document.querySelectorAll('article *')].filter(part =>
    part.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    && getComputedStyle(part.closest('thead') ?? part).clipPath === 'none' // a table of blocks has a head to be heard
    && !part.closest('svg, .dlcv-plotly, .dlcv-scrubber, .dlcv-scroll')).map(part => part.outerHTML.slice(0, 100))"""
PRINTED = """['.bd-sidebar-primary', '.bd-sidebar-secondary', '.bd-header-article', '.prev-next-footer', '.headerlink',
    '#pst-back-to-top'].filter(name => [...document.querySelectorAll(name)].some(part => part.checkVisibility()))"""


def too_wide(page: Any, width: int) -> int:
    """Pixels by which the page is wider than a screen of this width."""
    page.set_viewport_size({"width": width, "height": 844})
    page.wait_for_timeout(100)
    return int(page.evaluate(WIDER))


def overlaps(page: Any) -> list[str]:
    """Images and titles of a grid that lie on one another."""
    return list(page.evaluate(OVERLAPS))


def smallest_letters(page: Any) -> float | None:
    """Height of the smallest letters of a drawing, in pixels of the screen; None without a drawing."""
    letters = page.evaluate(LETTERS)
    return min(letters) if letters else None


def raised_subscripts(page: Any) -> list[float]:
    """Depth below its base of each subscript that does not hang below it, in units of the font size."""
    page.evaluate("document.fonts.ready")
    return [depth for depth in page.evaluate(SUBSCRIPTS) if depth < 0.05]


def printed_faults(page: Any) -> list[str]:
    """Parts of the site that are printed, and parts of the text cut off at the right, on a page of 680 pixels."""
    page.set_viewport_size({"width": 680, "height": 960})
    page.emulate_media(media="print")
    page.wait_for_timeout(100)
    faults = page.evaluate(PRINTED) + page.evaluate(CUT)
    page.emulate_media(media="screen")
    return list(faults)
