"""Settings of a run of the chapters, from the command line."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from dlcvlib import recipes

CHAPTERS = Path(__file__).resolve().parent / "chapters"


@dataclass(frozen=True)
class Settings:
    """Settings of a run of the chapters.

    Args:
        profile: settings of every training (`dlcvlib.recipes.PROFILES`).
        seed: of every training.
        data: folder of the course data; None: what lies in data/, else the toy world.
        cores: number of cores that the chapters share, or "all".
        gpus: number of GPUs that they share.
        out: folder of the executed notebooks.
    """

    profile: str = "quick"
    seed: int = 0
    data: Path | None = None
    cores: str = "all"
    gpus: int = 0
    out: Path = CHAPTERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `read` reads; make passes an empty text for a variable that is not set."""
    parser.add_argument("--profile", default="quick", choices=recipes.PROFILES)
    parser.add_argument("--seed", default=0, type=int)
    parser.add_argument(
        "--data",
        default=os.environ.get("DLCV_DATA"),
        type=existing_folder,
        metavar="FOLDER",
        help="default: $DLCV_DATA, what lies in data/, the toy world",
    )
    parser.add_argument("--cores", default="all", metavar="N", help="cores that the chapters share (default: all)")
    parser.add_argument("--gpus", default=0, type=int, metavar="N", help="cards that they share (default: none)")
    parser.add_argument("--out", type=folder, metavar="FOLDER", help="of the executed notebooks; with --chapters-only")


def read(given: argparse.Namespace) -> Settings:
    """Return the settings that were given."""
    return Settings(given.profile, given.seed, given.data, given.cores or "all", given.gpus, given.out or CHAPTERS)


def folder(text: str) -> Path | None:
    """Return the absolute path of a folder; None for an empty text.

    Raises:
        argparse.ArgumentTypeError: it lies in the home of a user whom the machine does not know.
    """
    try:
        return Path(os.path.abspath(Path(text).expanduser())) if text else None  # noqa: PTH100 - links keep their names
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def existing_folder(text: str) -> Path | None:
    """Return the absolute path of a folder that exists; None for an empty text.

    Raises:
        argparse.ArgumentTypeError: it does not exist.
    """
    found = folder(text)
    if found is not None and not found.is_dir():
        raise argparse.ArgumentTypeError(f"{found} is no folder; name the one that holds the course data")
    return found
