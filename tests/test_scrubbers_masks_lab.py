"""MaskScrubber in JupyterLab: its traits are those of the page, both ways, and other widgets drive it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from labs import Lab, run_all
from mask_records import NAMES, record, split
from test_scrubbers_masks_browser import coloured, pixels

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
from pathlib import Path

import ipywidgets
import numpy as np

from dlcvlib.runs import Run
from dlcvlib.views.scrubbers import MaskScrubber

split = np.load("split.npz")
scrubber = MaskScrubber(Run(Path({run!r})), split["images"], split["masks"], {names!r})
seen = ipywidgets.Label("nothing yet")


def look(change):
    seen.value = f"the kernel saw epoch {{change.new}}"
    scrubber.errors = change.new == 1


scrubber.observe(look, "epoch")
other = ipywidgets.IntSlider(max=4, description="other")
ipywidgets.jslink((other, "value"), (scrubber, "epoch"))
ipywidgets.VBox([other, seen])

# %%
scrubber
"""


def test_page_and_kernel_move_each_other(lab: Lab, tmp_path: Path, browser: Browser) -> None:
    from playwright.sync_api import expect

    run, (images, masks) = record(tmp_path, (0, 1, 3, 4)), split()
    np.savez(lab.notebooks / "split.npz", images=images, masks=masks)
    (lab.notebooks / "96_masks.py").write_text(CHAPTER.format(run=str(run.path), names=NAMES))
    outside: list[str] = []
    page = run_all(browser, lab, "96_masks.py", outside)

    slider = page.locator(".dlcv-slider")
    slider.press("Home")
    expect(page.locator(".jp-OutputArea .widget-label").last).to_have_text("the kernel saw epoch 0")
    np.testing.assert_array_equal(pixels(page, "prediction"), coloured(run.masks(0)[NAMES[0]]))
    assert not page.locator("canvas.dlcv-errors").first.is_visible()

    slider.press("ArrowRight")
    expect(page.locator("canvas.dlcv-errors").first).to_be_visible()  # set from Python
    np.testing.assert_array_equal(pixels(page, "prediction"), coloured(run.masks(1)[NAMES[0]]))

    page.locator(".noUi-handle").press("End")
    expect(page.locator(".dlcv-epoch")).to_have_text("epoch 4 of 4")
    np.testing.assert_array_equal(pixels(page, "prediction"), coloured(run.masks(4)[NAMES[0]]))
    page.close()
    assert outside == []
