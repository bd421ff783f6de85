"""Edition for a class: one zip archive, searched for solutions before it is written.

The archive is put together from what a student needs for `make lab` and `make book`, by patterns and not from
`git ls-files`, so that a checkout without git gives the same: chapters as the reader's edition, each as script and as
notebook without outputs; the library with fingerprints; the book's sources; descriptions of the data; requirements and
Makefile; a README of its own (`handout.md`). No tests, no `notebooks/answers/`, no data, no records.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import jupytext

from dlcvlib.exercises import answers, editions, leaks
from dlcvlib.exercises.editions import Notebook
from dlcvlib.files.outputs import output_file

README = Path(__file__).with_name("handout.md")
PATTERNS = (
    "Makefile",
    "LICENSE",
    "pyproject.toml",
    "requirements.txt",
    "constraints.txt",
    ".gitignore",
    "data/*.md",
    "notebooks/*.yaml",
    "notebooks/*.toml",
    "notebooks/.lab/overrides.json",
    "dlcvlib/**/*.py",
    "dlcvlib/**/*.js",
    "dlcvlib/**/*.css",
    "dlcvlib/live/kernel.*",
    "dlcvlib/**/*.html",
    "dlcvlib/**/py.typed",
    "dlcvlib/exercises/handout.md",
    "dlcvlib/exercises/fingerprints/*.json",
    "book/*.py",
    "book/*.md",
    "book/*.bib",
    "book/api/*",
    "book/extensions/*.py",
    "book/_static/**/*",
    "book/_templates/**/*",
    "book/results/**/*.json",
)
"""Files of a checkout that are handed out as they are; of what is hidden, only what a pattern names."""
KEPT_BACK = "dlcvlib/exercises/lines/"
"""Lines of solutions to choose from; the cells that show them are tagged `teacher`."""
MOMENT = (1980, 1, 1, 0, 0, 0)
"""Time of every member: the same checkout gives the same archive."""


def write(home: Path, out: Path, answers_folder: Path | None = None) -> list[str]:
    """Write the edition for a class.

    Args:
        home: the teacher's checkout.
        out: the archive; its folder inside has the same name.
        answers_folder: right and wrong answers, whose lines must not be in the archive; `home`/notebooks/answers.

    Returns:
        names of the members.

    Raises:
        EditionError: a chapter cannot be cut safely.
        LeakError: a line of a solution is in the archive; nothing is written.
        ForeignFileError: `out` was not written by dlcv, or changed since.
        ValueError: no chapter has a solution: this checkout is a handout itself.
    """
    notebooks = {file: editions.read(file) for file in editions.chapters(home / "notebooks")}
    cut = {file: editions.readers_edition(notebook, file.stem) for file, notebook in notebooks.items()}
    what = _wanted(home, notebooks, cut, answers_folder or home / "notebooks" / "answers")
    with output_file(out) as file:
        members = dict([*_files(home), *_chapters(cut), ("README.md", README.read_bytes())])
        archive = _archive(out.stem, members)
        leaks.refuse(archive, what)
        file.write(archive)
    return sorted(members)


def _wanted(
    home: Path, notebooks: dict[Path, Notebook], cut: dict[Path, Notebook], answers_folder: Path
) -> leaks.Wanted:
    solutions = [lines for notebook in notebooks.values() for lines in editions.solutions(notebook)]
    if not any(solutions):
        raise ValueError(f"{home / 'notebooks'} holds no solution: this is an edition for readers already")
    written = [answer for file in editions.chapters(answers_folder) for answer in answers.read(file)]
    given = [
        cell.source for notebook in cut.values() for cell in notebook.cells if editions.EXERCISE in editions.tags(cell)
    ]
    library = [content.decode() for name, content in _files(home) if leaks.of_library(name) and name.endswith(".py")]
    return leaks.wanted(solutions, given, library, [answer.source.splitlines() for answer in written])


def _chapters(cut: dict[Path, Notebook]) -> Iterator[tuple[str, bytes]]:
    for file, notebook in cut.items():
        yield f"notebooks/{file.name}", editions.script(notebook, file).encode()
        yield f"notebooks/{file.stem}.ipynb", jupytext.writes(notebook, fmt="ipynb").encode()


def _files(home: Path) -> Iterator[tuple[str, bytes]]:
    for file in _found(home, PATTERNS):
        if not (name := file.relative_to(home).as_posix()).startswith(KEPT_BACK):
            yield name, file.read_bytes()


def _found(home: Path, patterns: Iterable[str]) -> list[Path]:
    named = {file for pattern in patterns for file in home.glob(pattern) if file.is_file()}
    return sorted(file for file in named if "__pycache__" not in file.parts)


def _archive(folder: str, members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(members.items()):
            info = zipfile.ZipInfo(f"{folder}/{name}", MOMENT)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return content.getvalue()
