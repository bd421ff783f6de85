"""Write a notebook beside each chapter; of each pair, the one changed last is written to the other.

    python -m book.notebooks      # what `make notebooks` calls

A notebook that was changed while its chapter was changed too is left alone and named. One that is as it was written
follows its chapter; `make clean` removes it again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import jupytext
from jupytext.cli import jupytext as jupytext_command
from jupytext.config import load_jupytext_config

from book.commands import ROOT
from dlcvlib.files import digests, outputs

NOTEBOOKS = ROOT / "notebooks"


def synchronize(folder: Path = NOTEBOOKS) -> list[Path]:
    """Bring every chapter and the notebook beside it together.

    Returns:
        the notebooks that were left alone, since both sides were changed.

    Raises:
        ValueError: the record of written files is damaged.
        SystemExit: jupytext failed; its message is printed.
    """
    chapters = sorted(folder.glob("[0-9][0-9]_*.py"))
    foreign = set(outputs.foreign_files(folder, "*.ipynb"))
    clashes = [file.with_suffix(".ipynb") for file in chapters if file.with_suffix(".ipynb") in foreign and clash(file)]
    pairs = [(file, file.with_suffix(".ipynb")) for file in chapters if file.with_suffix(".ipynb") not in clashes]
    for chapter, notebook in pairs:
        if notebook.exists() and notebook not in foreign and text(notebook) != chapter.read_text():
            os.utime(
                chapter
            )  # the notebook is as it was written, so it was the chapter that changed, whatever its date
    if pairs and (status := jupytext_command(["--quiet", "--sync", *(str(chapter) for chapter, _ in pairs)])):
        raise SystemExit(status)
    own = [notebook for _, notebook in pairs if notebook not in foreign]
    digests.announce(folder, {notebook.name: digests.file_digest(notebook) for notebook in own})
    return clashes


def clash(chapter: Path) -> bool:
    """Return True if the notebook beside a chapter has another text and is older, so that its text would be lost."""
    notebook = chapter.with_suffix(".ipynb")
    written = text(notebook)
    return written != chapter.read_text() and (written is None or notebook.stat().st_mtime <= chapter.stat().st_mtime)


def text(notebook: Path) -> str | None:
    """Return a notebook as jupytext's script; None if it cannot be read."""
    try:
        content = jupytext.read(notebook)
        return str(jupytext.writes(content, fmt="py:percent", config=load_jupytext_config(str(notebook))))
    except Exception:  # whatever it is, it is no notebook
        return None


def main() -> int:
    """Write the notebooks.

    Returns:
        exit status: 0 if every pair is the same notebook.
    """
    try:
        clashes = synchronize()
    except (OSError, ValueError) as error:
        print(f"notebooks: {error}", file=sys.stderr)
        return 1
    for notebook in clashes:
        chapter = notebook.with_suffix(".py").name
        print(
            f"notebooks: {notebook} was not written by make, or changed since, and {chapter} is another text: "
            f"left alone. Move it away to have it written again, or `touch` it to have its text in {chapter}",
            file=sys.stderr,
        )
    return 1 if clashes else 0


if __name__ == "__main__":
    sys.exit(main())
