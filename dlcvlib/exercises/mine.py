"""Reader's edition on disk: `notebooks/mine/`, written from the chapters and renewed without losing what was written.

The editions as they were last written are kept in `mine/.last/`; they tell what the reader changed. A chapter that the
reader removed is written anew. JupyterLab keeps a notebook with the outputs beside each script.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext

from dlcvlib.exercises.editions import Notebook, chapters, read, readers_edition, script
from dlcvlib.exercises.merge import merge
from dlcvlib.files.atomic import locked_folder, write_text
from dlcvlib.files.outputs import ForeignFileError, output_file

LAST = ".last"
"""Folder of the editions as last written."""
BESIDE = ("bands.yaml",)
"""Files that chapters read from their own folder."""


@dataclass(frozen=True)
class Renewed:
    """Outcome of renewing the reader's edition of a chapter."""

    file: Path
    outcome: str
    """"written", "renewed" (the reader had not changed it), "merged", "unchanged", or "left alone"."""
    reason: str = ""


def renew(notebooks: Path, mine: Path) -> list[Renewed]:
    """Bring the reader's edition up to date; all chapters are assembled before a file is written.

    Args:
        notebooks: folder of the chapters.
        mine: folder of the reader's edition; made if needed.

    Raises:
        EditionError: a chapter cannot be cut safely; nothing is written.
    """
    editions = [(file.name, readers_edition(read(file), file.stem)) for file in chapters(notebooks)]
    (mine / LAST).mkdir(parents=True, exist_ok=True)
    with locked_folder(mine / LAST):
        return [*_copied(notebooks, mine), *(_renew(mine / name, edition) for name, edition in editions)]


def _renew(file: Path, edition: Notebook) -> Renewed:
    kept = file.parent / LAST / file.name
    last = kept.read_text(encoding="utf-8") if kept.is_file() else None
    text = script(edition, file)
    if not file.exists():
        outcome, content = "written", text
    elif last is None:
        if file.read_text(encoding="utf-8") != text:
            return Renewed(file, "left alone", "not written by dlcv: move it away to have the chapter written here")
        outcome, content = "unchanged", text
    elif last == text:
        return Renewed(file, "unchanged")
    elif file.read_text(encoding="utf-8") == last and newest(file) == file:
        outcome, content = "renewed", text
    else:
        outcome, content = "merged", script(merge(_parse(last), _of_reader(file), edition), file)
    write_text(file, content)
    write_text(kept, text)  # last: after an interruption the same is merged once more, which changes nothing
    return Renewed(file, outcome)


def _of_reader(file: Path) -> Notebook:
    return read(file) if newest(file) == file else jupytext.read(newest(file))


def newest(file: Path) -> Path:
    """Return the script or the notebook beside it: the one that the reader changed last."""
    beside = file.with_suffix(".ipynb")
    if not beside.is_file() or beside.stat().st_mtime <= file.stat().st_mtime:
        return file
    return file if script(jupytext.read(beside), file) == file.read_text(encoding="utf-8") else beside


def _parse(text: str) -> Notebook:
    return jupytext.reads(text, fmt="py:percent")


def _copied(notebooks: Path, mine: Path) -> Iterator[Renewed]:
    """Copy what chapters read from their own folder; yield the copies that the reader changed."""
    for name in BESIDE:
        source, target = notebooks / name, mine / name
        if not source.is_file() or (target.is_file() and target.read_bytes() == source.read_bytes()):
            continue
        try:
            with output_file(target) as copied:
                copied.write(source.read_bytes())
        except ForeignFileError as error:
            yield Renewed(target, "left alone", str(error))
