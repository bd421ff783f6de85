"""The command line: dlcv check | data | train | predict | handin | export | report | runs | exercises | grade | bench.

One file is one command. At module level it imports only what needs no installed package, so that help and wrong
arguments are answered at once, and `dlcv check` runs where torch is missing or broken; what does the work is imported
by the function that runs the command.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence

from dlcvlib.cli import bench, check, data, errors, exercises, export, grade, handin, report, runs, train

COMMANDS: tuple[Callable[[argparse._SubParsersAction[argparse.ArgumentParser]], None], ...] = (
    check.add_arguments,
    data.add_arguments,
    train.add_arguments,
    handin.add_arguments,
    export.add_arguments,
    report.add_arguments,
    runs.add_arguments,
    exercises.add_arguments,
    grade.add_arguments,
    bench.add_arguments,
)
"""Functions that add a command; it sets `run`, a function of the parsed arguments that returns the exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        exit status: 0 on success; 1 if a check failed, an image or a record could not be read, or training diverged;
        2 for a wrong argument; 130 after an interruption.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may hold bytes that are not UTF-8
    try:
        return _run(words)
    except KeyboardInterrupt:
        resumes = "; the same command resumes after the last epoch" if words[:1] == ["train"] else ""
        print(f"dlcv: interrupted{resumes}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="dlcv", description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add_arguments in COMMANDS:
        add_arguments(commands)
    parsed = parser.parse_args(words)
    try:
        status: int = parsed.run(parsed)
    except Exception as error:
        if isinstance(error, BrokenPipeError) or not errors.expected(error):
            raise
        print(f"dlcv: {errors.message(error)}", file=sys.stderr)
        return errors.status(error)
    return status
