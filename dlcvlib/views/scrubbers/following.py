"""A scrubber that follows a training which is still going on, in this process or another."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Self

import traitlets

from dlcvlib.runs import Run
from dlcvlib.views.scrubbers.scrubber import Scrubber


class FollowingScrubber(Scrubber):
    """A scrubber of records that may grow: it sets `_records`, and by `refresh` reads them again.

    Attributes:
        message: a line shown with the picture while a training is followed.
    """

    message = traitlets.Unicode().tag(sync=True)

    _records: Sequence[Run]
    _following: threading.Thread | None = None
    _stopped = threading.Event()

    def refresh(self) -> bool:
        """Read the records again; whether there was anything new.

        Raises:
            as the constructor does.
        """
        raise NotImplementedError

    def live(self, interval: float = 2.0) -> Self:
        """Follow a training until it has ended: `refresh` every `interval` seconds.

        What goes wrong meanwhile is said with the picture, and tried again. `stop` ends it.

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
        """Follow no longer; without effect where nothing is followed."""
        self._stopped.set()
        if self._following is not None and self._following is not threading.current_thread():
            self._following.join()
        self._following = None

    def close(self) -> None:
        """Follow no longer, and take the widget away."""
        self._stopped.set()
        super().close()

    def _follow(self, interval: float, stopped: threading.Event) -> None:
        while not stopped.is_set():
            ended = all(run.finished for run in self._records)  # before the last look
            try:
                self.refresh()
                self.message = "" if ended else f"The training goes on; epoch {self.epochs[-1]} is the last so far."
            except (OSError, ValueError) as error:
                self.message = f"The record could not be read, it is tried again: {error}"
                ended = False
            if ended or stopped.wait(interval):
                return
