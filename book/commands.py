"""Commands of a build."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("DLCV_DATA", "DLCV_RUNS", "DLCV_HOME")
"""Variables that name a folder."""


def run(command: Sequence[str], lock: IO[bytes], environment: Mapping[str, str] | None = None) -> None:
    """Run a command in the checkout, with the checkout's library.

    Args:
        command: program and arguments.
        lock: the locked file (`book.lock`); as standard input it is inherited by all that the command starts.
        environment: further variables for it.

    Raises:
        SystemExit: the command failed; its message is printed.
    """
    process = subprocess.Popen(command, cwd=ROOT, env=surroundings() | dict(environment or {}), stdin=lock)
    try:
        status = process.wait()
    except KeyboardInterrupt:  # Ctrl-C reached the command too, which ends its jobs first
        process.wait()
        raise
    if status:
        raise SystemExit(status if status > 0 else 128 - status)


def surroundings() -> dict[str, str]:
    """Return this process's environment for commands that start in another folder: relative folders become absolute."""
    named = {name: str(Path(os.environ[name]).expanduser().absolute()) for name in FOLDERS if os.environ.get(name)}
    library = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return dict(os.environ) | named | {"PYTHONPATH": library}
