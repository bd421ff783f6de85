"""torch.compile as a callback of the loop: tried where time can be won back, kept where it is faster.

To compile a network takes about a minute; after that a step is some tenths faster, or is not. So steps are timed, the
networks compiled if much training is left, timed again, and reset where nothing was gained. The loop reads its losses
now and then and waits for the device there anyway, so timing costs nothing.

`$DLCV_COMPILE` is `auto` (the default: this rule on a GPU; nothing on a CPU, where equal seeds give equal digits),
`always` (also on a CPU, and for short trainings) or `never`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch import nn
from tqdm import tqdm

from dlcvlib import processes
from dlcvlib.training.loop import Callback

CHOICES = ("auto", "always", "never")
WORTH_TRYING = 600.0
"""Seconds of training left below which compiling cannot pay: a minute, against a tenth or two of each step."""
BACKEND: Any = "inductor"
WINDOWS = 2
"""Windows of steps timed in a row; the faster one counts, since other load only slows a machine down."""


def choice() -> str:
    """Return `$DLCV_COMPILE`.

    Raises:
        ValueError: it is none of `CHOICES`.
    """
    named = os.environ.get("DLCV_COMPILE", "auto")
    if named not in CHOICES:
        raise ValueError(f"DLCV_COMPILE is {named!r}; it must be one of {', '.join(CHOICES)}")
    return named


class Compilation(Callback):
    """Decides, window by window of steps, if networks run compiled.

    Args:
        networks: called in every step, with batches of constant shapes.
        device: on which they train.
    """

    def __init__(self, networks: Iterable[nn.Module], device: torch.device) -> None:
        self.networks = list(networks)
        wanted = choice()
        self.worth_trying = 0.0 if wanted == "always" else WORTH_TRYING
        on = wanted == "always" or (wanted == "auto" and device.type == "cuda")
        self.state: Literal["settling", "eager", "compiling", "compiled", "decided"] = "settling" if on else "decided"
        self.eager: list[float] = []
        self.compiled: list[float] = []

    def after_steps(self, seconds_per_step: float, steps_left: int) -> None:
        """Record the time of a window of steps, and decide how the next window runs."""
        if self.state == "settling":  # the first window pays for caches and allocations
            self.state = "eager"
        elif self.state == "eager":
            self.eager.append(seconds_per_step)
            if len(self.eager) == WINDOWS:
                self._try(steps_left)
        elif self.state == "compiling":  # this window paid for compiling
            self.state = "compiled"
        elif self.state == "compiled":
            self.compiled.append(seconds_per_step)
            if len(self.compiled) == WINDOWS:
                if not processes.broadcast(min(self.compiled) < min(self.eager)):
                    self._reset()
                self.state = "decided"

    def evaluating(self) -> AbstractContextManager[None]:
        """Run the networks eagerly inside: evaluation has other batch sizes, which would all be compiled."""
        return torch.compiler.set_stance("force_eager")

    def after_training(self) -> None:
        """Reset the networks."""
        self._reset()
        self.state = "decided"

    def _try(self, steps_left: int) -> None:
        if not processes.broadcast(steps_left * min(self.eager) >= self.worth_trying):
            self.state = "decided"
            return
        for network in self.networks:
            network.forward = _compiled(network.forward)
        self.state = "compiling"

    def _reset(self) -> None:
        for network in self.networks:
            vars(network).pop("forward", None)  # uncovers the method of the class


def _compiled(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a forward; where that fails, as without a compiler on the machine, run it eagerly from then on."""
    run = torch.compile(forward, backend=BACKEND, dynamic=False)

    def guarded(*arguments: Any, **options: Any) -> Any:
        nonlocal run
        try:
            return run(*arguments, **options)
        except Exception as error:
            if run is forward:
                raise
            tqdm.write(f"torch.compile failed, so training continues without it: {type(error).__name__}: {error}")
            run = forward
            return run(*arguments, **options)

    return guarded
