"""Isolation of one answer: a forked process with limits, watched by a process of its own. It is no sandbox.

`start` forks a *warden*, which takes from itself what the system allows (network, other processes' numbers), forks the
answer, and ends it when it waits or runs too long. Whatever the answer does to its parent hits the warden alone.

What holds depends on the system (`available`): limits on time and on the size of a file everywhere, on memory on Linux,
no network where a namespace of its own is permitted, no further processes where the user is not root or can be changed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NEWUSER, NEWNET, NEWPID, NEWIPC = 0x10000000, 0x40000000, 0x20000000, 0x08000000
PDEATHSIG, KEEPCAPS = 1, 8
CAPABILITIES, READ_ALL = 0x20080522, 1 << 2
"""Version of the kernel's sets of capabilities, and the one (`CAP_DAC_READ_SEARCH`) that lets read every file."""
NOBODY = 65534
PAUSE = 0.01
IDLE, CLOCK, CRASHED = 101, 102, 103
"""Exit status of a warden whose answer waited or ran too long, or ended by itself with an error or a signal."""
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that an answer sees; tokens and the like are in others."""


@dataclass(frozen=True)
class Limits:
    """Limits of one answer."""

    seconds: int = 5
    """Time of the processor."""
    idle: float = 5.0
    """Seconds that it may wait, for a lock or in `sleep`."""
    clock: float = 300.0
    """Seconds of the clock, on a machine however busy."""
    memory: int = 1024
    """MiB beyond what the process has at its start."""
    file: int = 1_000_000
    """Bytes of a file that it writes."""
    sent: int = 8_000_000
    """Bytes of its result."""


@dataclass
class Running:
    """An answer at work."""

    pid: int
    """Process id of the warden."""
    pipe: int
    home: Path
    limits: Limits
    content: bytearray = field(default_factory=bytearray)
    began: float = field(default_factory=time.monotonic)
    killed: str = ""

    def poll(self) -> Ended | None:
        """Read what was sent; return the end once the answer has ended."""
        self._read()
        if len(self.content) > self.limits.sent:
            self._kill(f"its result is larger than {self.limits.sent:,} bytes")
        if time.monotonic() - self.began > self.limits.clock + 10:
            self._kill(f"it took longer than {self.limits.clock:.0f} s")
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return self._ended(status) if pid else None

    def kill(self) -> None:
        """End the answer and its warden, and remove its folder."""
        self._kill("interrupted")
        _, status = os.waitpid(self.pid, 0)
        self._ended(status)

    def _kill(self, reason: str) -> None:
        if not self.killed:
            self.killed = reason
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while len(self.content) <= self.limits.sent and (more := os.read(self.pipe, 1 << 16)):
                self.content += more

    def _ended(self, status: int) -> Ended:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # what else it left in its group
        self._read()
        os.close(self.pipe)
        shutil.rmtree(self.home, ignore_errors=True)
        code = os.waitstatus_to_exitcode(status)
        reasons = {
            0: "",
            IDLE: f"it waited for longer than {self.limits.idle:.0f} s",
            CLOCK: f"it took longer than {self.limits.clock:.0f} s",
        }
        crashed = "it ended the process, or used up its time or memory"
        return Ended(bytes(self.content), self.killed or reasons.get(code, crashed))


@dataclass(frozen=True)
class Ended:
    """The end of an answer."""

    content: bytes
    """All that it sent."""
    stopped: str
    """Why it was stopped or broke off; empty if it ended by itself."""


def start(work: Callable[[int, Callable[[], None]], None], limits: Limits) -> Running:
    """Run `work` in a process of its own.

    Args:
        work: called with the descriptor that its result goes to, and a function that takes away all rights; it calls
            that after it has read what it needs, and before it executes anything foreign.
        limits: of the process.
    """
    home = Path(tempfile.mkdtemp(prefix="dlcv-answer-"))
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        os.close(writer)
        with contextlib.suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)
        return Running(pid, reader, home, limits)
    try:
        os._exit(_warden(work, writer, home, limits))
    finally:
        os._exit(CRASHED)


def available() -> dict[str, bool]:
    """Which further limits hold on this system, tried in a process that ends at once."""
    reader, writer = os.pipe()
    if not (pid := os.fork()):
        try:
            cut, dropped = _cut_off(), _drop_rights() or os.getuid() != 0
            os.write(writer, bytes([bool(cut & NEWNET), bool(cut & NEWPID), dropped]))
        finally:
            os._exit(0)
    os.close(writer)
    told = os.read(reader, 3)
    os.close(reader)
    os.waitpid(pid, 0)
    network, processes, user = (bool(each) for each in told.ljust(3, b"\0"))
    return {
        "no network": network,
        "no sight of other processes": processes,
        "no further processes": user,
        "a limit on memory": sys.platform == "linux",
    }


def _warden(work: Callable[[int, Callable[[], None]], None], writer: int, home: Path, limits: Limits) -> int:
    os.setpgid(0, 0)
    _close_all_but(writer)
    _die_with_parent()
    _cut_off()
    child = os.fork()
    if child:
        os.close(writer)
        return _watch(child, limits)
    status = 1
    try:
        _die_with_parent()
        os.chdir(home)
        kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        os.environ.clear()
        os.environ.update(kept | {"HOME": str(home), "TMPDIR": str(home), "DLCV_PROGRESS": "off"})
        tempfile.tempdir = str(home)
        _limit(limits)
        work(writer, lambda: _take_rights(home))
        status = 0
    finally:
        os._exit(status)


def _watch(child: int, limits: Limits) -> int:
    """Wait for the answer's end; return the warden's exit status."""
    began, idle, last = time.monotonic(), 0.0, time.monotonic()
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return 0 if status == 0 else CRASHED
        now = time.monotonic()
        idle = idle + now - last if _waits(child) else 0.0
        last = now
        if idle > limits.idle or now - began > limits.clock:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return IDLE if idle > limits.idle else CLOCK
        time.sleep(PAUSE)


def _waits(pid: int) -> bool:
    """Return True if a process waits or is halted; one that only waits for a processor does not. Elsewhere: True."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return sys.platform != "linux"
    return state in "StT"


def _limit(limits: Limits) -> None:
    _set(resource.RLIMIT_CPU, limits.seconds)
    _set(resource.RLIMIT_FSIZE, limits.file)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_NOFILE, 128)
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        _set(resource.RLIMIT_AS, pages * resource.getpagesize() + (limits.memory << 20))


def _set(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(which, (value, value))


def _take_rights(home: Path) -> None:
    """Leave the answer no further process; where this is root, nothing of root's to write to."""
    if os.getuid() == 0:
        os.chown(home, NOBODY, NOBODY)
        _drop_rights()
    _die_with_parent()  # a change of the user forgets it
    _set(resource.RLIMIT_NPROC, 0)  # counts for all but root


def _drop_rights() -> bool:
    """Become `nobody` where this is root, for root may start any number of processes; return True if so.

    Where the library lies in a folder of root's own, the right to read it stays, and with it every other file.
    """
    if os.getuid() != 0:
        return False
    reads = all(_open_to_all(Path(name)) for name in (__file__, os.__file__))
    try:
        if not reads:
            _libc().prctl(KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:
        return False
    kept = 0 if reads else READ_ALL
    sets = (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)  # effective, permitted, inheritable; twice
    return sys.platform != "linux" or _libc().capset((ctypes.c_uint32 * 2)(CAPABILITIES, 0), sets) == 0


def _open_to_all(file: Path) -> bool:
    file = file.resolve()
    return bool(file.stat().st_mode & 0o004) and all(folder.stat().st_mode & 0o001 for folder in file.parents)


def _cut_off() -> int:
    """Leave the network and sight of other processes, where permitted; return the flags that held."""
    if sys.platform != "linux":
        return 0
    user = 0 if os.getuid() == 0 else NEWUSER
    for flags in (NEWNET | NEWPID | NEWIPC, NEWNET, NEWPID):
        if _libc().unshare(user | flags) == 0:
            return flags
    return 0


def _die_with_parent() -> None:
    if sys.platform == "linux":
        _libc().prctl(PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def _close_all_but(writer: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    highest = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 4096)
    os.closerange(3, writer)
    os.closerange(writer + 1, highest)
