"""Remove the files that `make` generated (`make clean`); data, run records and all other files stay.

    python -m book.clean

Needs only the standard library: it works where .venv is broken or gone.
"""

from __future__ import annotations

import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from book import checked
from book.commands import ROOT
from book.lock import only_build
from dlcvlib.files import generated
from dlcvlib.files.outputs import SHOWN, ForeignFileError

CACHES = (".snakemake", ".pytest_cache", ".mypy_cache", ".ruff_cache")
TOOLS = re.compile(r"logs/[\w-]+\.log(\.failed|\.ipynb)?|trained/\w+\.txt|live/\w+/[0-9a-f]{16}\.js|\.built\.json")
"""Files beside the executed chapters that the tools write, relative to the chapters' folder."""


def clean(root: Path = ROOT) -> list[str]:
    """Remove the generated files of a checkout.

    Returns:
        a line with the reason for each other file that stays in the folders of generated files.

    Raises:
        BusyError: a build is at work in this checkout.
    """
    chapters, build = root / "book" / "chapters", root / "book" / "_build"
    with only_build(root / "book" / ".lock"):
        for name in CACHES:
            shutil.rmtree(root / name, ignore_errors=True)
        remove_tool_output(chapters)
        remove_tool_output(build)
        shutil.rmtree(build / ".sphinx", ignore_errors=True)  # Sphinx's own folder: book/pages.py
        kept = remove(root / "notebooks", "*.ipynb") + remove(chapters) + remove(build / "html")
        remove(build, "*.zip")  # make student
        kept += [
            f"{entry}: not written by make" for entry in build.glob("*") if entry.name not in ("html", ".digests.json")
        ]
        kept += remove_checked(root / checked.CHECKED.name)
        for folder in (chapters, build):
            with suppress(OSError):  # missing, or something lies in it
                folder.rmdir()
    return kept


def remove(folder: Path, pattern: str = "**/*") -> list[str]:
    """Remove the generated files of a folder; return a line for each that stays."""
    try:
        kept = [f"{file}: {reason}" for file, reason in generated.remove(folder, pattern).items()]
    except ValueError as error:
        return [str(error)]
    return kept[:SHOWN] + ([f"{folder}: {len(kept) - SHOWN} more like these"] if len(kept) > SHOWN else [])


def remove_checked(folder: Path) -> list[str]:
    """Remove the folder of `make gpu-check`; return a line if it stays."""
    try:
        checked.remove(folder)
    except ForeignFileError as error:
        return [str(error)]
    return []


def remove_tool_output(folder: Path) -> None:
    """Remove the logs and notes of tools from a folder, and unfinished files of killed writers."""
    for file in sorted(folder.rglob("*")):
        if generated.is_part(file) and file.is_dir():
            shutil.rmtree(file)
        elif generated.is_part(file) or TOOLS.fullmatch(file.relative_to(folder).as_posix()):
            file.unlink(missing_ok=True)
    for empty in (folder / "logs", folder / "trained", *folder.glob("live/*"), folder / "live"):
        with suppress(OSError):  # missing, or something else lies in it
            empty.rmdir()


def main() -> int:
    """Remove the generated files, and print the others that stay.

    Returns:
        exit status: 0 if nothing went wrong.
    """
    try:
        kept = clean()
    except OSError as error:
        print(f"clean: {error}", file=sys.stderr)
        return 1
    for line in kept:
        print(f"kept {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
