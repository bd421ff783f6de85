"""`dlcv data check | download | toy`: what the data room says in a terminal."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dlcvlib.data.checks import check
from dlcvlib.data.download import DRIVE_IDS, download, fetch_from_drive
from dlcvlib.data.editions import default_root
from dlcvlib.files.atomic import json_text
from dlcvlib.files.outputs import output_file

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def add_arguments(subparsers: Subparsers) -> None:
    """Add `data` and its commands; each sets `run`, a function of the parsed arguments that returns the exit status.

    A `DataError` is left to the caller, to print without a traceback.
    """
    data = subparsers.add_parser("data", help="check, fetch or draw the data")
    commands = data.add_subparsers(dest="data_command", required=True)

    checking = commands.add_parser("check", help="report what lies in a folder and what is wrong with it")
    checking.add_argument("root", nargs="?", type=Path, help="default: $DLCV_DATA, then data/, then the toy world")
    checking.add_argument("--json", type=Path, metavar="FILE", help="write everything, every problem named, to FILE")
    checking.add_argument("--replace", action="store_true", help="also where FILE is none that this command wrote")
    checking.set_defaults(run=_check)

    fetching = commands.add_parser("download", help="fetch the course data of an edition from Google Drive")
    fetching.add_argument("--edition", type=int, choices=sorted(DRIVE_IDS), required=True)
    fetching.add_argument("destination", type=Path, metavar="DEST", help="the folder that hw1_data/ comes to lie in")
    fetching.set_defaults(run=_download)

    drawing = commands.add_parser("toy", help="draw the toy world: stand-ins of all four sets")
    drawing.add_argument("destination", type=Path, metavar="DEST", help="the folder that p1_data/ … come to lie in")
    drawing.add_argument("--seed", type=int, default=0)
    drawing.set_defaults(run=_toy)


def _check(arguments: argparse.Namespace) -> int:
    root = arguments.root if arguments.root is not None else default_root()
    if arguments.json is None:
        report = check(root, progress=_say_what_is_read)
    else:
        with output_file(arguments.json, replace=arguments.replace) as file:
            report = check(root, progress=_say_what_is_read)
            file.write(json_text(report.as_json()).encode())
    print(report.text(), end="")
    return 0 if report.sound else 1


def _say_what_is_read(title: str, images: int) -> None:
    print(f"reading {title}: {images:,} images", file=sys.stderr, flush=True)


def _download(arguments: argparse.Namespace) -> int:
    done = download(arguments.edition, arguments.destination, fetch=partial(fetch_from_drive, quiet=False))
    folders = ", ".join(map(str, done.folders))
    if done.already_there:
        print(f"already complete: {folders}")
        return 0
    size = "as the server announced" if done.archive.size_verified else "the server announced no size to compare with"
    print(f"fetched {done.archive.archive_bytes:,} bytes ({size}); the checksum of every member is right")
    print(f"unpacked: {folders}")
    return 0


def _toy(arguments: argparse.Namespace) -> int:
    from dlcvlib.data import toy

    print(f"the toy world lies in {toy.draw(arguments.destination, seed=arguments.seed)}")
    return 0
