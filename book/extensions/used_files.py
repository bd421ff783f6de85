"""Leave out of the book what the themes bring and no page asks for: a third of its scripts and styles.

Source maps, the themes' translations, and Font Awesome (icons of a megabyte as scripts, styles and fonts): the dozen
icons that the pages show are drawn in book/_static/icons.css.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

OWN = Path(__file__).parent.parent / "_static"
UNUSED = (
    "**/*.map",
    "locales",
    "vendor",
    "images",
    "scripts/fontawesome.js*",
    "searchtools.js",
    "language_data.js",
    "*-stemmer.js",
    "*webpack-macros.html",
    "book.png",
    "file.png",
    "minus.png",
    "plus.png",
)
"""Patterns of files and folders below `_static`."""
ICON_RULES = re.compile(r"@font-face\{[^{}]*Font Awesome[^{}]*\}|\.fa-[\w-]+\{--fa:[^{}]*\}")


GENERATED = ("language_data.js", "*-stemmer.js")
"""Patterns of files that Sphinx writes for its own search."""


def remove_unused(app: Any, error: Exception | None) -> None:
    """Remove the unused files from the finished pages: those that the themes, Sphinx or book/_static brought."""
    static = Path(app.outdir) / "_static"
    if error or app.builder.name != "html":
        return
    brought = _files_below([*(Path(folder) / "static" for folder in app.builder.theme.get_theme_dirs()), OWN])
    for pattern in UNUSED:
        for found in sorted(static.glob(pattern), reverse=True):
            files = [found, *found.rglob("*")] if found.is_dir() else [found]
            for file in files:
                if file.is_file() and (file.relative_to(static) in brought or pattern in GENERATED):
                    file.unlink()
    for folder in sorted((each for each in static.rglob("*") if each.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    styles = static / "styles" / "pydata-sphinx-theme.css"
    styles.write_text(ICON_RULES.sub("", styles.read_text(encoding="utf-8")), encoding="utf-8")


def _files_below(folders: Iterable[Path]) -> set[Path]:
    """Return the paths of all files, relative to their folder; templates by the name that they are written with."""
    paths = (file.relative_to(folder) for folder in folders for file in folder.rglob("*") if file.is_file())
    return {path.with_suffix("") if path.suffix in (".jinja", ".jinja2") else path for path in paths}


def setup(app: Any) -> dict[str, bool]:
    app.connect("build-finished", remove_unused, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
