"""Progress of a build in one line: share of the expected work, what runs now, minutes left."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from typing import IO

STEP = 0.05
"""Share of the work between two plain lines."""


class Progress:
    """A line that is rewritten in a terminal; elsewhere, plain lines when something has changed.

    Args:
        work: expected core-seconds in all.
        cores: number of jobs that run side by side.
    """

    def __init__(self, work: float, cores: int, stream: IO[str] | None = None) -> None:
        self.work, self.cores = max(work, 1e-9), cores
        self.stream = stream or sys.stdout
        self.done = 0.0
        self.began = time.monotonic()
        self.told = -STEP

    def show(self, running: Sequence[tuple[str, float]]) -> None:
        """Show what runs now.

        Args:
            running: name and expected core-seconds done of each running job.
        """
        share = min(0.99, (self.done + sum(seconds for _, seconds in running)) / self.work)
        if self.stream.isatty():
            width = shutil.get_terminal_size().columns
            self.stream.write(f"\r\x1b[K{self.line(share, [name for name, _ in running])[: width - 1]}")
            self.stream.flush()
        elif share >= self.told + STEP:
            self.told = share
            self.tell(self.line(share, [name for name, _ in running]))

    def line(self, share: float, running: Sequence[str]) -> str:
        """Return the line of a share in [0, 1]."""
        return f"{share:4.0%}  {self.left(share)}  {', '.join(running)}"

    def left(self, share: float) -> str:
        """Return the time left, judged by the expected seconds at first, then by the build's own speed."""
        expected = self.work / self.cores
        elapsed = time.monotonic() - self.began
        pace = elapsed / (share * expected) if share > 0 else 1.0
        trust = min(1.0, share / 0.2)
        seconds = (1 - share) * expected * (trust * pace + (1 - trust))
        return f"{seconds / 60:.0f} min left" if seconds >= 90 else f"{max(seconds, 1):.0f} s left"

    def tell(self, text: str) -> None:
        """Print a line that stays."""
        self.clear()
        print(text, file=self.stream, flush=True)

    def clear(self) -> None:
        """Remove the line that is rewritten."""
        if self.stream.isatty():
            self.stream.write("\r\x1b[K")
            self.stream.flush()
