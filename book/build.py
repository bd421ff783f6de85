"""Build the book: run every chapter, make the pages with Sphinx, check them, and replace the old ones.

    python -m book.build --profile quick --seed 0 --data ../hw1_data

What `make book` and, with --chapters-only, `make chapters` call. Nothing else builds in the same checkout meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from book import costs, forks, pages, plan, settings
from book.commands import ROOT, surroundings
from book.lock import only_build
from book.schedule import Schedule
from book.settings import Settings
from dlcvlib.files import generated, outputs

NOTEBOOKS = ROOT / "notebooks"


def build(asked: Settings) -> None:
    """Build the whole book.

    Raises:
        BusyError: another build is at work in this checkout.
        ForeignFileError: a file to be replaced was not written by a build; raised before anything is run.
        SystemExit: a step failed; its message is printed.
    """
    with only_build():
        generated.refuse(outputs.foreign_files(pages.PAGES))
        write_pages(run_chapters(asked, early=True))
        print_claims(asked)
    print(f"The book: {pages.PAGES / 'index.html'}")


def build_chapters(asked: Settings) -> None:
    """Run the chapters alone; raise the errors of `build`."""
    with only_build():
        run_chapters(asked)


def run_chapters(asked: Settings, *, early: bool = False, **environment: str) -> Schedule:
    """Run the trainings and chapters that are not up to date.

    Args:
        asked: settings of the run.
        early: make pages meanwhile, unless a finished book stands.
        environment: further variables for the chapters.

    Returns:
        what was done.

    Raises:
        ForeignFileError: an executed notebook was changed by hand, and would be replaced.
        SystemExit: a chapter or training failed; its message is printed.
    """
    names = set(plan.chapters(NOTEBOOKS))
    generated.refuse([file for file in outputs.foreign_files(asked.out, "*.ipynb") if file.stem in names])
    os.environ.update(surroundings())
    if asked.data is not None:
        environment["DLCV_DATA"] = str(asked.data)
    made_early = write_early if early and not pages.finished() else None
    schedule = Schedule(asked, NOTEBOOKS, made_early, environment)
    schedule.run()
    return schedule


def write_early(waiting: Mapping[str, str]) -> None:
    """Make pages of the chapters that are done."""
    pages.write(waiting, early=True)


def write_pages(schedule: Schedule) -> None:
    """Make the pages, and replace the old ones once all are checked; not if they are up to date."""
    digest = schedule.pages_digest(pages.source_digest())
    if schedule.notes.pages == digest and pages.complete():
        return
    print("making the pages", flush=True)
    forks.warm_up()
    log = schedule.log(costs.PAGES)
    end = forks.start(lambda: pages.write({}, early=False), log).wait()
    if end.status:
        print(log.read_text(encoding="utf-8", errors="replace"), end="", file=sys.stderr)
        raise SystemExit(end.status if end.status > 0 else 128 - end.status)
    schedule.note_pages(digest, end.seconds)


def print_claims(asked: Settings) -> None:
    """Say which claims about the toy world the records bear out; nothing of other data or profiles."""
    from dlcvlib import claims, data, paths

    file = NOTEBOOKS / "bands.yaml"
    if asked.data is not None or asked.profile not in claims.PROFILES or not file.is_file():
        return
    course = data.find()
    if course.is_toy:
        print(claims.summary(claims.judge(claims.read(file), paths.runs_home(course.root), asked.profile)))


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
