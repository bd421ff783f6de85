"""How the time of the book grows with its chapters: so many copies of one chapter, run as `make book` runs them.

Run as `python tests/benchmarks/bench_book.py`. What the chapter trains is trained before anything is timed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"


def write_copies(chapter: str, count: int, folder: Path) -> Path:
    """A folder of chapters that holds `count` copies of one, named 01_copy, 02_copy and so on."""
    folder.mkdir()
    shutil.copy(NOTEBOOKS / "jupytext.toml", folder)
    for number in range(1, count + 1):
        shutil.copy(NOTEBOOKS / f"{chapter}.py", folder / f"{number:02d}_copy.py")
    return folder


def seconds_of_book(chapters: Path, out: Path, cores: int) -> float:
    """Time that Snakemake takes for all of them."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(NOTEBOOKS / "Snakefile"), "--cores", str(cores)]
    command += ["--nolock", "--directory", str(out.parent), "--quiet", "all"]
    command += ["--config", "profile=smoke", f"notebooks={chapters}", f"out={out}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    taken = time.perf_counter() - start
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chapter", default="03_feature_space", help="the one that is copied")
    parser.add_argument("--counts", type=int, nargs="+", default=[2, 4, 8, 16], help="how many copies")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if min(arguments.counts) < 1:
        parser.error("--counts must be at least 1")
    if not (NOTEBOOKS / f"{arguments.chapter}.py").is_file():
        parser.error(f"there is no chapter {arguments.chapter!r} in {NOTEBOOKS}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        seconds_of_book(write_copies(arguments.chapter, 1, folder / "first"), folder / "first_out", arguments.cores)
        print(f"copies of {arguments.chapter}, profile smoke, {arguments.cores} cores")
        print(("{:<14}" + "{:>12}" * 3).format("", "seconds", "a chapter", "to the first"))
        first = None
        for count in arguments.counts:
            chapters = write_copies(arguments.chapter, count, folder / f"of{count}")
            taken = seconds_of_book(chapters, folder / f"of{count}_out", arguments.cores)
            first = first or taken / count
            print(f"{f'{count} chapters':<14}{taken:>12.1f}{taken / count:>12.2f}{taken / count / first:>11.2f}x")


if __name__ == "__main__":
    main()
