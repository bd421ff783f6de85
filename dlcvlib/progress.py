"""Progress bars for a terminal, JupyterLab and papermill's log."""

from __future__ import annotations

import sys

from tqdm import tqdm

from dlcvlib import processes

TERMINAL_SECONDS = 0.5
LOG_SECONDS = 5.0
"""Interval between updates in a notebook or a log, where every update stays as a line."""


def progress_bar(title: str, total: int | None, unit: str, initial: int = 0) -> tqdm:
    """Progress bar on stderr, which the book's pages leave out; only rank 0 shows it.

    Args:
        title: text before the bar.
        total: number of units; None if unknown.
        unit: name of the unit, such as "step".
        initial: number of units already done.
    """
    terminal = sys.stderr.isatty()
    return tqdm(
        desc=title,
        total=total,
        initial=initial,
        unit=" " + unit,
        mininterval=TERMINAL_SECONDS if terminal else LOG_SECONDS,
        dynamic_ncols=terminal,
        file=sys.stderr,
        disable=not processes.is_first(),
    )
