"""Answers of chapters that train nothing: the figures of the executed notebook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dlcvlib import paths
from dlcvlib.report.blocks import Block
from dlcvlib.views import Picture
from dlcvlib.views.display import PLOTLY_MIME

FIGURE = '<figure class="dlcv-figure"'


def command(chapter: str) -> str:
    """Return the command that runs a chapter."""
    return f"jupytext --to ipynb --execute notebooks/{chapter}.py"


def executed(chapter: str) -> Path | None:
    """Return the notebook that `make book`, or else `command`, executed; None if neither did."""
    beside = (paths.home() / folder / f"{chapter}.ipynb" for folder in ("book/chapters", "notebooks"))
    return next((file for file in beside if file.is_file() and _figures(file)), None)


def blocks(chapter: str) -> list[Block]:
    """Return the figures of a chapter, or the command that runs it."""
    file = executed(chapter)
    if file is None:
        return [f"The chapter `{chapter}` has not been run: missing. `{command(chapter)}` runs it."]
    shown: list[Block] = [f"From the chapter `{chapter}`, which shows how. `{command(chapter)}` runs it again."]
    return shown + list(_figures(file))


def _figures(file: Path) -> list[Picture]:
    """Return the figures of this book among the outputs of a notebook.

    Raises:
        ValueError: the file is no notebook.
    """
    try:
        cells: list[dict[str, Any]] = json.loads(file.read_text())["cells"]
        outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is no notebook: {error!r}") from error
    found = []
    for output in outputs:
        html = "".join(output.get("text/html", ""))
        if html.startswith(FIGURE) and "<figcaption>" in html:
            caption = "".join(output.get("text/plain", ""))
            body = html[html.index(">") + 1 : html.rindex("<figcaption>")].strip()
            live = {PLOTLY_MIME: output[PLOTLY_MIME]} if PLOTLY_MIME in output else {}
            found.append(Picture(body, caption, caption, live))
    return found
