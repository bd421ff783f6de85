"""The command `dlcv export`."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("export", help="write the network of a record as ONNX, for other programs")
    parser.add_argument("record", type=Path, metavar="RECORD", help="folder of a finished run record")
    parser.add_argument("file", type=Path, metavar="FILE.onnx")
    parser.add_argument("--epoch", type=int, metavar="E", help="one whose weights are kept (default: the best)")
    parser.add_argument("--size", type=int, metavar="PIXELS", help="height and width of the images (default: recipe's)")
    parser.add_argument("--replace", action="store_true", help="replace a file that dlcv did not write, too")
    parser.set_defaults(run=_export)


def _export(arguments: argparse.Namespace) -> int:
    from dlcvlib.handin.onnx_export import export_onnx

    made = export_onnx(
        arguments.record, arguments.file, epoch=arguments.epoch, size=arguments.size, replace=arguments.replace
    )
    print(
        f"{made.path}: takes float32 images (N, 3, {made.size}, {made.size}) in [0, 1]; onnxruntime differs from torch "
        f"by {made.error:.0e} of the largest logit"
    )
    return 0
