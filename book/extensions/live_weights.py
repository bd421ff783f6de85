"""Weights of networks that run in a page: scripts beside the executed chapters, copied to `_static/live/`.

A chapter's run writes them (`book/chapters.py`, `dlcvlib.views.LiveSegmenter`); its page loads one when it is needed.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.util import logging

NAMED = re.compile(r'"_scripts":(\{[^}]*\})')
"""Scripts that a page names, in the values of a view."""
OURS = "[0-9a-f]" * 16 + ".js"
"""Names of such scripts (`dlcvlib.live.weights_script`); no other file is removed."""


def named_in(page: str) -> set[str]:
    """Return the names of the scripts that a page, or a notebook's HTML, may load."""
    return {name for found in NAMED.findall(page) for name in json.loads(found).values()}


def copy_weights(app: Any, error: Exception | None) -> None:
    """Copy the scripts that the chapters' pages name; warn of one that is missing."""
    if error or app.builder.name != "html":
        return
    source, target = Path(app.srcdir) / "chapters" / "live", Path(app.outdir) / "_static" / "live"
    there = {file.stem: file for file in source.glob("*/*.js")}
    wanted: set[str] = set()
    for page in sorted((Path(app.outdir) / "chapters").glob("*.html")):
        names = named_in(page.read_text(encoding="utf-8"))
        if missing := names - there.keys():
            logging.getLogger(__name__).warning(
                f"{page.name} names weights that {source / page.stem} lacks ({', '.join(sorted(missing))}): remove "
                f"{app.srcdir}/chapters/{page.stem}.ipynb, so that the chapter is run again"
            )
        wanted |= names & there.keys()
    for file in target.glob(OURS):
        if file.stem not in wanted:
            file.unlink()
    for name in wanted:
        target.mkdir(parents=True, exist_ok=True)
        if not (target / f"{name}.js").exists():
            shutil.copy(there[name], target)


def setup(app: Any) -> dict[str, bool]:
    app.connect("build-finished", copy_weights)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
