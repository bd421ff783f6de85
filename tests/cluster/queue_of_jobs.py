"""A cluster of one machine: what is submitted runs in the background, and its files say how far it is.

The queue is the folder $TEST_QUEUE: `asked.jsonl` holds a line for each submission, what was asked for; `N.out` is what
job N said and `N.rc` its exit status, once it has ended.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WAIT = "import pathlib, subprocess, sys; pathlib.Path(sys.argv[1]).write_text(str(subprocess.call(sys.argv[2:])))"


def queue() -> Path:
    return Path(os.environ["TEST_QUEUE"])


def submit(command: list[str], asked: dict[str, Any]) -> int:
    """Start `command`; its number is told at once."""
    number = len(submissions(queue())) + 1
    with (queue() / "asked.jsonl").open("a") as file:
        file.write(json.dumps(asked) + "\n")
    with (queue() / f"{number}.out").open("w") as said:
        subprocess.Popen(
            [sys.executable, "-c", WAIT, str(queue() / f"{number}.rc"), *command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return number


def submissions(folder: Path) -> list[dict[str, Any]]:
    """What was asked for, in order."""
    file = folder / "asked.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def ended(number: int) -> int | None:
    """Exit status of a job; None while it runs."""
    file = queue() / f"{number}.rc"
    return int(text) if file.is_file() and (text := file.read_text()) else None
