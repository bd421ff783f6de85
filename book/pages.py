"""Make the pages with Sphinx: early ones while chapters are still running, and the checked book at the end.

Sphinx works in `book/_build/.sphinx`, where it keeps what it has read; after a build that failed or was killed it
begins anew. Readers open `book/_build/html`, which is replaced whole: by early pages only while no finished book stands
there, by the finished book once every page is checked.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from book import check_pages
from book.commands import ROOT
from dlcvlib.files import digests, generated, outputs
from dlcvlib.files.atomic import locked_folder

BOOK = ROOT / "book"
PAGES = BOOK / "_build" / "html"
WORK = BOOK / "_build" / ".sphinx"
CHAPTERS = BOOK / "chapters"
EARLY = ".early"
"""Marker among early pages."""
WHOLE = "whole"
"""File in Sphinx's folder: its last run, with these settings, ended well."""


def finished() -> bool:
    """Return True if a finished book stands."""
    return (PAGES / "index.html").is_file() and not (PAGES / EARLY).exists()


def source_digest() -> str:
    """Return a digest of everything that the pages show."""
    left_out = {"_build", "chapters", "__pycache__"}
    book = [file for file in BOOK.rglob("*") if not left_out & set(file.relative_to(BOOK).parts)]
    library = [file for file in (ROOT / "dlcvlib").rglob("*") if "__pycache__" not in file.parts]
    files = [*book, *library, *CHAPTERS.glob("*.ipynb")]
    return _digest(*(file for file in files if file.is_file() and not file.name.startswith(".")))


def _digest(*files: Path) -> str:
    named = sorted(f"{file.relative_to(ROOT)} {digests.file_digest(file)}" for file in files)
    return digests.digest("\n".join(named).encode())


def _settings_digest() -> str:
    """Return a digest of what every page depends on: how they are made, and which there are."""
    code = _digest(BOOK / "conf.py", *sorted((BOOK / "extensions").glob("*.py")))
    pages = {
        file.relative_to(BOOK).with_suffix("") for file in BOOK.rglob("*") if file.suffix in (".md", ".rst", ".ipynb")
    }
    return digests.digest(json.dumps([code, *sorted(map(str, pages))]).encode())


def complete() -> bool:
    """Return True if every page that was written is still there."""
    try:
        return finished() and all((PAGES / name).is_file() for name in digests.read(PAGES))
    except ValueError:
        return False


def write(waiting: Mapping[str, str], *, early: bool) -> None:
    """Make the pages and replace the old ones.

    Args:
        waiting: chapters that have not been run, each with a sentence that says what it waits for.
        early: some chapters are still running: nothing is checked.

    Raises:
        SystemExit: Sphinx warned, or a page is wrong; its message is printed.
    """
    _write_placeholders(waiting)
    html = WORK / "html"
    settings = _settings_digest()
    whole = (WORK / WHOLE).read_text() if (WORK / WHOLE).is_file() else ""
    (WORK / WHOLE).unlink(missing_ok=True)
    if whole != settings:
        shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    # At the end every page is written again, and with it all references are checked.
    _sphinx(html, [] if early else ["-a", "-W", "--keep-going"])
    if not early and (status := check_pages.main(BOOK, html)):
        raise SystemExit(status)
    with outputs.output_folder(PAGES) as new:
        shutil.copytree(html, new, dirs_exist_ok=True)
        if early:
            (new / EARLY).touch()
    (WORK / WHOLE).write_text(settings)


def _sphinx(html: Path, options: Sequence[str]) -> None:
    from sphinx.cmd.build import main

    os.chdir(ROOT)
    sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123 - nothing to answer
    if status := main(["-q", "--color", *options, "-d", str(WORK / "doctrees"), str(BOOK), str(html)]):
        raise SystemExit(status)


def _write_placeholders(waiting: Mapping[str, str]) -> None:
    """Write a page for each chapter that waits, and remove those of the others."""
    CHAPTERS.mkdir(parents=True, exist_ok=True)
    for chapter, reason in waiting.items():
        with outputs.output_file(CHAPTERS / f"{chapter}.md") as file:
            file.write(placeholder(ROOT / "notebooks" / f"{chapter}.py", reason).encode())
    known = digests.read(CHAPTERS)
    for file in CHAPTERS.glob("[0-9][0-9]_*.md"):
        if file.stem not in waiting and file.name in known:
            with locked_folder(CHAPTERS):  # chapters note their notebooks there meanwhile
                generated.remove(CHAPTERS, file.name)


def placeholder(chapter: Path, reason: str) -> str:
    """Return the text of a page for a chapter that has not been run."""
    lines = chapter.read_text(encoding="utf-8").splitlines()
    title = next((line.removeprefix("# # ") for line in lines if line.startswith("# # ")), chapter.stem)
    now = datetime.now().astimezone()
    return (
        f"# {title}\n\n```{{note}}\n**This chapter has not been run yet** (state of {now:%Y-%m-%d %H:%M}). {reason} "
        "Its page appears here when it is done: load this page again.\n```\n"
    )
