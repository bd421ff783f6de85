"""Build the book: run every chapter, make the pages with Sphinx, check them, and replace the old ones.

    python -m book.build --profile quick --seed 0 --data ../hw1_data

What `make book` and, with --chapters-only, `make chapters` call. Nothing else builds in the same checkout meanwhile.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import IO

from book import check_pages, settings
from book.commands import ROOT, run
from book.lock import only_build
from book.settings import Settings
from dlcvlib.files import generated, outputs

BOOK = ROOT / "book"
PAGES = BOOK / "_build" / "html"


def build(asked: Settings) -> None:
    """Build the whole book.

    Raises:
        BusyError: another build is at work in this checkout.
        ForeignFileError: a file to be replaced was not written by a build; raised before anything is run.
        SystemExit: a step failed; its message is printed.
    """
    with only_build() as lock:
        generated.refuse(outputs.foreign_files(PAGES))
        run_chapters(asked, lock)
        write_pages(lock)
    print(f"The book: {PAGES / 'index.html'}")


def build_chapters(asked: Settings) -> None:
    """Run the chapters alone; raise the errors of `build`."""
    with only_build() as lock:
        run_chapters(asked, lock)


def run_chapters(asked: Settings, lock: IO[bytes], **environment: str) -> None:
    """Run the chapters that are not up to date.

    Args:
        asked: settings of the run.
        lock: the locked file (`book.lock`).
        environment: further variables for the chapters.

    Raises:
        ForeignFileError: an executed notebook was changed by hand, and would be replaced.
    """
    chapters = {file.stem for file in (ROOT / "notebooks").glob("*.py")}
    generated.refuse([file for file in outputs.foreign_files(asked.out, "*.ipynb") if file.stem in chapters])
    config = {"profile": asked.profile, "seed": asked.seed, "out": str(asked.out)}
    if asked.data is not None:
        config["data"] = environment["DLCV_DATA"] = str(asked.data)
    command = [sys.executable, "-m", "snakemake", "--snakefile", "notebooks/Snakefile", "--cores", asked.cores]
    # Snakemake's own lock outlives a killed build and then wants unlocking by hand.
    command += ["--nolock", "--rerun-incomplete", "--keep-going"]
    command += ["--quiet", "progress", "rules", "host", "reason"]
    command += ["--resources", f"gpu={asked.gpus}"] if asked.gpus else []
    # Snakemake reads the values as YAML, in which a path may be a number or a comment; a string of JSON stays a string.
    command += ["--config", *(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in config.items())]
    run(command, lock, environment)


def write_pages(lock: IO[bytes]) -> None:
    """Make the pages, and replace the old ones once all are checked."""
    with outputs.output_folder(PAGES) as new:
        run([sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "-q", str(BOOK), str(new)], lock)
        if status := check_pages.main(BOOK, new):
            raise SystemExit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what the command line asks for.

    Returns:
        exit status: 0 if all went well.
    """
    parser = argparse.ArgumentParser(prog="book", description="Builds the book, or runs its chapters alone.")
    parser.add_argument("--chapters-only", action="store_true", help="run the chapters, make no pages")
    settings.add_arguments(parser)
    given = parser.parse_args(arguments)
    if given.out and not given.chapters_only:
        parser.error("--out (OUT=) is for the chapters alone: the pages are made from book/chapters")
    try:
        (build_chapters if given.chapters_only else build)(settings.read(given))
    except KeyboardInterrupt:
        print("book: interrupted; the same command resumes", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f"book: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
