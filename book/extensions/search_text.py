"""Write the text of each section of the book for its search, which works from disk, without a server.

Sphinx's search fetches the pages that it found to show what is written there, which browsers refuse from disk. Here all
text stands in one script, `_static/search_text.js`, which only the search page loads; book/_static/search.js reads it.
Sources of the library (`_modules`) are left out: each name leads to them from its place in the reference.
"""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
VOID = ("area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
HIDDEN = ("script", "style", "svg", "button", "select", "template", "noscript")
HIDDEN_CLASSES = {"headerlink", "dlcv-fallback", "viewcode-link", "toctree-wrapper"}
BLOCKS = ("p", "li", "td", "th", "dt", "dd", "pre", "div", "figcaption", "br", "tr", *HEADINGS)


class Sections(HTMLParser):
    """The sections of a page, in order: anchor, title and text of each; an entry of the reference is a section too."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self._open: list[tuple[str, dict[str, str] | None]] = []  # element, and the section that it begins
        self._hidden: str | None = None
        self._depth = 0  # of elements of the hidden one's name within it
        self._article = self._in_title = False
        self.feed(html)
        self.found = [part | {"text": " ".join(part["text"].split())} for part in self.found]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        classes = set((attributes.get("class") or "").split())
        if tag == "article" and "bd-article" in classes:
            self._article = True
        if not self._article or tag in VOID:
            return
        if self._hidden:
            self._depth += tag == self._hidden
            return
        if tag in HIDDEN or classes & HIDDEN_CLASSES:
            self._hidden, self._depth = tag, 1
            return
        anchor = attributes.get("id") or ""
        section = None
        if tag == "section":
            section = self._begin(anchor, "")
        elif tag == "dt" and "sig" in classes and anchor:
            self._end_entry()
            self._open.append(("entry", self._begin(anchor, anchor)))
        elif tag in HEADINGS:
            self._in_title = True
        self._write(" " if tag in BLOCKS else "")
        self._open.append((tag, section))

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            self._depth -= tag == self._hidden
            if self._depth == 0:
                self._hidden = None
            return
        if not self._article or tag in VOID:
            return
        self._in_title = self._in_title and tag not in HEADINGS
        if tag == "dl":
            self._end_entry()
        while self._open and (self._open[-1][0] == tag or tag in [name for name, _ in self._open]):
            if self._open.pop()[0] == tag:
                break
        self._article = tag != "article"

    def handle_data(self, data: str) -> None:
        if not self._article or self._hidden:
            return
        section = self._section()
        if self._in_title and section is not None and section["title"] != section["anchor"]:
            section["title"] += data
        else:
            self._write(data)

    def _begin(self, anchor: str, title: str) -> dict[str, str]:
        self.found.append({"anchor": anchor, "title": title, "text": ""})
        return self.found[-1]

    def _end_entry(self) -> None:
        """End the entry of the reference that is open, if it is the innermost section."""
        for index in reversed(range(len(self._open))):
            name, section = self._open[index]
            if name == "entry":
                del self._open[index]
                return
            if section is not None:
                return

    def _section(self) -> dict[str, str] | None:
        return next((section for _, section in reversed(self._open) if section is not None), None)

    def _write(self, text: str) -> None:
        section = self._section()
        if section is not None:
            section["text"] += text


def page_sections(file: Path) -> list[list[str]]:
    """Return a page's sections, each as title of the page, title of the section, anchor and text."""
    found = Sections(file.read_text(encoding="utf-8")).found
    page = " ".join(found[0]["title"].split()) if found else ""
    return [
        [page, " ".join(part["title"].split()), part["anchor"], part["text"]]
        for part in found
        if part["title"] or part["text"]
    ]


def write_text(app: Any, error: Exception | None) -> None:
    """Write the script with the text of all pages."""
    if error or app.builder.name != "html":
        return
    pages = {
        f"{docname}.html": page_sections(Path(app.outdir) / f"{docname}.html") for docname in sorted(app.env.found_docs)
    }
    text = json.dumps(pages, ensure_ascii=False, separators=(",", ":"))
    (Path(app.outdir) / "_static" / "search_text.js").write_text(f"const BOOK_TEXT = {text};\n", encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    app.connect("build-finished", write_text, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
