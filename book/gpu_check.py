"""Check the book on a GPU: run every chapter on the toy world, and compare each result with its band.

python -m book.gpu_check --gpus 1      # what `make gpu-check` calls; it starts from an empty runs-gpu-check/
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from book import checked
from book.build import run_chapters
from book.checked import CHECKED
from book.commands import run
from book.lock import only_build
from book.settings import Settings

PROFILE = "gpu"
DLCV = (sys.executable, "-m", "dlcvlib")


def check(cores: str, gpus: int) -> None:
    """Run the chapters in an empty folder and compare the records with their bands.

    Raises:
        BusyError: a build is at work in this checkout.
        ForeignFileError: the folder is not one that an earlier check made.
        SystemExit: a step failed; its message is printed.
    """
    toy = CHECKED / "toy"
    here = {"DLCV_RUNS": str(CHECKED), "DLCV_DATA": str(toy)}
    with only_build() as lock:
        run([*DLCV, "check", "--gpu"], lock)
        checked.start()
        run([*DLCV, "data", "toy", str(toy)], lock)
        run_chapters(Settings(PROFILE, 0, toy, cores, gpus, CHECKED / "chapters"), **here)
        run([*DLCV, "runs", "--bands", "notebooks/bands.yaml", "--profile", PROFILE], lock, here)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the book.

    Returns:
        exit status: 0 if every result lies in its band.
    """
    parser = argparse.ArgumentParser(
        prog="gpu-check", description="Runs every chapter on a card and judges the results."
    )
    parser.add_argument("--cores", default="all", metavar="N", help="cores that the chapters share (default: all)")
    parser.add_argument("--gpus", default=0, type=int, metavar="N", help="cards that they share (default: none)")
    given = parser.parse_args(arguments)
    try:
        check(given.cores or "all", given.gpus)
    except KeyboardInterrupt:
        print("gpu-check: interrupted", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f"gpu-check: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
