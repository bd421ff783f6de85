"""A step of the slider, beside plotly's animation frames and a FigureWidget: milliseconds, and bytes of the page.

Run as `python tests/benchmarks/bench_scrubbers.py`, or with `--quick` for small cases; `--no-lab` leaves JupyterLab
out, `--json FILE` keeps the numbers. A step is timed in the page, in headless Chromium that draws without a GPU and
waits for no screen: from the moment the slider (or the call) says so until the frame that shows it has been drawn. A
FigureWidget takes the way through the kernel, until the dots have moved and the next frame has been drawn.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from conftest import FLAGS
from labs import jupyterlab, run_all

from dlcvlib.bench.measuring import machine
from dlcvlib.embedding import EmbeddingSeries
from dlcvlib.files.atomic import write_json
from dlcvlib.views.palette import class_styles
from dlcvlib.views.scrubbers import EmbeddingScrubber

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CLASSES = 50
NO_SCREEN = ["--disable-frame-rate-limit", "--disable-gpu-vsync"]
Row = dict[str, Any]
"""`median` and `slow` (95th percentile) in milliseconds, `bytes` of the page or None."""

TIMED = """async ([kind, count, steps]) => {
  const moves = {
    scrubber: (place) => {
      const slider = document.querySelector(".dlcv-slider");
      slider.value = place;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    },
    frames: (place) => Plotly.animate(document.querySelector(".js-plotly-plot"), [String(place)],
      { mode: "immediate", frame: { duration: 0, redraw: false }, transition: { duration: 0 } }),
    widget: (place) => new Promise((moved) => {
      const plot = document.querySelector(".js-plotly-plot .scatterlayer");
      const observer = new MutationObserver(() => (observer.disconnect(), moved()));
      observer.observe(plot, { attributes: true, childList: true, subtree: true });
      const key = place === 0 ? "Home" : "ArrowRight";
      document.querySelector(".noUi-handle").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    }),
  };
  const drawn = () => new Promise((done) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = done;
    port2.postMessage(0); // arrives when the frame is done
  }));
  const times = [], before = Math.max(10, count);
  for (let step = 1; step <= steps + before; step++) {
    await new Promise((rested) => setTimeout(rested, 40));
    const begun = performance.now();
    await moves[kind](step % count);
    await drawn();
    times.push(performance.now() - begun);
  }
  return times.slice(before); // the first steps wait for the compiler, and for what is decoded once
}"""


def series(points: int, epochs: int) -> EmbeddingSeries:
    """Maps whose classes come apart; how good they are plays no part here."""
    random = np.random.default_rng(0)
    labels = np.arange(points) % CLASSES
    centres, own = random.normal(size=(CLASSES, 2)), random.normal(size=(points, 2))
    maps = [epoch / epochs * centres[labels] + 0.6 * own + random.normal(0, 0.02, own.shape) for epoch in range(epochs)]
    shares = np.linspace(0.1, 0.8, epochs)
    columns = ("knn_map", "knn_features", "silhouette", "trustworthiness", "displacement")
    quality = pd.DataFrame({"epoch": range(epochs), **{name: shares for name in columns}})
    coordinates = np.stack(maps).astype(np.float32)
    return EmbeddingSeries("tsne", tuple(range(epochs)), coordinates, labels, np.arange(points), quality)


def plotly_figure(maps: EmbeddingSeries) -> go.Figure:
    """One trace of SVG dots, a frame an epoch: the fastest that plotly has for this."""
    styles = class_styles(CLASSES)
    marker = {"color": [styles[label][0] for label in maps.labels], "size": 5}
    frames = [
        go.Frame(data=[go.Scatter(x=points[:, 0], y=points[:, 1])], name=str(place))
        for place, points in enumerate(maps.coordinates)
    ]
    first = maps.coordinates[0]
    layout = {"xaxis": {"range": [-4, 4]}, "yaxis": {"range": [-4, 4]}, "width": 480, "height": 480}
    return go.Figure(go.Scatter(x=first[:, 0], y=first[:, 1], mode="markers", marker=marker), layout, frames)


def row(times: list[float], size: int | None) -> Row:
    return {"median": statistics.median(times), "slow": float(np.percentile(times, 95)), "bytes": size, "times": times}


def static_rows(browser: Browser, folder: Path, sizes: list[tuple[int, int]], steps: int) -> dict[str, Row]:
    rows = {}
    for points, epochs in sizes:
        scrubber = EmbeddingScrubber(series(points, epochs))
        scrubber.save(folder / "scrubber.html")
        name = f"scrubber, {points} x {epochs}, static"
        rows[name] = on_page(
            browser, folder / "scrubber.html", ("scrubber", epochs, steps), len(scrubber.html.encode())
        )
    points, epochs = sizes[0]
    figure = plotly_figure(series(points, epochs))
    figure.write_html(folder / "frames.html", include_plotlyjs=True, auto_play=False)
    alone = len(figure.to_html(include_plotlyjs=False, full_html=False).encode())  # plotly.js lies beside the page
    rows[f"plotly frames, {points} x {epochs}, static"] = on_page(
        browser, folder / "frames.html", ("frames", epochs, steps), alone
    )
    return rows


def on_page(browser: Browser, file: Path, what: tuple[str, int, int], size: int) -> Row:
    page = browser.new_page(viewport={"width": 800, "height": 900})
    page.set_default_timeout(120_000)  # on a busy machine the half minute of playwright can pass
    page.goto(file.as_uri())
    page.locator(".dlcv-slider, .js-plotly-plot .point").first.wait_for()
    times = page.evaluate(TIMED, list(what))
    page.close()
    return row(times, size)


SCRIPT = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %%
import sys

sys.path[:0] = ["TESTS/benchmarks", "TESTS"]
from bench_scrubbers import EmbeddingScrubber, go, plotly_figure, series

maps = series(POINTS, EPOCHS)
WHAT
"""
SCRUBBER = "EmbeddingScrubber(maps)"
MASKS = """import tempfile
from pathlib import Path

from bench_mask_scrubber import NAMES, MaskScrubber, drawn_record

MaskScrubber(*drawn_record(Path(tempfile.mkdtemp()), 512, EPOCHS), NAMES)"""
WIDGET = """import ipywidgets

figure = go.FigureWidget(plotly_figure(maps).data, plotly_figure(maps).layout)
slider = ipywidgets.IntSlider(max=EPOCHS - 1)


def show(change):
    with figure.batch_update():
        figure.data[0].x, figure.data[0].y = maps.coordinates[change.new].T


slider.observe(show, "value")
ipywidgets.VBox([slider, figure])"""


def lab_rows(browser: Browser, folder: Path, points: int, epochs: int, steps: int) -> dict[str, Row]:
    dots = f"{points} x {epochs}, JupyterLab"
    shown = {
        f"scrubber, {dots}": ("scrubber", SCRUBBER),
        f"FigureWidget, {dots}": ("widget", WIDGET),
        f"scrubber, 3 masks x {epochs}, JupyterLab": ("scrubber", MASKS),
    }
    rows = {}
    for place, (name, (kind, what)) in enumerate(shown.items()):
        with jupyterlab(folder / str(place)) as lab:  # each its own, since JupyterLab opens again what was open
            script = SCRIPT.replace("WHAT", what).replace("TESTS", str(Path(__file__).resolve().parents[1]))
            script = script.replace("POINTS", str(points)).replace("EPOCHS", str(epochs))
            (lab.notebooks / f"98_{kind}.py").write_text(script)
            page = run_all(browser, lab, f"98_{kind}.py", [])
            ready(page, kind)
            rows[name] = row(page.evaluate(TIMED, [kind, epochs, steps]), None)
            page.close()
    return rows


def ready(page: Page, kind: str) -> None:
    page.locator(".dlcv-slider" if kind == "scrubber" else ".js-plotly-plot .point").first.wait_for()
    page.get_by_text("| Idle").wait_for()
    page.wait_for_timeout(2000)


def show(rows: dict[str, Row]) -> None:
    print(("{:<40}" + "{:>12}" * 3).format("", "median ms", "95th ms", "page kB"))
    for name, each in rows.items():
        size = "–" if each["bytes"] is None else f"{each['bytes'] / 1000:,.0f}"
        print("{:<40}{:>12.1f}{:>12.1f}{:>12}".format(name, each["median"], each["slow"], size))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 dots x 4 epochs, a few steps")
    parser.add_argument("--no-lab", action="store_true", help="only pages from disk")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, versions and numbers to FILE")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed: there is no page to time a step in")
    from playwright.sync_api import sync_playwright

    sizes, steps = ([(200, 4), (400, 5)], 6) if arguments.quick else ([(2000, 30), (10000, 50)], 60)
    parts: list[Callable[[Browser, Path], dict[str, Row]]] = [
        lambda browser, folder: static_rows(browser, folder, sizes, steps),
    ]
    if not arguments.no_lab:
        parts.append(lambda browser, folder: lab_rows(browser, folder, *sizes[0], steps))
    rows: dict[str, Row] = {}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as temporary:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *NO_SCREEN])
        for part in parts:  # masks on a page: bench_mask_scrubber.py
            rows |= part(browser, Path(temporary))
        browser.close()
    print(f"medians and 95th percentiles of {steps} steps, headless Chromium without GPU")
    show(rows)
    if arguments.json:
        write_json(arguments.json, {"machine": machine(torch.device("cpu")), "steps": steps, "rows": rows})


if __name__ == "__main__":
    main()
