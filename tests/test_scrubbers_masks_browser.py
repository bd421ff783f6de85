"""MaskScrubber's static page, opened from disk with the network cut: every pixel shown is the record's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import warm
from mask_records import NAMES, record, split

from dlcvlib.data import palette
from dlcvlib.runs import Run
from dlcvlib.views.scrubbers import MaskScrubber
from dlcvlib.views.scrubbers.bundle import bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
IMAGES, MASKS = split()
TRUTH = MASKS.numpy()
EPOCHS = (0, 1, 3, 4)

PIXELS = """canvas => ({ width: canvas.width, data:
  [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data] })"""
SETTLED = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))"

Opened = Callable[[MaskScrubber], "Page"]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """Opens a scrubber's page; it may ask nothing of the network and complain of nothing."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 800, "height": 1000})
    context.set_offline(True)

    def visit(scrubber: MaskScrubber) -> Page:
        file = tmp_path / "page.html"
        scrubber.save(file)
        page = context.new_page()
        page.on("request", lambda request: asked(request.url))
        page.on("console", lambda message: heard(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(file.as_uri())
        page.locator(".dlcv-panes").wait_for()
        page.evaluate(SETTLED)
        return page

    def asked(address: str) -> None:
        if not address.startswith(("file:", "data:", "blob:")):
            complaints.append(address)

    def heard(text: str) -> None:
        if "willReadFrequently" not in text:  # said of the tests' own reading of the canvases
            complaints.append(text)

    yield visit
    context.close()
    assert complaints == []


def pixels(page: Page, kind: str, number: int = 0) -> np.ndarray:
    """RGBA uint8 (H, W, 4) of the canvas of the pane, once what was asked for is drawn."""
    page.evaluate(SETTLED)
    canvas = page.locator(f"canvas.dlcv-{kind}").nth(number).evaluate(PIXELS)
    return np.array(canvas["data"], dtype=np.uint8).reshape(-1, canvas["width"], 4)


def coloured(ids: np.ndarray, hidden: np.ndarray | bool = False) -> np.ndarray:
    """RGBA of class ids; transparent black where `hidden`."""
    opaque = np.concatenate([palette.COLOURS[ids], np.full((*ids.shape, 1), 255, np.uint8)], axis=-1)
    return np.where(np.broadcast_to(hidden, ids.shape)[..., None], np.uint8(0), opaque)


def shows(page: Page, run: Run, epoch: int, column: int = 0, columns: int = 1) -> None:
    for row, name in enumerate(NAMES):
        np.testing.assert_array_equal(
            pixels(page, "prediction", row * columns + column), coloured(run.masks(epoch)[name])
        )
    assert page.locator(".dlcv-epoch").inner_text() == f"epoch {epoch} of {EPOCHS[-1]}"


def test_slider_and_keyboard_show_the_record_s_masks(opened: Opened, tmp_path: Path) -> None:
    run = record(tmp_path, EPOCHS)
    page = opened(MaskScrubber(run, IMAGES, MASKS, NAMES))
    shows(page, run, 4)
    for row, truth in enumerate(TRUTH):
        np.testing.assert_array_equal(pixels(page, "truth", row), coloured(truth))
    slider = page.locator(".dlcv-slider")
    slider.fill("1")
    shows(page, run, 1)
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 2, box["y"] + box["height"] / 2)
    shows(page, run, 0)
    for key, epoch in (("ArrowRight", 1), ("ArrowRight", 3), ("End", 4), ("ArrowLeft", 3), ("Home", 0)):
        slider.press(key)
        shows(page, run, epoch)
    assert slider.get_attribute("aria-valuetext") == "epoch 0 of 4"


def test_play_runs_through_the_epochs_to_the_last(opened: Opened, tmp_path: Path) -> None:
    run = record(tmp_path, EPOCHS)
    page = opened(MaskScrubber(run, IMAGES, MASKS, NAMES))
    page.locator(".dlcv-slider").press("Home")
    shows(page, run, 0)
    page.get_by_role("button", name="play").click()
    page.get_by_text("epoch 4 of 4").wait_for()
    shows(page, run, 4)
    page.get_by_role("button", name="play").wait_for()


def test_each_pane_tells_its_own_figures(opened: Opened, tmp_path: Path) -> None:
    shown = MaskScrubber(record(tmp_path, EPOCHS), IMAGES, MASKS, NAMES)
    page = opened(shown)
    page.locator(".dlcv-slider").press("Home")
    page.evaluate(SETTLED)
    for row, tile in enumerate(shown._tiles):
        said = page.locator("canvas.dlcv-prediction").nth(row).get_attribute("aria-label")
        assert (
            said
            == f"{tile['name']}, FCN, epoch 0: IoU {tile['iou'][0][0]:.3f}, {100 * tile['wrong'][0][0]:.1f} % wrong"
        )


def test_a_class_is_hidden_and_none_selected_is_said(opened: Opened, tmp_path: Path) -> None:
    run = record(tmp_path, EPOCHS)
    page = opened(MaskScrubber(run, IMAGES, MASKS, NAMES))
    predicted, legend = run.masks(4)[NAMES[0]], page.locator(".dlcv-legend")
    legend.get_by_role("button", name="Forest").click()
    np.testing.assert_array_equal(pixels(page, "prediction"), coloured(predicted, predicted != 3))
    np.testing.assert_array_equal(pixels(page, "truth"), coloured(TRUTH[0], TRUTH[0] != 3))
    legend.get_by_role("button", name="Unknown").click(modifiers=["Shift"])
    np.testing.assert_array_equal(pixels(page, "prediction"), coloured(predicted, ~np.isin(predicted, (3, 6))))
    legend.get_by_role("button", name="none").click()
    assert not pixels(page, "prediction").any() and not pixels(page, "truth").any()
    assert "No class is selected" in page.locator(".dlcv-status").inner_text()
    legend.get_by_role("button", name="all").click()
    shows(page, run, 4)


def test_errors_are_exactly_the_wrong_pixels(opened: Opened, tmp_path: Path) -> None:
    run = record(tmp_path, EPOCHS)
    page = opened(MaskScrubber(run, IMAGES, MASKS, NAMES))
    layer = page.locator("canvas.dlcv-errors").first
    assert not layer.is_visible()
    page.get_by_role("button", name="errors").click()
    for key, epoch in (("End", 4), ("Home", 0)):
        page.locator(".dlcv-slider").press(key)
        for row, name in enumerate(NAMES):
            drawn, wrong = pixels(page, "errors", row), run.masks(epoch)[name] != TRUTH[row]
            np.testing.assert_array_equal(drawn[..., 3], 255 * wrong)
            assert len(np.unique(drawn[wrong], axis=0)) == 2, "a hatch of two colours"
    assert layer.is_visible()
    unknown = palette.UNKNOWN
    assert (TRUTH[0] == unknown).any(), "Unknown pixels were among those compared"
    page.locator(".dlcv-legend").get_by_role("button", name="Forest").click()
    predicted = run.masks(0)[NAMES[0]]
    confused = (predicted != TRUTH[0]) & ((predicted == 3) | (TRUTH[0] == 3))
    np.testing.assert_array_equal(pixels(page, "errors")[..., 3], 255 * confused)


def test_outlines_are_the_pixels_beside_another_class(opened: Opened, tmp_path: Path) -> None:
    run = record(tmp_path, EPOCHS)
    page = opened(MaskScrubber(run, IMAGES, MASKS, NAMES))
    page.get_by_role("button", name="outlines").click()
    for kind, ids in (("prediction", run.masks(4)[NAMES[0]]), ("truth", TRUTH[0])):
        around = np.pad(ids, 1, mode="edge")
        sides = (around[1:-1, :-2], around[1:-1, 2:], around[:-2, 1:-1], around[2:, 1:-1])
        inside = np.logical_and.reduce([side == ids for side in sides])
        np.testing.assert_array_equal(pixels(page, kind), coloured(ids, inside))


def test_opacity_lets_the_image_through(opened: Opened, tmp_path: Path) -> None:
    page = opened(MaskScrubber(record(tmp_path), IMAGES, MASKS, NAMES))
    faded = "canvas => Number(getComputedStyle(canvas).opacity)"
    prediction = page.locator("canvas.dlcv-prediction").first
    assert prediction.evaluate(faded) == 1
    page.get_by_label("opacity").fill("0.4")
    page.evaluate(SETTLED)
    assert prediction.evaluate(faded) == pytest.approx(0.4)
    image = prediction.locator("xpath=preceding-sibling::img")
    assert image.evaluate("image => image.complete && image.naturalWidth") == 32


def test_two_records_move_with_one_slider(opened: Opened, tmp_path: Path) -> None:
    one, two = record(tmp_path, EPOCHS), record(tmp_path, EPOCHS, seed=1)
    page = opened(MaskScrubber([one, two], IMAGES, MASKS, NAMES, labels=("<b>ours</b>", "theirs")))
    assert page.locator(".dlcv-heading").all_inner_texts() == ["image", "<b>ours</b>", "theirs", "truth"]
    for key, epoch in (("Home", 0), ("ArrowRight", 1)):
        page.locator(".dlcv-slider").press(key)
        shows(page, one, epoch, 0, 2)
        shows(page, two, epoch, 1, 2)


def test_one_epoch_is_shown_without_anything_to_slide(opened: Opened, tmp_path: Path) -> None:
    run = record(tmp_path, (4,))
    page = opened(MaskScrubber(run, IMAGES, MASKS, NAMES))
    assert page.locator(".dlcv-slider").is_disabled()
    shows(page, run, 4)


VIEWS = """panes => [...panes.querySelectorAll(".dlcv-layers")].map(layers => {
  const [frame, inner] = [layers.parentElement, layers].map(one => one.getBoundingClientRect());
  return [inner.width / frame.width, (inner.x - frame.x) / frame.width, (inner.y - frame.y) / frame.height];
})"""


def test_all_panes_zoom_and_pan_together(opened: Opened, tmp_path: Path) -> None:
    page = opened(MaskScrubber(record(tmp_path), IMAGES, MASKS, NAMES))
    panes, frame = page.locator(".dlcv-panes"), page.locator(".dlcv-frame").nth(1)

    def view() -> Any:
        page.evaluate(SETTLED)
        views = np.array(panes.evaluate(VIEWS))
        assert len(views) == 9 and np.ptp(views, axis=0).max() < 0.01, "linked"
        return views[0]

    box = frame.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.wheel(0, -400)
    np.testing.assert_allclose(view(), (1, 0, 0), atol=0.01)  # the page is what scrolls
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.keyboard.up("Control")
    zoom, x, y = view()
    assert zoom > 1.5
    np.testing.assert_allclose((x, y), (0.25 * (1 - zoom), 0.5 * (1 - zoom)), atol=0.02)  # what is pointed at stays
    page.mouse.down()
    page.mouse.move(box["x"] + 0.15 * box["width"], box["y"] + 0.6 * box["height"], steps=4)
    page.mouse.up()
    np.testing.assert_allclose(view(), (zoom, x - 0.1, y + 0.1), atol=0.02)
    page.mouse.dblclick(box["x"] + 9, box["y"] + 9)
    np.testing.assert_allclose(view(), (1, 0, 0), atol=0.01)
    panes.press("+")
    assert view()[0] == pytest.approx(1.5, abs=0.02)
    panes.press("0")
    np.testing.assert_allclose(view(), (1, 0, 0), atol=0.01)
    page.get_by_role("button", name="zoom in").click()
    assert view()[0] > 1.2
    page.get_by_role("button", name="show the whole").click()
    np.testing.assert_allclose(view(), (1, 0, 0), atol=0.01)


def test_a_mask_that_the_browser_cannot_read_is_said(opened: Opened, tmp_path: Path) -> None:
    run = record(tmp_path, EPOCHS)
    shown = MaskScrubber(run, IMAGES, MASKS, NAMES)
    first = 2 * len(NAMES)  # prediction of the first image at the first epoch
    start, end = shown._offsets[first : first + 2]
    shown._data = shown._data[:start] + bytes(end - start) + shown._data[end:]
    page = opened(shown)
    shows(page, run, 4)
    page.locator(".dlcv-slider").press("Home")
    page.get_by_text("The masks of epoch 0 cannot be read").wait_for()
    page.locator(".dlcv-slider").press("ArrowRight")
    shows(page, run, 1)


def test_decoded_masks_are_kept_within_a_bound(browser: Browser, tmp_path: Path) -> None:
    page, code = browser.new_page(), bundle("mask_pixels.js")
    file = record(tmp_path, (0,)).mask_files(0)[NAMES[0]].read_bytes()
    kept = page.evaluate(
        f"""async ([file, colours]) => {{
        const {{ MaskCache, classOfCode }} = {code};
        const cache = new MaskCache(() => new Uint8Array(file), classOfCode(colours), 3 * 32 * 24);
        for (const key of [0, 1, 2, 0, 3]) await cache.get(key);
        return [[...cache.maps.keys()], cache.bytes];
        }}""",
        [list(file), palette.COLOURS.tolist()],
    )
    assert kept == [[2, 0, 3], 3 * 32 * 24], "the one used longest ago made room"
    page.close()


def test_the_benchmark_fills_a_row_for_everything_it_compares(browser: Browser, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    script = Path(__file__).parent / "benchmarks" / "bench_mask_scrubber.py"
    done = warm.run([str(script), "--quick", "--rounds", "1", "--json", str(report)])
    assert done.returncode == 0, done.stderr
    rows = json.loads(report.read_text())["rows"]
    assert {"MaskScrubber", "swapped <img>", "plotly, source", "plotly, pixels"} < set(rows)
    assert all(0 < row["p5_ms"] <= row["median_ms"] <= row["p95_ms"] for row in rows.values())
    assert all(name in done.stdout for name in rows)
