"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any


@contextmanager
def whole_file(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the place of `path` only once everything is on disk.

    A writer that is killed, or that raises, leaves the old file (or none), never a part of the new one.

    Args:
        path: the file to write; its folder is made if need be.

    Yields:
        a binary file beside `path`, flushed to disk and renamed onto it on leaving.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)  # mkstemp makes it private; records are shared
        beside.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """A folder beside `path` that takes its place, whole, on leaving; one writer at a time.

    Yields:
        an empty folder to write into; if the writer raises it is removed, and the old folder stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    try:
        yield beside
        shutil.rmtree(path, ignore_errors=True)
        beside.rename(path)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


@contextmanager
def files_into(path: str | Path) -> Iterator[Path]:
    """A folder whose files come to lie in `path` on leaving: replacing those of the same name, beside all others.

    A new `path` appears whole. In one that is there no file is touched before every new one is written; then each takes
    its place whole.

    Yields:
        an empty folder to write into; if the writer raises it is removed, and `path` is as it was.
    """
    path = Path(path)
    if not path.exists():
        with whole_folder(path) as beside:
            yield beside
        return
    beside = Path(tempfile.mkdtemp(dir=path, prefix=".", suffix=".part"))
    try:
        yield beside
        for file in sorted(beside.iterdir()):
            file.replace(path / file.name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text to `path`, whole or not at all."""
    with whole_file(path) as file:
        file.write(text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all; nan and infinity, which JSON lacks, are refused.

    Raises:
        ValueError: `value` holds nan or infinity.
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
