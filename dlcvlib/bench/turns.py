"""Rows that take turns, each within its share of the time: images a second."""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch

from dlcvlib.bench.measuring import OpenLoop, Steps, device_peak, wait_for

WARM_UP = 2
"""Steps before a row is first timed, in which memory is found and kernels are chosen."""
LOADED_AHEAD = 2
"""Batches that each worker of a DataLoader loads before they are asked for."""
Who = Literal["floor", "choice", "resident", "ours", "plain", "lightly", "torchvision"]


@dataclass(frozen=True)
class Row:
    """One way to train."""

    who: Who
    open_loop: OpenLoop
    workers: int = 0
    """Of its DataLoader. They would load on while other rows are timed, so such a loop is closed after each turn."""


@dataclass
class Measured:
    """What the turns of some rows gave, by the rows' names."""

    speeds: dict[str, list[float]] = field(default_factory=dict)
    """Images a second in every round; each row here was in all of them."""
    megabytes: dict[str, float] = field(default_factory=dict)
    """Peak memory on a GPU, beyond what the other rows held."""
    left_out: list[str] = field(default_factory=list)
    """What there was no time for, in words."""


@dataclass(frozen=True)
class Plan:
    """How long rows are measured."""

    rounds: int
    steps: int
    """Timed steps a turn."""
    batch_size: int
    device: torch.device
    deadline: float
    """Of `time.monotonic`, in seconds. A turn that its share of the time cuts short has one timed step at least."""


def take_turns(rows: Mapping[str, Row], plan: Plan) -> Measured:
    """Images a second of every row in every round, so that whatever else slows the machine slows all rows.

    The first round may take all the time: whole turns say more than many. Another begins only if it can be expected to
    end in time, judging by the one before.
    """
    measured = Measured()
    opened: dict[str, Steps] = {}
    taken = 0.0
    try:
        for number in range(plan.rounds):
            started = time.monotonic()
            if number and started + taken > plan.deadline:
                measured.left_out.append(f"{plan.rounds - number} of {plan.rounds} rounds")
                break
            in_all = rows if number == 0 else {name: rows[name] for name in measured.speeds}
            _round(in_all, plan, number, opened, measured)
            taken = time.monotonic() - started
    finally:
        for loop in opened.values():
            loop.close()
        opened.clear()
        gc.collect()  # what a closed loop held lies in cycles
    return measured


def _round(rows: Mapping[str, Row], plan: Plan, number: int, opened: dict[str, Steps], measured: Measured) -> None:
    """One turn of each row; in the first round rows for which no time is left are left out of all."""
    for place, (name, row) in enumerate(rows.items()):
        now = time.monotonic()
        if now > plan.deadline and number == 0 and measured.speeds:
            measured.left_out.append(f"'{name}'")
            continue
        until = now + max(0.0, plan.deadline - now) / (len(rows) - place)
        with device_peak(measured.megabytes, name, plan.device):
            speed, missing = _turn(name, row, plan, until, opened)
        measured.speeds.setdefault(name, []).append(speed)
        measured.left_out += [f"'{name}' in round {number + 1}: {each}" for each in missing]


def _turn(name: str, row: Row, plan: Plan, until: float, opened: dict[str, Steps]) -> tuple[float, list[str]]:
    """Images a second, and what of the turn there was no time for."""
    known = name in opened
    loop = opened.pop(name) if known else row.open_loop()
    begun = time.monotonic()
    ahead = max(1 if known else WARM_UP, LOADED_AHEAD * row.workers)
    warmed = _advance(loop, ahead, begun + (until - begun) / 2, plan.device)
    started = time.perf_counter()
    done = _advance(loop, plan.steps, until, plan.device)
    taken = time.perf_counter() - started
    if row.workers:
        loop.close()
    else:
        opened[name] = loop
    missing = [f"{plan.steps - done} of {plan.steps} steps"] if done < plan.steps else []
    if row.workers and warmed < ahead:
        missing.append(f"{ahead - warmed} of {ahead} batches that were loaded ahead were timed, which flatters it")
    return done * plan.batch_size / taken, missing


def _advance(loop: Steps, steps: int, until: float, device: torch.device) -> int:
    """Do `steps` steps, or fewer, but one at least, so as to end about `until`; returns how many."""
    done = 0
    while done < steps and (done == 0 or time.monotonic() < until):
        next(loop)
        done += 1
    wait_for(device)
    return done
