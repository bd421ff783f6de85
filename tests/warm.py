"""Python in new processes that need not import torch again, which takes seconds: they are forked from one that has.

For tests of what a process does and leaves: its exit status, output, files, its death. What a command imports, and how
its program starts, takes a `subprocess`.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["dlcvlib.training", "dlcvlib.handin", "dlcvlib.bench.table", "torch.distributed.run"])


class Process:
    """`python ARGUMENTS`: a script, `-m` and a module, or `-c` and code, with its own arguments.

    It has the methods of `subprocess.Popen` that the tests call; its output is text in files, so no pipe fills up.
    """

    def __init__(
        self, arguments: Sequence[str], cwd: str | Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.arguments = list(arguments)
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self._said: tuple[str, str] | None = None
        given = self.arguments, str(cwd or Path.cwd()), dict(os.environ if env is None else env), self._folder.name
        self._process = SERVER.Process(target=_run, args=given)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float = 300) -> int:
        self._process.join(timeout)
        if self.returncode is None:
            self._process.kill()
            self._process.join()
            raise subprocess.TimeoutExpired(self.arguments, timeout, *self.output())
        if self._said is None:
            self._said = self.output()
            self._folder.cleanup()
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def output(self) -> tuple[str, str]:
        """What it printed, and its errors, so far."""
        if self._said is not None:
            return self._said
        out, errors = (Path(self._folder.name, name) for name in ("out", "errors"))
        return out.read_text() if out.exists() else "", errors.read_text() if errors.exists() else ""

    def communicate(self, timeout: float = 300) -> tuple[str, str]:
        self.wait(timeout)
        return self.output()


def run(
    arguments: Sequence[str],
    cwd: str | Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` to its end."""
    process = Process(arguments, cwd, env)
    status = process.wait(timeout)
    return subprocess.CompletedProcess(process.arguments, status, *process.output())


def _run(arguments: list[str], cwd: str, env: dict[str, str], output: str) -> None:
    """Become `python ARGUMENTS`, in the forked process."""
    for number, name in ((1, "out"), (2, "errors")):
        os.dup2(os.open(Path(output, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    kind, *rest = arguments
    if kind == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(kind).parent))
        runpy.run_path(kind, run_name="__main__")
