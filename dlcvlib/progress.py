"""Progress bars that stay readable in a terminal, in JupyterLab and in papermill's log."""

from __future__ import annotations

import sys

from tqdm import tqdm

from dlcvlib import processes

TERMINAL_SECONDS = 0.5
LOG_SECONDS = 5.0
"""Between two lines where nobody watches, or where each line is kept in the notebook."""


def progress_bar(title: str, total: int | None, unit: str, initial: int = 0) -> tqdm:
    """A bar on the standard error, which the book's pages leave out; of several processes the first one shows it.

    Args:
        title: before the bar.
        total: how many `unit` there are; None where that is not known.
        unit: what is counted, such as "step".
        initial: how many are done already.
    """
    watched = sys.stderr.isatty()
    return tqdm(
        desc=title,
        total=total,
        initial=initial,
        unit=" " + unit,
        mininterval=TERMINAL_SECONDS if watched else LOG_SECONDS,
        dynamic_ncols=watched,
        file=sys.stderr,
        disable=not processes.is_first(),
    )
