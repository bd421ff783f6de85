"""Command `dlcv check`."""

from __future__ import annotations

import argparse


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `check`."""
    parser = commands.add_parser("check", help="check the installation, the machine, the data and the weights")
    parser.add_argument("--gpu", action="store_true", help="check for a GPU only, and fail if torch sees none")
    parser.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    from dlcvlib import environment

    checks = [environment.gpu_needed()] if arguments.gpu else environment.check()
    print("\n".join(map(str, checks)))
    return 1 if any(check.status == "FAIL" for check in checks) else 0
