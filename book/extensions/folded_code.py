"""Folded code: what teaches nothing (plumbing, parameters) and what is to be found first (solutions), with a label.

The label is all that a closed fold shows, and the name by which it is heard and found in a list of buttons.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput

LABELS = {
    "exercise": "the solution",
    "injected-parameters": "the parameters of this run",
    "parameters": "the parameters",
    "hide-input": "how this figure is made",
}
"""Label of a fold, by the first of these tags that its cell has."""
WITHOUT_FIGURE = "the code"
"""Label of a folded cell that makes a text, a table or a question."""
FIGURE = re.compile(r"<(svg|img|canvas|figure)\b|plotly")


def fold(app: Any, doctree: nodes.document) -> None:
    """Fold the code of each cell with such a tag."""
    for cell in doctree.findall(nodes.container):
        tags = cell.get("cell_metadata", {}).get("tags", [])
        tag = next((tag for tag in LABELS if tag in tags), None)
        if tag is not None:
            held = WITHOUT_FIGURE if tag == "hide-input" and not has_figure(cell) else LABELS[tag]
            cell["hide_mode"] = "input"
            cell["prompt_show"], cell["prompt_hide"] = f"Show {held}", f"Hide {held}"


def has_figure(cell: nodes.container) -> bool:
    """Return True if a cell has put out a picture or a plot."""
    made = cell.findall(lambda node: isinstance(node, nodes.image | nodes.raw))
    return any(isinstance(node, nodes.image) or FIGURE.search(node.astext()) for node in made)


def open_fold(translator: Any, node: HideCodeCellNode) -> None:
    """Write the head of a fold; myst-nb's own names each of them "Toggle hidden content"."""
    show, hide = (escape(node[name]) for name in ("prompt_show", "prompt_hide"))
    labels = f'<span class="dlcv-closed">{show}</span><span class="dlcv-open">{hide}</span>'
    translator.body.append(f'<details class="dlcv-code"><summary>{labels}</summary>\n')


def setup(app: Any) -> dict[str, bool]:
    app.connect("doctree-read", fold)
    app.add_node(HideCodeCellNode, override=True, html=(open_fold, depart_HideCellInput))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
