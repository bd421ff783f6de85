"""PromptPicker on a page without a kernel: the regions at the prompt answer, by mouse, touch and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dlcvlib.sam import Regions, paint, regions_under
from dlcvlib.views.prompt_picker import HERE, PromptPicker
from dlcvlib.views.scrubbers import static
from dlcvlib.views.scrubbers.bundle import bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
GREY = np.full((3, 40, 40), 128, dtype=np.uint8)
QUARTERS = np.repeat(np.repeat([[0, 1], [2, -1]], 20, axis=0), 20, axis=1)  # the last quarter is in no region
COLOUR = """([x, y]) => { const canvas = document.querySelector('canvas');
  const at = [x, y].map((share) => share * canvas.width);
  return [...canvas.getContext('2d').getImageData(...at, 1, 1).data.slice(0, 3)]; }"""


@pytest.fixture
def page(tmp_path: Path, browser: Browser) -> Iterator[Any]:
    """A page from disk with a picker of four quarters, on a touch screen as wide as a phone."""
    picker = PromptPicker(
        GREY, lambda *_: QUARTERS == 0, points=[(5, 5)], labels=[1], regions=QUARTERS, caption="Four.", alt="Grey."
    )
    file = tmp_path / "page.html"
    file.write_text(static.page(picker.html, title="Four"))
    context = browser.new_context(viewport={"width": 390, "height": 700}, has_touch=True, offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    page.locator("canvas").wait_for()
    page.wait_for_function("document.querySelector('p[aria-live]').textContent.startsWith('Asked')")
    yield page
    context.close()


def is_tinted(page: Any, *at: float) -> bool:
    red, _, blue = page.evaluate(COLOUR, list(at))
    return bool(blue > red + 20)


def place(page: Any, x: float, y: float) -> dict[str, float]:
    box = page.locator("canvas").bounding_box()
    return {"x": x * box["width"], "y": y * box["height"]}


def test_the_first_answer_is_that_of_the_kernel_and_a_click_asks_the_regions(page: Any) -> None:
    assert is_tinted(page, 0.3, 0.3) and not is_tinted(page, 0.7, 0.3)
    page.locator("canvas").click(position=place(page, 0.8, 0.1))
    assert is_tinted(page, 0.3, 0.3) and is_tinted(page, 0.7, 0.3)
    page.get_by_role("button", name="point outside").click()
    page.locator("canvas").click(position=place(page, 0.1, 0.3))
    assert not is_tinted(page, 0.3, 0.3) and is_tinted(page, 0.7, 0.3)
    page.get_by_role("button", name="clear").click()
    assert not is_tinted(page, 0.7, 0.3) and "No prompt" in page.locator("p[aria-live]").inner_text()


def test_a_tap_sets_a_point_and_a_swipe_scrolls_unless_a_box_is_drawn(page: Any) -> None:
    canvas = page.locator("canvas")
    canvas.tap(position=place(page, 0.2, 0.8))
    assert is_tinted(page, 0.3, 0.7)
    assert canvas.evaluate("canvas => getComputedStyle(canvas).touchAction") == "pan-y"
    page.get_by_role("button", name="box").click()
    assert canvas.evaluate("canvas => getComputedStyle(canvas).touchAction") == "none"


def test_a_drag_asks_for_the_regions_in_the_box(page: Any) -> None:
    page.get_by_role("button", name="clear").click()
    box = page.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.97 * box["width"], box["y"] + 0.4 * box["height"], steps=4)
    page.mouse.up()
    assert is_tinted(page, 0.3, 0.2) and is_tinted(page, 0.7, 0.2) and not is_tinted(page, 0.3, 0.7)


def test_the_keyboard_alone_suffices(page: Any) -> None:
    page.locator("canvas").focus()
    for key in ["Backspace", *["ArrowDown"] * 10, *["ArrowLeft"] * 5, "Enter"]:
        page.keyboard.press(key)
    assert is_tinted(page, 0.3, 0.7) and not is_tinted(page, 0.3, 0.3)


def test_the_page_fits_a_phone(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_pages_rule_is_that_of_python(browser: Browser) -> None:
    draw = np.random.default_rng(0)
    masks = np.stack([draw.random((12, 16)) < share for share in (0.3, 0.5, 0.2, 0.05)])
    regions = Regions.of_masks(masks, np.ones(len(masks)))
    painted = paint(regions)
    page = browser.new_page()
    answer = f"({bundle('region_answers.js', HERE)}).answerFrom"
    for _ in range(40):
        count = int(draw.integers(0, 4))
        points = np.stack([draw.integers(0, 16, count), draw.integers(0, 12, count)], axis=1).tolist()
        labels = draw.integers(0, 2, count).tolist()
        x0, y0 = draw.integers(0, 10, 2).tolist()
        box = [x0, y0, x0 + int(draw.integers(1, 7)), min(y0 + int(draw.integers(1, 12)), 12)]
        box = box if draw.random() < 0.7 or not count else []
        found = regions_under(regions, points, labels, box).masks
        given = {"ids": painted.ravel().tolist(), "width": 16, "height": 12}
        asked = page.evaluate(
            f"([regions, ...prompt]) => [...{answer}(regions, ...prompt)]", [given, points, labels, box]
        )
        assert np.array_equal(np.reshape(asked, (12, 16)) > 0, found.any(axis=0)), (points, labels, box)
    page.close()


def test_regions_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        PromptPicker(GREY, regions=QUARTERS[:10], caption="Four.", alt="Grey.")
