"""Cells of code in a submission. Nothing is executed or unpacked: a zip is read in memory, within limits."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import IO, Any

KINDS = (".py", ".ipynb")
LARGEST = {".py": 2_000_000, ".ipynb": 30_000_000}
"""Bytes of a file; a notebook holds pictures."""
LARGEST_ZIP = 60_000_000
TOGETHER = 90_000_000
"""Bytes of all files of a submission, unpacked."""
FILES = 300
LEFT_OUT = ("__MACOSX", "__pycache__")
CELL = re.compile(r"^# ?%%", re.MULTILINE)
MAGIC = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)


@dataclass
class Sources:
    """Cells of a submission's files, and what could not be read."""

    files: dict[str, list[str]] = field(default_factory=dict)
    """Source of each cell, by the file's name."""
    problems: list[str] = field(default_factory=list)


def read(path: Path) -> Sources:
    """Read a script, a notebook, a folder or a zip; whatever is wrong in it is a problem, never an error."""
    found = Sources()
    opened: Iterator[tuple[str, Path | IO[bytes]]]
    if path.is_dir():
        opened = _in_folder(path, found)
    elif path.suffix.lower() == ".zip":
        opened = _in_zip(path, found)
    else:
        opened = iter([(path.name, path)])
    together = 0
    for count, (name, where) in enumerate(opened):
        if count == FILES:
            found.problems.append(f"it holds more than {FILES} files; the others are not read")
            break
        try:
            content = _content(where, LARGEST[Path(name).suffix.lower()])
            together += len(content)
            if together > TOGETHER:
                raise ValueError(f"all files together are larger than {TOGETHER:,} bytes")
            found.files[name] = cells(name, content)
        except (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
            found.problems.append(f"{name}: {_told(error)}")
            if together > TOGETHER:
                break
    if not found.files and not found.problems:
        found.problems.append("it holds no script and no notebook")
    return found


def cells(name: str, content: bytes) -> list[str]:
    """Source of each cell of a file, given by its name and bytes.

    Raises:
        ValueError: it is not text in its own encoding, or no notebook.
    """
    if name.lower().endswith(".ipynb"):
        return _of_notebook(content)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError("it is no text in UTF-8; save it as UTF-8") from error
    try:
        compile(text, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        starts = [0, *(match.start() for match in CELL.finditer(text)), len(text)]
        return [_plain(text[first:last]) for first, last in pairwise(starts)]
    return [text]


def _of_notebook(content: bytes) -> list[str]:
    try:
        listed = json.loads(content.decode("utf-8-sig"))["cells"]
        found = [_joined(cell["source"]) for cell in listed if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("it is no notebook: its JSON is broken") from error
    return [_plain(source) for source in found]


def _joined(source: Any) -> str:
    if isinstance(source, str):
        return source
    return "".join(str(line) for line in source)


def _plain(source: str) -> str:
    """A cell without IPython's own syntax; of a cell in another language nothing."""
    if source.lstrip().startswith("%%") and not source.lstrip().startswith(("%%time", "%%capture")):
        return ""
    return MAGIC.sub(r"\1pass", source) if MAGIC.search(source) else source


def _in_folder(folder: Path, found: Sources) -> Iterator[tuple[str, Path]]:
    for root, folders, names in os.walk(folder):  # follows no link
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
        for name in sorted(names):
            file = Path(root) / name
            if name.startswith(".") or file.suffix.lower() not in KINDS:
                continue
            yield str(file.relative_to(folder)), file


def _in_zip(path: Path, found: Sources) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        if path.stat().st_size > LARGEST_ZIP:
            raise ValueError(f"it is larger than {LARGEST_ZIP:,} bytes")
        archive = zipfile.ZipFile(path)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        found.problems.append(f"the zip cannot be read: {_told(error)}")
        return
    with archive:
        for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
            inside = PurePosixPath(entry.filename.replace("\\", "/"))
            hidden = any((part.startswith(".") and part != "..") or part in LEFT_OUT for part in inside.parts)
            if entry.is_dir() or hidden or inside.suffix.lower() not in KINDS:
                continue
            if inside.is_absolute() or ".." in inside.parts or ":" in entry.filename:
                found.problems.append(f"{entry.filename}: a path that leads out of the zip is not read")
            elif stat.S_ISLNK(entry.external_attr >> 16):
                found.problems.append(f"{entry.filename}: a link is not followed")
            elif entry.flag_bits & 1:
                found.problems.append(f"{entry.filename}: it is encrypted")
            else:
                try:
                    opened = archive.open(entry)
                except (OSError, RuntimeError, zipfile.BadZipFile) as error:  # RuntimeError: an unknown compression
                    found.problems.append(f"{entry.filename}: {_told(error)}")
                    continue
                with opened:
                    yield entry.filename, opened


def _content(where: Path | IO[bytes], largest: int) -> bytes:
    if isinstance(where, Path):
        mode = where.lstat().st_mode
        if not stat.S_ISREG(mode):
            raise ValueError("a link is not followed" if stat.S_ISLNK(mode) else "it is no file")
        with where.open("rb") as file:
            content = file.read(largest + 1)
    else:
        content = where.read(largest + 1)  # a zip's own word on the size may be false
    if len(content) > largest:
        raise ValueError(f"it is larger than {largest:,} bytes")
    return content


def _told(error: BaseException) -> str:
    return str(error) or type(error).__name__
