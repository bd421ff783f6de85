"""The machine that the jobs of a build share: its cores, its graphics cards, the threads of each job."""

from __future__ import annotations

import os
import subprocess


def number_of_cores(asked: str) -> int:
    """Return the number of cores that the jobs share; "all": those that this process may use."""
    if asked == "all":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(asked)


def free_cards(count: int) -> list[str]:
    """Return the names of the graphics cards to train on, at most `count`."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None and count:
        command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
        try:
            named = ",".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
        except (OSError, subprocess.CalledProcessError):
            named = ""
    found = [name for name in (named or "").split(",") if name]
    return (found or [str(index) for index in range(count)])[:count]


def set_threads(threads: int, *, passive: bool) -> None:
    """Set the threads of PyTorch, before it is imported."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if passive:  # threads that spin while waiting take cores from other jobs, though alone they are a tenth faster
        os.environ["OMP_WAIT_POLICY"] = "passive"
