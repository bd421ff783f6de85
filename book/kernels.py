"""A Jupyter kernel that is a fork of this process, so that a chapter's imports are there already."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager


class ForkedKernelManager(AsyncKernelManager):
    """Manager of a kernel that was forked before anything else ran; it waits for its connection file."""

    def __init__(self, **given: Any) -> None:
        """Fork the kernel."""
        super().__init__(kernel_name="python3", **given)
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(writer)  # so that it reads the end when the manager is gone
            _run_kernel(reader)
        os.close(reader)
        self.waiting = writer
        self.fork = ForkedProcess(pid)

    async def _async_launch_kernel(self, kernel_cmd: list[str], **given: Any) -> None:
        provisioner = self.provisioner
        assert provisioner is not None
        provisioner.process = self.fork  # type: ignore[attr-defined]
        provisioner.pid = provisioner.pgid = self.fork.pid  # type: ignore[attr-defined]
        os.write(self.waiting, f"{self.connection_file}\n{Path.cwd()}".encode())
        os.close(self.waiting)
        self._reconcile_connection_info(provisioner.connection_info)


class ForkedProcess:
    """What a kernel's provisioner asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit status; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self) -> int:
        """Wait for the end; return the exit status."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def _run_kernel(reader: int) -> None:
    status = 1
    try:
        parent = os.getppid()
        os.setsid()
        with os.fdopen(reader, "r") as pipe:
            connection, _, folder = pipe.read().partition("\n")
        if connection:  # else the manager is gone
            os.chdir(folder)
            from ipykernel.kernelapp import IPKernelApp

            # It ends when its parent does.
            IPKernelApp.launch_instance(argv=["-f", connection, f"--IPKernelApp.parent_handle={parent}"])
        status = 0
    finally:
        os._exit(status)
