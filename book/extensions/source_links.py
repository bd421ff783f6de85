"""Link the path below code that a chapter shows (dlcvlib/views/source.py) to the page of its file, at its place there.

The page of a file is written by sphinx.ext.viewcode, for modules of the reference. Without one the path stays text.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

SHOWN = re.compile(
    r'(<div class="dlcv-source" data-module="([\w.]+)" data-name="([\w.]+)">(?:(?!<figcaption>).)*<figcaption>)'
    r"(dlcvlib/[\w/]+\.py)(?=, line)",
    re.DOTALL,
)


def with_links(html: str, page: Path, pages: Path) -> str:
    """Return the HTML of `page`, a file below the folder `pages`, with its paths as links."""

    def linked(found: re.Match[str]) -> str:
        before, module, name, path = found.groups()
        target = pages / "_modules" / Path(*module.split(".")).with_suffix(".html")
        if not target.is_file():
            return found[0]
        place = f"#{name}" if f'id="{name}"' in target.read_text(encoding="utf-8") else ""
        address = Path(os.path.relpath(target, page.parent)).as_posix() + place
        return f'{before}<a class="reference internal" href="{address}">{path}</a>'

    return SHOWN.sub(linked, html)


def link_sources(app: Any, error: Exception | None) -> None:
    """Write the links into the finished pages: only then it is known which files have one."""
    if error or app.builder.name != "html":
        return
    for docname in sorted(app.env.found_docs):
        page = Path(app.outdir) / f"{docname}.html"
        html = page.read_text(encoding="utf-8")
        if (changed := with_links(html, page, Path(app.outdir))) != html:
            page.write_text(changed, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    app.connect("build-finished", link_sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
