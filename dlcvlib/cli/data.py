"""The commands `dlcv data check`, `dlcv data download` and `dlcv data toy`."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from dlcvlib.course import DRIVE_IDS
from dlcvlib.files.atomic import json_text
from dlcvlib.files.outputs import output_file


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `data` and its commands."""
    data_parser = commands.add_parser("data", help="check or download the course data, or draw the toy world")
    subcommands = data_parser.add_subparsers(dest="data_command", required=True)

    check_parser = subcommands.add_parser("check", help="check every file of the data")
    check_parser.add_argument("root", nargs="?", type=Path, help="default: $DLCV_DATA, then data/, then the toy world")
    check_parser.add_argument("--json", type=Path, metavar="FILE", help="write the whole report to FILE")
    check_parser.add_argument("--replace", action="store_true", help="replace FILE even if dlcv did not write it")
    check_parser.set_defaults(run=_check)

    download_parser = subcommands.add_parser("download", help="download the data of an edition from Google Drive")
    download_parser.add_argument("--edition", type=int, choices=sorted(DRIVE_IDS), required=True)
    download_parser.add_argument("destination", type=Path, metavar="DEST", help="parent folder of hw1_data/")
    download_parser.set_defaults(run=_download)

    toy_parser = subcommands.add_parser("toy", help="draw the toy world, small substitutes of all four sets")
    toy_parser.add_argument("destination", type=Path, metavar="DEST", help="parent folder of p1_data/, p2_data/, …")
    toy_parser.add_argument("--seed", type=int, default=0)
    toy_parser.set_defaults(run=_toy)


def _check(arguments: argparse.Namespace) -> int:
    from dlcvlib.data.checks import check
    from dlcvlib.data.editions import default_root

    root = arguments.root if arguments.root is not None else default_root()
    if arguments.json is None:
        report = check(root, progress=_print_progress)
    else:
        with output_file(arguments.json, replace=arguments.replace) as file:
            report = check(root, progress=_print_progress)
            file.write(json_text(report.as_json()).encode())
    print(report.text(), end="")
    return 0 if report.sound else 1


def _print_progress(title: str, images: int) -> None:
    print(f"reading {title}: {images:,} images", file=sys.stderr, flush=True)


def _download(arguments: argparse.Namespace) -> int:
    from dlcvlib.data.download import download, fetch_from_drive

    result = download(arguments.edition, arguments.destination, fetch=partial(fetch_from_drive, quiet=False))
    folders = ", ".join(map(str, result.folders))
    if result.already_there:
        print(f"already complete: {folders}")
        return 0
    size = "as the server announced" if result.archive.size_verified else "the server announced no size"
    print(f"downloaded {result.archive.archive_bytes:,} bytes ({size}); the checksums of all members are correct")
    print(f"unpacked: {folders}")
    return 0


def _toy(arguments: argparse.Namespace) -> int:
    from dlcvlib.data import toy

    print(f"the toy world is in {toy.draw(arguments.destination, seed=arguments.seed)}")
    return 0
