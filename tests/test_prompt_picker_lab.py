"""PromptPicker in JupyterLab: clicks, drags and keys reach the kernel, and its answer the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from labs import Lab, run_all

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

CHAPTER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %%
import ipywidgets
import numpy as np

from dlcvlib.views.prompt_picker import PromptPicker

seen = ipywidgets.Label("nothing yet")


def answer(points, labels, box):
    seen.value = f"asked {points} {labels} {box}"
    return np.ones((100, 100), dtype=bool)


black = np.zeros((3, 100, 100), dtype=np.uint8)
picker = PromptPicker(black, answer, caption="Point.", alt="A black image.")
seen

# %%
picker
"""
CENTRE = """canvas => [...canvas.getContext('2d')
  .getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data.slice(0, 3)].join()"""


def test_clicks_drags_and_keys_ask_the_kernel(lab: Lab, browser: Browser) -> None:
    from playwright.sync_api import expect

    (lab.notebooks / "97_picker.py").write_text(CHAPTER)
    outside: list[str] = []
    page = run_all(browser, lab, "97_picker.py", outside)
    canvas, said = page.locator(".jp-OutputArea canvas"), page.locator(".jp-OutputArea .widget-label")
    canvas.scroll_into_view_if_needed()
    shown = canvas.bounding_box()
    assert shown is not None

    def at(x: float, y: float) -> tuple[float, float]:
        return shown["x"] + shown["width"] * x / 100, shown["y"] + shown["height"] * y / 100

    assert canvas.evaluate(CENTRE) == "0,0,0"
    page.mouse.click(*at(20, 30))
    expect(said).to_have_text("asked [[20.0, 30.0]] [1] []")
    page.wait_for_function(f"() => ({CENTRE})(document.querySelector('.jp-OutputArea canvas')) !== '0,0,0'")

    page.keyboard.down("Shift")
    page.mouse.click(*at(80, 10))
    page.keyboard.up("Shift")
    expect(said).to_have_text("asked [[20.0, 30.0], [80.0, 10.0]] [1, 0] []")

    page.mouse.move(*at(70, 60))
    page.mouse.down()
    page.mouse.move(*at(40, 50))
    page.mouse.move(*at(10, 20))
    page.mouse.up()
    expect(said).to_have_text("asked [[20.0, 30.0], [80.0, 10.0]] [1, 0] [10.0, 20.0, 70.0, 60.0]")

    page.get_by_role("button", name="clear").click()
    canvas.focus()
    for key in ("ArrowLeft", "ArrowUp", "Enter"):
        canvas.press(key)
    expect(said).to_have_text("asked [[48.0, 48.0]] [1] []")
    canvas.press("Backspace")
    for key in ("b", "ArrowRight", "ArrowDown", "b"):
        canvas.press(key)
    expect(said).to_have_text("asked [] [] [48.0, 48.0, 50.0, 50.0]")
    expect(page.locator(".jp-OutputArea [aria-live]").last).to_contain_text("box from 48, 48 to 50, 50")
    page.close()
    assert outside == []
