"""Running a command in a forked process, which saves importing torch each time."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dlcvlib import cli

MAX_MEMORY = 16 * 2**30
"""Address space of a command in bytes, so that one that needs too much fails instead of the machine."""
UNEXPECTED = 70
"""Exit status of a command that ended with an unexpected exception."""

Work = Callable[[], int]
"""A command; returns the exit status."""
Written = Callable[[Path], None]
"""A callback with the path of each operation that changes a file."""
CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"}


@dataclass
class Ended:
    """Result of a process: `status` is negative for a signal, None after the time limit."""

    status: int | None
    output: str
    seconds: float


def command(arguments: list[str]) -> Work:
    """Return the command line with these arguments."""
    return lambda: cli.main(arguments)


class Process:
    """A forked process."""

    def __init__(
        self, work: Work, folder: Path, environment: Mapping[str, str], limit: float, written: Written | None = None
    ) -> None:
        self.log = folder / f"output-{time.monotonic_ns()}.txt"
        self.began, self.limit = time.monotonic(), limit
        sys.stdout.flush()
        sys.stderr.flush()
        self.id = os.fork()
        if self.id == 0:
            _be_the_child(work, self.log, folder, environment, written)

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.id, signal.SIGKILL)

    def ended(self) -> Ended | None:
        """Return its result; None while it runs. It is killed after the time limit."""
        done, status = os.waitpid(self.id, os.WNOHANG)
        seconds = time.monotonic() - self.began
        if not done and seconds < self.limit:
            return None
        if not done:
            self.kill()
            os.waitpid(self.id, 0)
        output = self.log.read_text(errors="backslashreplace")
        return Ended(os.waitstatus_to_exitcode(status) if done else None, output, seconds)

    def wait(self) -> Ended:
        """Wait for its result."""
        while (ended := self.ended()) is None:
            time.sleep(0.005)
        return ended


def _be_the_child(work: Work, log: Path, folder: Path, environment: Mapping[str, str], written: Written | None) -> None:
    """Run the command and exit."""
    status = UNEXPECTED
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        os.environ.update(environment)
        os.chdir(folder)
        if written is not None:
            sys.addaudithook(_audit_hook(written))
        status = work()
    except SystemExit as ended:  # from argparse
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _audit_hook(written: Written) -> Callable[[str, tuple[object, ...]], None]:
    """Return an audit hook that calls `written` for each operation that makes, changes or removes a file."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event not in CHANGES or not arguments or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        if event == "open":
            flags = arguments[2]
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR):
                return
        written(Path(os.fsdecode(arguments[0])))

    return hook
