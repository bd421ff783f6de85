"""Scrubber that follows a training run in progress, in this process or another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Self

import traitlets

from dlcvlib.runs import Run
from dlcvlib.views.scrubbers.scrubber import Scrubber


class FollowingScrubber(Scrubber):
    """Scrubber of records that may grow; a subclass sets `_records` and overrides `refresh`.

    Attributes:
        message: a line shown with the picture while a training run is followed.
    """

    message = traitlets.Unicode().tag(sync=True)

    _records: Sequence[Run]
    _following: threading.Thread | None = None
    _stopped = threading.Event()

    def refresh(self) -> bool:
        """Read the records again; return True if there was anything new.

        Raises:
            as the constructor does.
        """
        raise NotImplementedError

    def live(self, interval: float = 2.0) -> Self:
        """Call `refresh` every `interval` seconds in a thread until the training run has ended, or until `stop`.

        Errors are shown in `message`, and the next interval tries again.

        Raises:
            ValueError: `interval` is not above 0.
        """
        if interval <= 0:
            raise ValueError(f"interval must be above 0 seconds, got {interval}")
        self.stop()
        self._stopped = threading.Event()
        self._following = threading.Thread(target=self._follow, args=(interval, self._stopped), daemon=True)
        self._following.start()
        return self

    def stop(self) -> None:
        """Stop following; no effect if nothing is followed."""
        self._stopped.set()
        if self._following is not None and self._following is not threading.current_thread():
            self._following.join()
        self._following = None

    def close(self) -> None:
        """Stop following and close the widget."""
        self._stopped.set()
        super().close()

    def _follow(self, interval: float, stopped: threading.Event) -> None:
        while not stopped.is_set():
            ended = all(run.finished for run in self._records)  # checked before the last refresh
            try:
                self.refresh()
                self.message = "" if ended else f"The training goes on; epoch {self.epochs[-1]} is the last so far."
            except (OSError, ValueError) as error:
                self.message = f"The record could not be read and is tried again: {error}"
                ended = False
            if ended or stopped.wait(interval):
                return
