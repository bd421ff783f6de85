"""JupyterLab as `make lab` starts it: a chapter's script opens as a notebook, runs, and shows its figures live."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from book.lab import command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "for-the-test"

pytestmark = pytest.mark.browser


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """Address of a JupyterLab on copies of the tests' chapters in `tmp_path`/notebooks."""
    with jupyterlab(tmp_path) as address:
        yield address


@contextmanager
def jupyterlab(tmp_path: Path) -> Iterator[str]:
    notebooks = tmp_path / "notebooks"
    shutil.copytree(ROOT / "tests" / "chapters", notebooks, ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
    shutil.copy(ROOT / "notebooks" / "jupytext.toml", notebooks)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ours = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.token={TOKEN}"]
    home = {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces")}
    home |= {"PYTHONPATH": str(ROOT), "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings")}
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [*command(notebooks), *ours], env=os.environ | home, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/api", server, tmp_path / "lab.log")
            yield address
        finally:
            server.terminate()
            server.wait(timeout=60)


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def test_a_chapter_opens_as_a_notebook_and_draws_its_figures_with_their_captions(
    lab: str, tmp_path: Path, browser: Browser
) -> None:
    from playwright.sync_api import expect

    outside: list[str] = []
    script = tmp_path / "notebooks" / "90_figures.py"
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


def test_a_slider_moved_by_keyboard_is_seen_by_the_kernel(lab: str, tmp_path: Path, browser: Browser) -> None:
    from playwright.sync_api import expect

    outside: list[str] = []
    (tmp_path / "notebooks" / "95_slider.py").write_text(SLIDER)
    page = run_all(browser, lab, "95_slider.py", outside)
    page.locator(".jp-OutputArea .noUi-handle").press("ArrowRight")
    expect(page.locator(".jp-OutputArea .widget-label").last).to_have_text("the kernel saw epoch 4")
    page.close()
    assert outside == []


def run_all(browser: Browser, lab: str, chapter: str, outside: list[str]) -> Page:
    """Open a chapter's script by a double click and run all its cells; requests that leave the lab go to `outside`."""
    page = browser.new_page(viewport={"width": 1500, "height": 1500})
    page.set_default_timeout(90_000)
    page.on("request", lambda request: outside.append(request.url) if is_outside(request.url, lab) else None)
    page.goto(f"{lab}/lab?token={TOKEN}")
    page.locator(".jp-DirListing-item", has_text=chapter).dblclick()
    page.locator(".jp-Notebook").wait_for()
    page.get_by_text("| Idle").wait_for()  # the kernel stands ready
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).first.click()
    return page


def is_outside(address: str, lab: str) -> bool:
    return not address.startswith((lab, lab.replace("http", "ws"), "data:", "blob:"))
