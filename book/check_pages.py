"""Check the built book: every chapter ran its code, shows its figures and has no error.

    python book/check_pages.py BOOK_FOLDER HTML_FOLDER

A build can succeed with a page that ran nothing or lost its figures; here that is exit status 1.
"""

from __future__ import annotations

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any


class Counts(HTMLParser):
    """Number of figures and other images in a piece of HTML, and whether it has a traceback."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.figures = self.images = 0
        self.has_traceback = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        classes = (attributes.get("class") or "").split()
        self.figures += "dlcv-figure" in classes
        self.images += tag == "img"
        self.has_traceback = self.has_traceback or "traceback" in classes


def faults(notebook: dict[str, Any], page: str) -> list[str]:
    """Return the faults of a chapter, given its executed notebook, as JSON, and its page."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    outputs = [output for cell in code for output in cell["outputs"]]
    htmls = ["".join(output["data"]["text/html"]) for output in outputs if "text/html" in output.get("data", {})]
    pngs = [output for output in outputs if "image/png" in output.get("data", {}) and "text/html" not in output["data"]]
    wanted, shown = Counts("\n".join(htmls)), Counts(page)
    wanted_images = wanted.images + len(pngs)

    found = []
    if not code or any(cell["execution_count"] is None for cell in code):
        found.append("code was not run")
    if (notebook["metadata"].get("papermill", {}).get("duration") or 0.0) <= 0.0:
        found.append("it took no time to run")
    if shown.has_traceback or any(output["output_type"] == "error" for output in outputs):
        found.append("it holds an error")
    if wanted.figures + wanted_images == 0:
        found.append("it has no figure")
    if shown.figures < wanted.figures or shown.images < wanted_images:
        found.append(
            f"the page shows {shown.figures} figures and {shown.images} images, "
            f"the notebook {wanted.figures} and {wanted_images}"
        )
    return found


def main(book: Path, html: Path) -> int:
    """Check every chapter.

    Returns:
        exit status: 0 if all is well.
    """
    notebooks = sorted((book / "chapters").glob("*.ipynb"))
    complaints = [] if notebooks else [f"{book / 'chapters'}: there is no chapter"]
    for file in notebooks:
        page = html / "chapters" / f"{file.stem}.html"
        if not page.is_file():
            complaints.append(f"{file.stem}: {page} is missing")
            continue
        complaints += [f"{file.stem}: {fault}" for fault in faults(json.loads(file.read_text()), page.read_text())]
    for complaint in complaints:
        print(f"book: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
