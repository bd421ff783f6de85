"""A chapter's head tells how long the chapter took on the machine that built the page (see `book.minutes`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes

from book import minutes
from book.notes import Notes


def replace(doctree: nodes.Node, words: str) -> bool:
    """Put `words` after "It takes"; return False if no paragraph says `minutes.UNMEASURED` there."""
    for strong in doctree.findall(nodes.strong):
        text = strong.next_node(nodes.Text, descend=False, siblings=True)
        if strong.astext() != "It takes" or text is None:
            continue
        said = " ".join(text.astext().split())
        if said.startswith(minutes.UNMEASURED):
            rest = said.removeprefix(minutes.UNMEASURED)
            space = " " if text.astext().endswith((" ", "\n")) else ""
            text.parent.replace(text, nodes.Text(f" {words}{rest}{space}"))
            return True
    return False


def tell(app: Any, doctree: nodes.document, docname: str) -> None:
    """Tell the time of a chapter; of other pages nothing."""
    file = Path(app.srcdir) / f"{docname}.ipynb"
    if not docname.startswith("chapters/") or not file.is_file():
        return
    ran = json.loads(file.read_text(encoding="utf-8"))["metadata"].get("papermill", {}).get("parameters", {})
    profile, seed = ran.get("profile", "quick"), ran.get("seed", 0)
    seconds = Notes.read(file.parent).seconds.get(profile, {})
    replace(doctree, minutes.measured(file.stem, profile, seed, seconds))


def setup(app: Any) -> dict[str, bool]:
    app.connect("doctree-resolved", tell)  # when pages are written, for times change without the chapter
    return {"parallel_read_safe": True, "parallel_write_safe": True}
