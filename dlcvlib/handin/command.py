"""`dlcv predict` and `dlcv handin`: what the hand-in room says in a terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dlcvlib.handin.predict import HandedIn, predict
from dlcvlib.handin.scripts import EDITIONS, write_scripts

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

SHOWN = 12  # faults that are named before "… and n more"


def add_arguments(subparsers: Subparsers) -> None:
    """Add both commands; each sets `run`, a function of the parsed arguments that returns the exit status."""
    predicting = subparsers.add_parser("predict", help="write the course's csv or masks for a folder of images")
    predicting.add_argument("record", type=Path, metavar="RECORD", help="folder of a finished run record")
    predicting.add_argument("images", type=Path, metavar="IMAGES", help="folder of images")
    predicting.add_argument("out", type=Path, metavar="OUT", help="csv file, or folder of the masks of a segmentation")
    predicting.add_argument("--csv", type=Path, metavar="FILE", help="the given csv (id,filename,label) of setting C")
    predicting.add_argument("--device", help="cpu, cuda, cuda:1, … (default: a GPU where there is one)")
    predicting.add_argument("--batch-size", type=int, metavar="N", help="images at once; halved when they do not fit")
    _add_replace(predicting)
    predicting.set_defaults(run=_predict)

    handing_in = subparsers.add_parser("handin", help="write hw1_1.sh, hw1_2.sh, … with copies of the records they use")
    handing_in.add_argument("edition", choices=EDITIONS)
    handing_in.add_argument("folder", type=Path, metavar="FOLDER")
    handing_in.add_argument("records", type=Path, nargs="+", metavar="RECORD", help="one a problem, in any order")
    _add_replace(handing_in)
    handing_in.set_defaults(run=_hand_in)


def _add_replace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--replace", action="store_true", help="also replace files that dlcv did not write")


def _predict(asked: argparse.Namespace) -> int:
    done = predict(
        asked.record,
        asked.images,
        asked.out,
        csv_file=asked.csv,
        device=asked.device,
        batch_size=asked.batch_size,
        replace=asked.replace,
    )
    print(f"{done.out}: {done.images:,} image{'s' if done.images > 1 else ''}")
    if done.others:
        some = ", ".join(done.others[:3]) + (", …" if len(done.others) > 3 else "")
        print(f"{done.out} still holds {len(done.others)} other masks, of no image here: {some}", file=sys.stderr)
    _report_faults(done)
    return 1 if done.faults else 0


def _report_faults(done: HandedIn) -> None:
    for fault in done.faults[:SHOWN]:
        print(fault, file=sys.stderr)
    if len(done.faults) > SHOWN:
        print(f"… and {len(done.faults) - SHOWN:,} more", file=sys.stderr)
    if done.faults:
        print(
            f"{len(done.faults):,} of {done.images:,} images could not be read; so that a grader finds all in their "
            f"places they were given the class predicted most often, {done.filler}",
            file=sys.stderr,
        )


def _hand_in(asked: argparse.Namespace) -> int:
    for script in write_scripts(asked.edition, asked.folder, asked.records, replace=asked.replace):
        print(script)
    return 0
