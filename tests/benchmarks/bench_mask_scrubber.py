"""A step of the slider over predicted masks, from the input to its frame, and the size of the page.

Run as `python tests/benchmarks/bench_mask_scrubber.py`, or with `--quick` for a small case; `--json FILE` keeps the
numbers. Three masks of 512 x 512 pixels at 30 epochs are drawn, regions that come nearer to the truth, and shown in
headless Chromium by

- MaskScrubber, with its panes, figures and curves, as it is and with its errors hatched or outlined;
- three `<img>` whose source is swapped, each a palette PNG;
- plotly's frames of `go.Image(source=…)`, the same PNG, and of `go.Image(z=…)`, plain pixels. The latter are only of
  the first epochs: their page is said as large as it would be with all.

A step takes as long as its script, what it waits for, and the style, layout and paint of the frame that shows it; what
is left until the screen's next frame is not counted. Every row is stepped through all its epochs once before it is
timed, so that what is decoded once is decoded. The least twentieth says what a machine with nothing else to do takes.
"""

import argparse
import base64
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dlcvlib import runs
from dlcvlib.bench.measuring import machine
from dlcvlib.data import palette
from dlcvlib.files.atomic import write_json
from dlcvlib.runs import Run
from dlcvlib.views.scrubbers import MaskScrubber

NAMES = ("0013", "0062", "0104")
EPOCHS_OF_PIXELS = 2
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

# A message sent from within a frame arrives once that frame is painted. A step that returns a promise is ready in a
# later frame, whose own length is added.
TIMED = """async ([rounds, epochs]) => {
  const frame = () => new Promise(requestAnimationFrame);
  const painted = () => new Promise(done => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => done(performance.now());
    channel.port2.postMessage(null);
  });
  const times = [];
  for (let round = 0; round <= rounds; round++) {
    for (let place = 0; place < epochs; place++) {
      await frame();
      const start = performance.now();
      const waiting = step(place);
      let time = 0;
      if (waiting) {
        await waiting;
        time = performance.now() - start;
        await frame();
        const second = performance.now();
        time += await painted() - second;
      } else time = await painted() - start;
      if (round) times.push(time);
    }
  }
  return times;
}"""
SLIDE = """const step = place => {
  const slider = document.querySelector(".dlcv-slider");
  slider.value = place;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
};"""


def smooth(size: int, cell: int, generator: torch.Generator) -> torch.Tensor:
    coarse = torch.randn(1, 7, size // cell, size // cell, generator=generator)
    return functional.interpolate(coarse, size=(size, size), mode="bicubic")[0]


def drawn_record(folder: Path, size: int, epochs: int) -> tuple[Run, torch.Tensor, torch.Tensor]:
    """A record whose borders are ragged at first, with images and true masks."""
    generator = torch.Generator().manual_seed(0)
    run = Run(folder / "drawn" / "masks" / "seed0")
    scores = [smooth(size, size // 6, generator) + 0.3 * smooth(size, size // 32, generator) for _ in NAMES]
    doubts = [smooth(size, size // 10, generator) + 0.5 * smooth(size, size // 48, generator) for _ in NAMES]
    for epoch in range(epochs):
        doubt = 0.2 + 1.5 * 0.88**epoch
        predicted = [(score + doubt * other).argmax(0).byte() for score, other in zip(scores, doubts, strict=True)]
        runs.write_masks(run, epoch, {name: ids.numpy() for name, ids in zip(NAMES, predicted, strict=True)})
    rows = [{"epoch": epoch, "mean_iou": epoch / epochs} for epoch in range(epochs)]
    runs.write_history(run, rows)
    runs.write_info(run, {"recipe": {"name": "drawn", "title": "Drawn"}})
    masks = torch.stack([score.argmax(0).byte() for score in scores])
    colours = torch.tensor(
        [[120, 118, 116], [168, 150, 96], [130, 140, 80], [52, 82, 44], [40, 60, 90], [190, 170, 140], [10, 10, 10]]
    )
    grain = torch.stack([12 * smooth(size, max(1, size // 128), generator)[:3] for _ in NAMES])
    images = (colours[masks.long()].movedim(-1, 1) + grain).clamp(0, 255).byte()
    return run, images, masks


def address(file: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"


def swapped_images(run: Run) -> str:
    sources = json.dumps([[address(file) for file in run.mask_files(epoch).values()] for epoch in run.snapshot_epochs])
    return f"""<!DOCTYPE html><title>img</title>{"<img width=245 alt=''>" * len(NAMES)}<script>
    const sources = {sources}, images = [...document.images];
    const step = place => Promise.all(images.map((image, row) => {{
      image.src = sources[place][row];
      return image.decode();
    }}));</script>"""


def plotly_frames(run: Run, epochs: list[int], trace: Callable[[Path], go.Image]) -> str:
    """A page of frames, and plotly's own library in it, as it is shared by no other figure."""
    pictures = [[trace(file) for file in run.mask_files(epoch).values()] for epoch in epochs]
    figure = make_subplots(1, len(NAMES), figure=go.Figure(frames=[go.Frame(data=row) for row in pictures]))
    for column, picture in enumerate(pictures[-1], start=1):
        figure.add_trace(picture, 1, column)
    content = figure.to_json()
    return f"""<!DOCTYPE html><title>plotly</title><div id=figure style="width: 760px; height: 300px"></div>
    <script>{get_plotlyjs()}</script><script>
    const content = {content}, figure = document.getElementById("figure"), frames = content.frames;
    const ready = Plotly.newPlot(figure, content.data, content.layout);
    const at_once = {{ mode: "immediate", transition: {{ duration: 0 }}, frame: {{ duration: 0, redraw: true }} }};
    const step = async place => {{
      await ready;
      await Plotly.animate(figure, [{{ data: frames[place].data, traces: [0, 1, 2] }}], at_once);
    }};</script>"""


def pages(run: Run, images: torch.Tensor, masks: torch.Tensor) -> dict[str, tuple[str, str, int, float]]:
    """For each row its page, the script that defines `step`, its epochs, and what its size is multiplied by."""
    epochs = run.snapshot_epochs
    few = epochs[:EPOCHS_OF_PIXELS]
    scrubber = MaskScrubber(run, images, masks, NAMES)
    plain = scrubber.html
    scrubber.errors = True
    errors = scrubber.html
    scrubber.errors, scrubber.outline = False, True
    coloured = lambda file: go.Image(z=palette.COLOURS[palette.read_png(file)])  # noqa: E731
    sourced = lambda file: go.Image(source=address(file))  # noqa: E731
    return {
        "MaskScrubber": (plain, SLIDE, len(epochs), 1),
        "MaskScrubber, errors": (errors, SLIDE, len(epochs), 1),
        "MaskScrubber, outlines": (scrubber.html, SLIDE, len(epochs), 1),
        "swapped <img>": (swapped_images(run), "", len(epochs), 1),
        "plotly, source": (plotly_frames(run, epochs, sourced), "", len(epochs), 1),
        "plotly, pixels": (plotly_frames(run, few, coloured), "", len(few), len(epochs) / len(few)),
    }


def step_times(browser: Any, file: Path, script: str, epochs: int, rounds: int) -> list[float]:
    page = browser.new_page(viewport={"width": 1000, "height": 1400})
    page.set_default_timeout(120_000)  # on a busy machine the half minute of playwright can pass
    page.goto(file.as_uri())
    page.wait_for_timeout(1000)
    times = page.evaluate(f"async settings => {{ {script} return ({TIMED})(settings); }}", [rounds, epochs])
    page.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="64 x 64 pixels at 3 epochs")
    parser.add_argument("--rounds", type=int, default=5, help="times that all epochs are stepped through")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, versions and numbers to FILE")
    arguments = parser.parse_args()
    size, epochs = (64, 3) if arguments.quick else (512, 30)
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium is not installed: there is nothing to measure in")
        return
    from playwright.sync_api import sync_playwright

    print(f"3 masks of {size} x {size} at {epochs} epochs, {arguments.rounds} rounds, {os.cpu_count()} processors")
    print(("{:<24}" + "{:>12}" * 4).format("", "5 % ms", "median ms", "95 % ms", "page MB"))
    table = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name, (html, script, count, factor) in pages(*drawn_record(Path(folder), size, epochs)).items():
            file = Path(folder) / "page.html"
            file.write_text(html)
            times = step_times(browser, file, script, count, arguments.rounds)
            row = {
                "p5_ms": float(np.quantile(times, 0.05)),
                "median_ms": statistics.median(times),
                "p95_ms": float(np.quantile(times, 0.95)),
                "page_megabytes": factor * len(html.encode()) / 1e6,
            }
            table[name] = row
            print("{:<24}{:>12.1f}{:>12.1f}{:>12.1f}{:>12.2f}".format(name, *row.values()), flush=True)
        browser.close()
    if arguments.json:
        settings = {"size": size, "epochs": epochs, "rounds": arguments.rounds}
        write_json(arguments.json, {"machine": machine(torch.device("cpu")), "settings": settings, "rows": table})


if __name__ == "__main__":
    main()
