"""torch.compile where it pays back within the run: tried when there is time to gain, kept when it is faster.

To compile a network takes a minute or so, and then every step is some tenths faster, or is not. Neither is known
beforehand; so the training is timed as it is, compiled if what is left of it is long, timed again, and taken back where
nothing was gained. Timing asks nothing of the device: the loop reads its losses now and then, and waits for it anyway.

`$DLCV_COMPILE` is `auto` (the default: this rule on a GPU, nothing on a CPU, where the same seed is to give the same
numbers to the last digit), `always` (this rule on a CPU too, and at once) or `never`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import nn

from dlcvlib import processes

CHOICES = ("auto", "always", "never")
WORTH_TRYING = 600.0
"""Seconds of training left below which the time to compile could not be won back: a minute, against a tenth or two."""
BACKEND = "inductor"
WINDOWS = 2
"""Windows timed in a row; the faster counts, since what else slows a machine makes no step faster."""


def choice() -> str:
    """What `$DLCV_COMPILE` says.

    Raises:
        ValueError: it is none of the three.
    """
    named = os.environ.get("DLCV_COMPILE", "auto")
    if named not in CHOICES:
        raise ValueError(f"DLCV_COMPILE is {named!r}; it must be one of {', '.join(CHOICES)}")
    return named


def uncompiled() -> AbstractContextManager[None]:
    """Run networks as they are inside: evaluation has batches of other sizes, for which all would be compiled anew."""
    return torch.compiler.set_stance("force_eager")


class Compilation:
    """Decides, window by window of steps, whether networks run compiled.

    Args:
        networks: whose forward and backward make up a step; shapes of their batches never change.
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

    def timed(self, seconds_a_step: float, steps_left: int) -> None:
        """Take note of a window of steps and decide how the next one runs; `steps_left` of the whole training."""
        if self.state == "settling":  # the first window pays for caches and allocations
            self.state = "eager"
        elif self.state == "eager":
            self.eager.append(seconds_a_step)
            if len(self.eager) == WINDOWS:
                self._try(steps_left)
        elif self.state == "compiling":  # this window paid for compiling
            self.state = "compiled"
        elif self.state == "compiled":
            self.compiled.append(seconds_a_step)
            if len(self.compiled) == WINDOWS:
                self._keep_if_faster()

    def _try(self, steps_left: int) -> None:
        if not processes.broadcast(steps_left * min(self.eager) >= self.worth_trying):
            self.state = "decided"
            return
        torch._dynamo.config.suppress_errors = True  # without a compiler on the machine, a network runs as it is
        for network in self.networks:
            network.compile(backend=BACKEND, dynamic=False)
        self.state = "compiling"

    def _keep_if_faster(self) -> None:
        if not processes.broadcast(min(self.compiled) < min(self.eager)):
            self.take_back()
        self.state = "decided"

    def take_back(self) -> None:
        """Run the networks as they are, from now on."""
        for network in self.networks:
            network._compiled_call_impl = None
        self.state = "decided"
