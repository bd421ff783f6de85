"""Scrubbers as readers use them: on a page from disk without network, in JupyterLab, and there without a kernel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from embedding_records import record
from labs import TOKEN, Lab, run_all

from dlcvlib.views.scrubbers import EmbeddingScrubber
from dlcvlib.views.scrubbers.bundle import HERE, bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

CLASSES, POINTS, EPOCHS = 4, 80, 4
NAMES = ("ant", "bee", "</script><b>cat", "dog")
COLOURS = np.array([[250, 20, 20], [20, 250, 20], [20, 20, 250], [250, 250, 20]], dtype=np.uint8)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a scrubber; each image is of one colour, its class's."""
    folder = tmp_path_factory.mktemp("scrubber")
    run = record(folder / "seed0", epochs=EPOCHS, points=POINTS, classes=CLASSES)
    images = np.zeros((POINTS + 7, 3, 32, 32), dtype=np.uint8)
    images[7:] = COLOURS[np.arange(POINTS) % CLASSES][:, :, None, None]
    EmbeddingScrubber(run, "pca", images, NAMES).save(folder / "page.html")
    return folder / "page.html"


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    """The page, opened from disk; a complaint of the browser or a request to elsewhere fails the test."""
    context = browser.new_context(offline=True, viewport={"width": 900, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    opened.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else wrong.append(request.url),
    )
    opened.goto(file.as_uri())
    opened.locator(".dlcv-scrubber").wait_for()
    yield opened
    context.close()
    assert wrong == []


PIXELS = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data].join()"
INKED = """canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
  .data.filter((value, place) => place % 4 === 3 && value > 200).length"""


def pixels(page: Page | Locator) -> str:
    return str(page.locator(".dlcv-map canvas").first.evaluate(PIXELS))


def inked(page: Page) -> int:
    """Pixels of the map that are fully covered."""
    return int(page.locator(".dlcv-map canvas").first.evaluate(INKED))


def figures(page: Page | Locator) -> list[str]:
    return page.locator(".dlcv-figures td:not(.dlcv-curve)").all_inner_texts()


def epoch(page: Page | Locator) -> str:
    return page.locator(".dlcv-epoch").inner_text()


def test_the_slider_moves_map_and_figures_by_mouse(page: Page) -> None:
    before = pixels(page), figures(page), page.locator(".dlcv-curve circle").first.get_attribute("cx")
    assert epoch(page) == "epoch 4 of 4"
    box = page.locator(".dlcv-slider").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert epoch(page) == "epoch 2 of 4"
    after = pixels(page), figures(page), page.locator(".dlcv-curve circle").first.get_attribute("cx")
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_keys_move_the_slider_and_are_said_aloud(page: Page) -> None:
    slider, map_canvas = page.locator(".dlcv-slider"), page.locator(".dlcv-map canvas")
    seen = []
    for where, key in ((slider, "Home"), (slider, "ArrowRight"), (map_canvas, "ArrowRight"), (map_canvas, "End")):
        where.press(key)
        seen.append(slider.get_attribute("aria-valuetext"))
    assert seen == ["epoch 0 of 4", "epoch 1 of 4", "epoch 2 of 4", "epoch 4 of 4"]
    assert "–" in figures(page) or len(figures(page)) >= 6


def test_an_epoch_without_history_has_dashes_for_its_losses(page: Page) -> None:
    page.locator(".dlcv-slider").press("Home")
    row = page.locator(".dlcv-figures tr", has_text="validation loss")
    assert row.locator("td").first.inner_text() == "–"
    assert row.locator("circle").is_hidden()


def test_play_goes_through_the_epochs_and_stops_at_the_last(page: Page) -> None:
    first = pixels(page)
    page.locator(".dlcv-play").click()
    page.wait_for_function("document.querySelector('.dlcv-epoch').textContent.startsWith('epoch 1')")
    assert pixels(page) != first
    page.wait_for_function("document.querySelector('.dlcv-epoch').textContent.startsWith('epoch 4')")
    page.wait_for_function("document.querySelector('.dlcv-play').getAttribute('aria-label') === 'play'")
    page.wait_for_timeout(600)
    assert pixels(page) == first


def test_playing_moves_dots_gradually_unless_less_motion_is_wished(page: Page) -> None:
    """Pictures between two epochs are those of neither; with reduced motion there are none."""
    many = """async () => {
      const canvas = document.querySelector('.dlcv-map canvas'), seen = new Set();
      document.querySelector('.dlcv-slider').value = 3;
      document.querySelector('.dlcv-slider').dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise(requestAnimationFrame);
      document.querySelector('.dlcv-play').click();
      for (const begun = performance.now(); performance.now() - begun < 1500;) {
        await new Promise(requestAnimationFrame);
        seen.add(canvas.toDataURL());
      }
      return seen.size;
    }"""
    assert page.evaluate(many) > 3
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(many) <= 2


def test_pointing_at_a_class_isolates_it_and_a_click_keeps_it_so(page: Page) -> None:
    everything = inked(page)
    chip = page.locator(".dlcv-chip", has_text="bee")
    chip.hover()
    alone = inked(page)
    assert 0 < alone < everything / 2
    page.mouse.move(0, 0)
    assert inked(page) == everything
    chip.click()
    page.mouse.move(0, 0)
    assert inked(page) == alone and chip.get_attribute("aria-pressed") == "true"
    assert page.locator(".dlcv-chip[aria-pressed=true]").count() == 1
    chip.click()
    assert page.locator(".dlcv-chip[aria-pressed=true]").count() == CLASSES, "a second click shows all"


def test_without_a_class_the_map_says_what_to_do(page: Page) -> None:
    note = page.locator(".dlcv-note")
    assert not note.is_visible()
    page.locator(".dlcv-chip", has_text="none").click()
    assert note.inner_text().startswith("No class is shown: click")
    page.locator(".dlcv-chip", has_text="all").click()
    assert not note.is_visible()


SEARCH = "canvas => { const box = canvas.getBoundingClientRect(); return [box.left, box.top, box.width]; }"


def point_at_a_dot(page: Page) -> tuple[float, float]:
    """Move the mouse along the map until a dot's card is shown; where that was."""
    left, top, side = page.locator(".dlcv-map canvas").first.evaluate(SEARCH)
    for step in range(1, 60):
        x, y = left + side * step / 60, top + side / 2
        page.mouse.move(x, y)
        if page.locator(".dlcv-card").is_visible():
            return x, y
    raise AssertionError("no dot was found in the middle of the map")


def test_pointing_at_a_dot_shows_its_picture_class_and_epoch(page: Page) -> None:
    point_at_a_dot(page)
    text = page.locator(".dlcv-card").inner_text()
    shown = next(number for number, name in enumerate(NAMES) if f"true: {name}" in text)
    assert "predicted: " in text and "epoch 4" in text
    centre = "canvas => [...canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data]"
    colour = page.locator(".dlcv-picture").evaluate(centre)
    np.testing.assert_allclose(colour[:3], COLOURS[shown], atol=40)
    image = int(text.split("image ")[1].split(",")[0])
    assert (image - 7) % CLASSES == shown


def test_a_click_selects_and_a_lasso_too_and_both_follow_the_epochs(page: Page) -> None:
    line = page.locator(".dlcv-selected")
    unselected = pixels(page)
    page.mouse.click(*point_at_a_dot(page))
    assert line.inner_text().startswith("1 image selected")
    page.mouse.move(0, 0)
    assert pixels(page) != unselected
    left, top, side = page.locator(".dlcv-map canvas").first.evaluate(SEARCH)
    page.keyboard.down("Shift")
    page.mouse.move(left + 2, top + 2)
    page.mouse.down()
    for x, y in ((0.99, 0.01), (0.99, 0.99), (0.01, 0.99), (0.01, 0.02)):
        page.mouse.move(left + x * side, top + y * side, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert line.inner_text().startswith(f"{POINTS} images selected")
    page.locator(".dlcv-slider").press("ArrowLeft")
    assert line.inner_text().startswith(f"{POINTS} images selected")
    line.get_by_text("clear").click()
    assert line.inner_text().startswith("Point at a dot")


def test_the_wheel_zooms_with_ctrl_and_a_drag_moves(page: Page) -> None:
    left, top, side = page.locator(".dlcv-map canvas").first.evaluate(SEARCH)
    whole = pixels(page)
    page.mouse.move(left + side / 2, top + side / 2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    page.mouse.move(left + 1, top + 1)
    zoomed = pixels(page)
    page.mouse.down()
    page.mouse.move(left + side / 3, top + side / 3, steps=3)
    page.mouse.up()
    page.mouse.move(0, 0)
    assert len({whole, zoomed, pixels(page)}) == 3
    page.get_by_label("show the whole map").click()
    page.mouse.move(0, 0)
    assert pixels(page) == whole


def test_the_wheel_alone_scrolls_the_page(page: Page) -> None:
    page.set_viewport_size({"width": 900, "height": 400})
    whole = pixels(page)
    left, top, side = page.locator(".dlcv-map canvas").first.evaluate(SEARCH)
    page.mouse.move(left + side / 2, top + 40)
    page.mouse.wheel(0, 200)
    page.wait_for_function("scrollY > 100")
    page.mouse.move(0, 0)
    assert pixels(page) == whole


def test_the_lasso_button_selects_by_a_plain_drag_and_from_the_keyboard(page: Page) -> None:
    line, lasso = page.locator(".dlcv-selected"), page.get_by_role("button", name="lasso")
    left, top, side = page.locator(".dlcv-map canvas").first.evaluate(SEARCH)
    lasso.click()
    page.mouse.move(left + 2, top + 2)
    page.mouse.down()
    for x, y in ((0.8, 0.01), (0.8, 0.99), (0.01, 0.99), (0.01, 0.02)):
        page.mouse.move(left + x * side, top + y * side, steps=4)
    page.mouse.up()
    assert "selected" in line.inner_text() and lasso.get_attribute("aria-pressed") == "false"
    lasso.press("Enter")
    assert line.inner_text().startswith(f"{POINTS} images selected")


def test_keys_on_the_map_point_at_dots_select_and_zoom(page: Page) -> None:
    canvas = page.locator(".dlcv-map canvas").first
    whole = pixels(page)
    canvas.press("n")
    assert "true: " in page.locator(".dlcv-card").inner_text() == page.locator(".dlcv-status").inner_text()
    canvas.press("Enter")
    assert page.locator(".dlcv-selected").inner_text().startswith("1 image selected")
    canvas.press("Enter")
    canvas.press("+")
    assert pixels(page) != whole
    canvas.press("0")
    canvas.blur()
    assert pixels(page) == whole


def test_a_tap_shows_a_dot_s_card_and_two_fingers_zoom(browser: Browser, file: Path) -> None:
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(file.as_uri())
    canvas = page.locator(".dlcv-map canvas").first
    canvas.scroll_into_view_if_needed()
    left, top, side = canvas.evaluate(SEARCH)
    whole, send = pixels(page), context.new_cdp_session(page).send
    steps = [("touchStart", 20), *(("touchMove", apart) for apart in range(30, 130, 10)), ("touchEnd", 0)]
    for kind, apart in steps:
        points = [{"x": left + side / 2 + sign * apart, "y": top + side / 2, "id": sign + 1} for sign in (-1, 1)]
        send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if apart else []})
    assert pixels(page) != whole
    page.get_by_label("show the whole map").tap()
    for step in range(1, 40):
        page.touchscreen.tap(left + side * step / 40, top + side / 2)
        if page.locator(".dlcv-card").is_visible():
            break
    assert "true: " in page.locator(".dlcv-card").inner_text()
    context.close()


def test_without_scripts_there_is_a_picture_of_the_last_epoch(browser: Browser, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    image = page.locator("figure img")
    assert image.evaluate("image => image.naturalWidth") == 440
    assert "80 points in 4 classes" in (image.get_attribute("alt") or "")
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_the_ground_in_both_themes(browser: Browser, file: Path, theme: str) -> None:
    page = browser.new_page(color_scheme=theme)
    page.goto(file.as_uri())
    page.locator(".dlcv-scrubber").wait_for()
    ink = page.locator(".dlcv-figures caption").evaluate("one => getComputedStyle(one).color")
    assert ink == ("rgb(0, 0, 0)" if theme == "light" else "rgb(255, 255, 255)")
    page.close()


def test_a_narrow_page_is_not_wider_than_it_is(browser: Browser, file: Path) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 800})
    page.goto(file.as_uri())
    page.locator(".dlcv-scrubber").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.close()


SCRIPT = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %%
import ipywidgets

from dlcvlib import runs
from dlcvlib.views.scrubbers import EmbeddingScrubber
from dlcvlib.views.scrubbers.bundle import HERE, bundle

scrubber = EmbeddingScrubber(runs.load("RECORD"), "pca")
scrubber

# %%
heard = ipywidgets.Label("nothing yet")


def tell(change):
    heard.value = f"the kernel saw epoch {scrubber.epoch}, selected {len(scrubber.selection)}"


scrubber.observe(tell, ["epoch", "selection"])
linked = ipywidgets.IntSlider(value=4, max=4)
link = ipywidgets.jslink((linked, "value"), (scrubber, "epoch"))
ipywidgets.VBox([linked, heard])
"""


@pytest.mark.timeout(300)
def test_in_jupyterlab_kernel_and_page_move_each_other_and_without_a_kernel_it_still_slides(
    lab: Lab, tmp_path: Path, browser: Browser
) -> None:
    from playwright.sync_api import expect

    record(tmp_path / "record" / "seed0", epochs=EPOCHS, points=POINTS, classes=CLASSES)
    script = lab.notebooks / "95_scrubber.py"
    script.write_text(SCRIPT.replace("RECORD", str(tmp_path / "record" / "seed0")))
    outside: list[str] = []
    page = run_all(browser, lab, script.name, outside)
    heard = page.locator(".jp-OutputArea .widget-label").last
    slider = page.locator(".dlcv-slider")
    slider.wait_for()
    page.locator(".jp-OutputArea .noUi-handle").wait_for()

    last = pixels(page)
    slider.press("ArrowLeft")
    expect(heard).to_have_text("the kernel saw epoch 3, selected 0")
    assert pixels(page) != last
    page.wait_for_timeout(2500)
    assert slider.count() == 1 and page.locator("figure.dlcv-figure").is_hidden(), "the widget stands alone"
    page.locator(".jp-OutputArea .noUi-handle").press("ArrowLeft")
    expect(heard).to_have_text("the kernel saw epoch 2, selected 0")
    assert epoch(page) == "epoch 2 of 4"
    page.locator(".dlcv-play").click()
    expect(heard).to_have_text("the kernel saw epoch 4, selected 0")
    page.mouse.click(*point_at_a_dot(page))
    expect(heard).to_have_text("the kernel saw epoch 4, selected 1")

    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    paired = script.with_suffix(".ipynb")
    for _ in range(150):
        if paired.exists():
            break
        page.wait_for_timeout(200)
    page.close()
    reopened = without_kernel(browser, lab, paired)
    reopened.locator(".dlcv-slider").press("Home")
    first = pixels(reopened)
    reopened.locator(".dlcv-slider").press("End")
    assert epoch(reopened) == "epoch 4 of 4" and pixels(reopened) != first
    above = reopened.locator(".jp-OutputArea-child", has_text="Loading widget").first
    assert above.is_hidden(), "what JupyterLab leaves in the widget's place"
    reopened.close()
    assert outside == []


def without_kernel(browser: Browser, lab: Lab, notebook: Path) -> Page:
    """Open a saved notebook, trusted, on a machine that has not its kernel."""
    import nbformat
    from nbformat.sign import NotebookNotary

    content = json.loads(notebook.read_text())
    gone = "one that is not installed"
    content["metadata"]["kernelspec"] = {"name": gone, "display_name": gone, "language": gone}
    content["metadata"].pop("language_info", None)
    alone = notebook.with_name("97_alone.ipynb")
    alone.write_text(json.dumps(content))
    NotebookNotary().sign(nbformat.read(alone, as_version=4))
    page = browser.new_page(viewport={"width": 1500, "height": 1500})
    page.set_default_timeout(60_000)
    page.goto(f"{lab.address}/lab/workspaces/alone/tree/{alone.name}?token={TOKEN}")
    page.locator(".jp-Dialog button.jp-mod-reject").click()  # "No Kernel"
    page.locator(".dlcv-slider").wait_for()
    return page


# --- modules of a bundle ---


@pytest.mark.parametrize("entry", ["embedding.js", "masks.js", "static_model.js"])
def test_no_module_of_a_bundle_leaks_a_name(browser: Browser, entry: str) -> None:
    files = re.findall(r'^modules\["(\S+)"\]', bundle(entry), re.MULTILINE)
    declared = re.compile(r"^(?:export )?(?:async )?(?:const|let|var|function|class) (\w+)", re.MULTILINE)
    names = sorted({name for file in files for name in declared.findall((HERE / file).read_text())})
    assert entry in files and len(names) >= len(files)
    page = browser.new_page()
    leaked = page.evaluate(
        f"names => {{ {bundle(entry)};\n return names.filter((name) => eval('typeof ' + name) !== 'undefined'); }}",
        names,
    )
    page.close()
    assert leaked == []


def test_two_modules_may_give_one_name_to_different_things(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "one.js").write_text("const UNKNOWN = 255;\nexport const one = () => UNKNOWN;\n")
    (tmp_path / "two.js").write_text(
        'import { one } from "./one.js";\n\nconst UNKNOWN = 6;\nexport const two = () => [one(), UNKNOWN];\n'
    )
    page = browser.new_page()
    assert page.evaluate(f"() => {bundle('two.js', tmp_path)}.two()") == [255, 6]
    page.close()
