"""Forks: jobs in processes of their own that need not import anything again.

To import PyTorch takes four seconds of a core, longer than many a training of the toy world. The build imports once
(`warm_up`) and forks: a job starts in hundredths of a second, and what it changes is gone with it.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

MODULES = (
    "dlcvlib.chapter", "dlcvlib.training", "dlcvlib.views", "dlcvlib.embedding", "dlcvlib.report",
    "torchvision.transforms.v2", "IPython", "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell",
    "jupytext", "papermill",
)  # fmt: skip
"""Modules that jobs use; where one cannot be imported, the job that needs it says so."""


@dataclass
class Fork:
    """A running job."""

    pid: int
    answer: IO[bytes]
    """File that it writes its result to."""

    def poll(self) -> Done | None:
        """Return what became of the job; None while it runs."""
        pid, status, used = os.wait4(self.pid, os.WNOHANG)
        return self._done(status, used) if pid else None

    def wait(self) -> Done:
        """Wait for the job's end."""
        _, status, used = os.wait4(self.pid, 0)
        return self._done(status, used)

    def _done(self, status: int, used: resource.struct_rusage) -> Done:
        with self.answer:
            self.answer.seek(0)
            content = self.answer.read()
        code = os.waitstatus_to_exitcode(status)
        return Done(code, used.ru_utime + used.ru_stime, json.loads(content) if code == 0 and content else None)


@dataclass(frozen=True)
class Done:
    """The end of a job."""

    status: int
    """0 if all went well; negative: the signal that ended it."""
    seconds: float
    """Time of cores that it took, with the processes that it waited for."""
    result: Any


def warm_up() -> None:
    """Import what the jobs need."""
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as a kernel has it
    for name in MODULES:
        try:
            import_module(name)
        except (ImportError, RuntimeError):  # RuntimeError: torchvision is built for another torch
            continue
    gc.freeze()  # what is shared stays shared


def start(work: Callable[[], Any], log: Path, environment: Mapping[str, str] | None = None) -> Fork:
    """Run `work` in a fork of this process.

    Args:
        work: its result, which JSON can hold, is `Done.result`. An exception goes to the log, and is status 1.
        log: file for all that it prints.
        environment: further variables for it.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    answer = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it was read
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        return Fork(pid, answer)
    status = 1
    try:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.environ.update(environment or {})
        answer.write(json.dumps(work()).encode())
        answer.flush()
        status = 0
    except KeyboardInterrupt:
        status = 130
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
