"""Verdict about the collapse of a self-supervised pre-training, from its record: the one that every page tells."""

from __future__ import annotations

from dataclasses import dataclass

from dlcvlib.runs.run import Run

COLUMN = "collapsed"
"""Column of the history: above 0 in epochs that look collapsed."""


@dataclass(frozen=True)
class Collapse:
    """The epochs that look collapsed, and the reason of a collapse that has lasted; its text is the verdict.

    Args:
        epochs: number of epochs with a mark; 0 if the history has none.
        marked: number of those that look collapsed.
        last: number of the last epochs that look collapsed without a gap.
        since: first of these; None if the last epoch does not look collapsed.
        reason: reason in the record of a collapse that has lasted for several epochs; None if there is none.
    """

    epochs: int
    marked: int
    last: int
    since: int | None
    reason: str | None

    def __str__(self) -> str:
        if self.reason:
            return f"It collapsed{f', from epoch {self.since} on' if self.since else ''}: {self.reason}."
        if self.since:
            return (
                f"It looks collapsed since epoch {self.since}, for {self.last} of its {self.epochs} epochs: too short "
                "a time to be sure."
            )
        if self.marked:
            return f"It looked collapsed in {self.marked} of {self.epochs} epochs, but recovered."
        return "It did not collapse."


def collapse_of(run: Run) -> Collapse | None:
    """Return the verdict about a pre-training; None if its record says nothing about a collapse.

    Raises:
        FileNotFoundError: there is no history yet.
    """
    reason, history = _reason(run), run.history
    if COLUMN not in history:
        return Collapse(0, 0, 0, None, reason) if reason else None
    history = history.dropna(subset=[COLUMN])
    marks = (history[COLUMN] > 0).tolist()
    last = next((count for count, mark in enumerate(reversed(marks)) if not mark), len(marks))
    since = int(history["epoch"].iloc[-last]) if last else None
    return Collapse(len(marks), sum(marks), last, since, reason)


def _reason(run: Run) -> str | None:
    """Reason of a collapse; of a stopped run it follows the path of the record in the message."""
    info = run.info
    if info.get("status") == "collapsed":
        return str(info.get("reason")).partition(": ")[2].rstrip(".")
    return info.get("collapse")
