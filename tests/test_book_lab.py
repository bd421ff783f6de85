"""JupyterLab as `make lab` starts it: a chapter's script opens as a notebook, runs, and shows its figures live."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from labs import Lab, run_all

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_a_chapter_opens_as_a_notebook_and_draws_its_figures_with_their_captions(lab: Lab, browser: Browser) -> None:
    from playwright.sync_api import expect

    outside: list[str] = []
    script = lab.notebooks / "90_figures.py"
    text = script.read_text()
    page = run_all(browser, lab, "90_figures.py", outside)

    figure = page.locator(".jp-OutputArea .js-plotly-plot")
    figure.locator(".main-svg").first.wait_for()
    expect(figure.locator(".gtitle")).to_have_text("Two random walks < & > over the epochs.")
    assert figure.locator(".scatterlayer .trace").count() == 2
    expect(page.locator(".jp-OutputArea figcaption")).to_have_count(3)
    box, axis = figure.locator(".gtitle").bounding_box(), figure.locator(".xtitle").bounding_box()
    assert box is not None and axis is not None and box["y"] + box["height"] < axis["y"], "caption above"
    whole = figure.bounding_box()
    assert whole is not None and whole["y"] <= box["y"], "no line of the caption is cut off"

    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    paired = script.with_suffix(".ipynb")
    deadline = time.monotonic() + 30
    while not paired.exists() and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    page.close()
    assert paired.exists(), "saved on both sides"
    assert script.read_text() == text, "running and saving leaves the script as it was"
    assert outside == []


SLIDER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %%
import ipywidgets

epoch = ipywidgets.IntSlider(value=3, max=9, description="epoch")
shown = ipywidgets.Label("not moved yet")
epoch.observe(lambda change: setattr(shown, "value", f"the kernel saw epoch {change.new}"), "value")
ipywidgets.VBox([epoch, shown])
"""


def test_a_slider_moved_by_keyboard_is_seen_by_the_kernel(lab: Lab, browser: Browser) -> None:
    from playwright.sync_api import expect

    outside: list[str] = []
    (lab.notebooks / "95_slider.py").write_text(SLIDER)
    page = run_all(browser, lab, "95_slider.py", outside)
    page.locator(".jp-OutputArea .noUi-handle").press("ArrowRight")
    expect(page.locator(".jp-OutputArea .widget-label").last).to_have_text("the kernel saw epoch 4")
    page.close()
    assert outside == []
