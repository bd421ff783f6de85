"""The commands of SLURM that Snakemake's plugin calls, each by the name that this file is linked under.

They keep what was asked for and run it; they grant everything. sbatch answers when its job has ended: the plugin looks
ten seconds later each time that it finds one running.
"""

import os
import sys
import time
from pathlib import Path

from queue_of_jobs import ended, queue, submissions, submit


def sbatch(arguments: list[str]) -> None:
    wrapped = next(one for one in arguments if one.startswith("--wrap="))
    number = submit(["sh", "-c", wrapped.removeprefix("--wrap=")], {"asked": arguments})
    while ended(number) is None:
        time.sleep(0.1)
    print(number)


def srun(arguments: list[str]) -> None:
    command = next(place for place, one in enumerate(arguments) if not one.startswith("-"))
    os.execvp(arguments[command], arguments[command:])


def sacct(arguments: list[str]) -> None:
    for number in range(1, len(submissions(queue())) + 1) if "--name" in arguments else ():
        print(number, {None: "RUNNING", 0: "COMPLETED"}.get(ended(number), "FAILED"), sep="|")


def sinfo(arguments: list[str]) -> None:
    print("PARTITION\nmain*")


def nothing(arguments: list[str]) -> None:
    pass


globals().get(Path(sys.argv[0]).name, nothing)(sys.argv[1:])
