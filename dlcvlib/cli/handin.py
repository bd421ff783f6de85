"""The commands `dlcv predict` and `dlcv handin`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dlcvlib.course import PROBLEMS

if TYPE_CHECKING:
    from dlcvlib.handin import HandedIn

SHOWN = 12  # maximum number of faults in a message


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    predict_parser = commands.add_parser("predict", help="write the course's csv or masks for a folder of images")
    predict_parser.add_argument("record", type=Path, metavar="RECORD", help="folder of a finished run record")
    predict_parser.add_argument("images", type=Path, metavar="IMAGES", help="folder of images")
    predict_parser.add_argument("out", type=Path, metavar="OUT", help="csv file; folder of masks for a segmentation")
    predict_parser.add_argument("--csv", type=Path, metavar="FILE", help="course csv (id,filename,label) of setting C")
    predict_parser.add_argument("--device", help="cpu, cuda, cuda:1, … (default: a GPU if there is one)")
    predict_parser.add_argument("--batch-size", type=int, metavar="N", help="halved when memory runs out")
    _add_replace(predict_parser)
    predict_parser.set_defaults(run=_predict)

    handin_parser = commands.add_parser("handin", help="write hw1_1.sh, hw1_2.sh, … and copies of their records")
    handin_parser.add_argument("edition", choices=PROBLEMS)
    handin_parser.add_argument("folder", type=Path, metavar="FOLDER")
    handin_parser.add_argument("records", type=Path, nargs="+", metavar="RECORD", help="one per problem, in any order")
    _add_replace(handin_parser)
    handin_parser.set_defaults(run=_hand_in)


def _add_replace(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--replace", action="store_true", help="replace files that dlcv did not write, too")


def _predict(arguments: argparse.Namespace) -> int:
    from dlcvlib.handin import predict

    result = predict(
        arguments.record,
        arguments.images,
        arguments.out,
        csv_file=arguments.csv,
        device=arguments.device,
        batch_size=arguments.batch_size,
        replace=arguments.replace,
    )
    print(f"{result.out}: {result.images:,} image{'s' if result.images > 1 else ''}")
    if result.others:
        some = ", ".join(result.others[:3]) + (", …" if len(result.others) > 3 else "")
        print(f"{result.out} still holds {len(result.others)} other masks, without image: {some}", file=sys.stderr)
    _report_faults(result)
    return 1 if result.faults else 0


def _report_faults(result: HandedIn) -> None:
    for fault in result.faults[:SHOWN]:
        print(fault, file=sys.stderr)
    if len(result.faults) > SHOWN:
        print(f"… and {len(result.faults) - SHOWN:,} more", file=sys.stderr)
    if result.faults:
        print(
            f"{len(result.faults):,} of {result.images:,} images could not be read; their prediction is the most "
            f"frequent class, {result.filler}, because graders pair predictions with labels by position",
            file=sys.stderr,
        )


def _hand_in(arguments: argparse.Namespace) -> int:
    from dlcvlib.handin import write_scripts

    for script in write_scripts(arguments.edition, arguments.folder, arguments.records, replace=arguments.replace):
        print(script)
    return 0
