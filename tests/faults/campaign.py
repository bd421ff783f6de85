"""Fault injection: run every command with kills, damaged files, full disks and concurrent copies of itself.

    python tests/faults/campaign.py --kills 120 --damages 1600 --full 40 --crowds 30 --seed 0 --json FILE

An outcome is "right" (the result equals that of an undisturbed run, possibly after a second call), "refused" (an error
message names the file), or one of `FAULTS`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a forked process cannot use threads that torch began before
sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import worlds
from cases import CASES, Case, of_the_user, readable
from damage import DAMAGES, SENTINEL, gone
from forks import UNEXPECTED, Ended, Process, Work

LIMIT = 60.0
"""Time limit of a command in seconds; the longest takes two."""
LARGE = 2**28
"""Size in bytes of a disk that is never full."""
FAULTS = ("traceback", "names nothing", "silently wrong", "hang", "code was run", "file lost", "part left over")


@dataclass(frozen=True)
class Outcome:
    """Outcome of one disturbed command."""

    kind: str
    case: str
    disturbance: str
    sort: str
    output: str = ""


class Campaign:
    """A world, the expected result of every command in it, and the disturbances."""

    def __init__(self, home: Path, rng: Random) -> None:
        self.home, self.rng = home, rng
        self.world = home / "world"
        self.world.mkdir()
        worlds.make(self.world, self._certainly)
        self._prepare_halfway()
        self.expected: dict[str, dict[str, dict[str, str]]] = {}
        self.operations: dict[str, int] = {}
        for case in CASES:
            self._undisturbed(case)

    def _certainly(self, arguments: list[str]) -> None:
        from forks import command

        self._run(command(arguments), self.world, "making the world")

    def _run(self, work: Work, world: Path, title: str) -> Ended:
        ended = Process(work, world, worlds.environment(world), 10 * LIMIT).wait()
        if ended.status not in (0, 1):
            raise RuntimeError(f"{title} ended with {ended.status}: {ended.output}")
        return ended

    def _prepare_halfway(self) -> None:
        """Make a record that was killed after its second epoch, a report's record, and an exported result."""
        from forks import command

        written = self.world / "runs" / worlds.PROFILE / "halfway/seed0/checkpoint.previous.pt"
        process = Process(
            command(["train", "halfway", "--profile", worlds.PROFILE]),
            self.world,
            worlds.environment(self.world),
            LIMIT,
            lambda path: (
                os.kill(os.getpid(), signal.SIGKILL) if path.name.startswith(".history") and written.is_file() else None
            ),
        )
        if process.wait().status != -signal.SIGKILL:
            raise RuntimeError("the training was not killed halfway")
        self._certainly(["train", "r4_vgg13_bn", "--profile", worlds.PROFILE])
        self._certainly(["runs", "--export", str(self.world / "runs" / worlds.PROFILE / "r4_vgg13_bn/seed0")])

    def _undisturbed(self, case: Case) -> None:
        """Store the files that a command writes, and the number of its file operations."""
        world = worlds.copy(self.world, self.home / "undisturbed")
        counted = self.home / "operations"
        counted.write_text("")

        def count(path: Path) -> None:
            if path.is_relative_to(world):
                with counted.open("a") as file:
                    file.write(".")

        ended = Process(case.work(world), world, worlds.environment(world), LIMIT, count).wait()
        if ended.status not in (0, 1) or "Traceback" in ended.output:
            raise RuntimeError(f"{case.name} ended with {ended.status}: {ended.output}")
        self.operations[case.name] = len(counted.read_text())
        self.expected[case.name] = self._left(case, world)
        shutil.rmtree(world)

    @staticmethod
    def _left(case: Case, world: Path) -> dict[str, dict[str, str]]:
        return {name: worlds.content(world / name) for name in case.leaves if (world / name).exists()}

    # --- disturbances ---

    def damage(self, number: int) -> tuple[Case, str, Callable[[Path], Outcome]]:
        """Damage a file before a command runs."""
        case = self.rng.choice([case for case in CASES if case.reads])
        damage, rng = self.rng.choice(DAMAGES), Random(self.rng.random())

        def disturbed(world: Path) -> Outcome:
            pattern = rng.choice([pattern for pattern in case.reads if list(world.glob(pattern))])
            file = rng.choice(
                sorted(file for file in world.glob(pattern) if file.is_file() and file.name != worlds.OWN)
            )
            damage(file, rng)
            own = worlds.own_files(world)
            what = f"{file.relative_to(world)} {damage.__name__}"
            ended = Process(case.work(world), world, worlds.environment(world), LIMIT).wait()
            sort = self._judge(case, world, ended, own)
            if sort == "different":
                other_input = of_the_user(file, world) and (damage is gone or readable(file))
                reported = file.name in ended.output or "left out" in ended.output
                sort = "reported" if reported else "another input" if other_input else "silently wrong"
            if sort == "refused" and not _names(ended.output, file, world):
                sort = "names nothing"
            return Outcome("damage", case.name, what, sort, ended.output)

        return case, damage.__name__, disturbed

    def kill(self, number: int) -> tuple[Case, str, Callable[[Path], Outcome]]:
        """Kill a command at a file operation, or after a random time, and run it again."""
        case = self.rng.choice([case for case in CASES if case.writes])
        by_time = self.rng.random() < 0.25
        at = self.rng.randrange(max(1, self.operations[case.name]))
        moment = self.rng.uniform(0.0, 1.0)

        def disturbed(world: Path) -> Outcome:
            own, seen = worlds.own_files(world), 0

            def die(path: Path) -> None:
                nonlocal seen
                if path.is_relative_to(world):
                    seen += 1
                    if seen > at:
                        os.kill(os.getpid(), signal.SIGKILL)

            process = Process(case.work(world), world, worlds.environment(world), LIMIT, None if by_time else die)
            if by_time:
                time.sleep(moment)
                process.kill()
            ended = process.wait()
            what = f"after {moment:.2f} s" if by_time else f"at operation {at + 1}"
            if ended.status is None or ended.status > 0:
                return Outcome("kill", case.name, what, self._judge(case, world, ended, own), ended.output)
            worlds.age_parts(world)
            ended = Process(case.work(world), world, worlds.environment(world), LIMIT).wait()
            return Outcome("kill", case.name, what, self._judge(case, world, ended, own, strict=True), ended.output)

        return case, "killed", disturbed

    def fill(self, number: int) -> tuple[Case, str, Callable[[Path], Outcome]]:
        """Run a command on a disk that becomes full, and again with enough space."""
        case = self.rng.choice([case for case in CASES if case.writes])
        room = int(self.rng.choice([4, 16, 64, 256, 1024]) * self.rng.uniform(0.5, 2.0)) * 1024

        def disturbed(world: Path) -> Outcome:
            with _disk(world, room) as disk:
                own = worlds.own_files(disk)
                ended = Process(case.work(disk), self.home, worlds.environment(disk), LIMIT).wait()
                what = f"{room // 1024} kB free"
                sort = self._judge(case, disk, ended, own)
                if sort == "refused" and not re.search(r"full|MB are free|room", ended.output):
                    return Outcome("full disk", case.name, what, "names nothing", ended.output)
                if sort not in ("right", "refused"):
                    return Outcome("full disk", case.name, what, sort, ended.output)
                subprocess.run(["mount", "-o", f"remount,size={LARGE}", str(disk.parent)], check=True)
                worlds.age_parts(disk)
                again = Process(case.work(disk), self.home, worlds.environment(disk), LIMIT).wait()
                return Outcome(
                    "full disk", case.name, what, self._judge(case, disk, again, own, strict=True), again.output
                )

        return case, "full", disturbed

    def crowd(self, number: int) -> tuple[Case, str, Callable[[Path], Outcome]]:
        """Run the same command two or four times at once."""
        case = self.rng.choice([case for case in CASES if case.writes and case.together])
        several = self.rng.choice([2, 4])

        def disturbed(world: Path) -> Outcome:
            own, logs = worlds.own_files(world), []
            for process in range(several):
                logs.append(world / "tmp" / f"process{process}")
                logs[-1].mkdir()
            at_work = [Process(case.work(world), log, worlds.environment(world), 2 * LIMIT) for log in logs]
            sorts = [(self._judge(case, world, ended, own), ended.output) for ended in [one.wait() for one in at_work]]
            worst = next((sort for sort in sorts if sort[0] not in ("right", "refused")), None)
            if worst is None and all(sort == "refused" for sort, _ in sorts):
                worst = ("silently wrong", sorts[0][1])  # no process got a result
            sort, output = worst or ("right", "")
            return Outcome(
                "crowd", case.name, f"{several} at once", "silently wrong" if sort == "different" else sort, output
            )

        return case, "crowd", disturbed

    def _judge(self, case: Case, world: Path, ended: Ended, own: dict[str, str], strict: bool = False) -> str:
        """Classify the outcome of a command; with `strict`, for a second call, only "right" is accepted."""
        if ended.status is None:
            return "hang"
        if ended.status == UNEXPECTED or ended.status < 0 or "Traceback (most recent call last)" in ended.output:
            return "traceback"
        if next(world.rglob(SENTINEL), None) is not None:
            return "code was run"
        if worlds.own_files(world) != own:
            return "file lost"
        if strict and (left := worlds.parts(world)):
            ended.output += f"\nleft over: {', '.join(map(str, left))}"
            return "part left over"
        if ended.status >= 2 or (ended.status == 1 and not case.leaves):
            return "silently wrong" if strict else "refused"
        if self._left(case, world) == self.expected[case.name]:
            return "right"
        return "silently wrong" if strict else "different"


def _names(output: str, file: Path, world: Path) -> bool:
    """Return True if a message names a file or a folder that contains it."""
    named = [file.name, file.stem, str(file.parent), *(str(parent) for parent in file.parents if parent != world)]
    return any(name in output for name in named if len(name) > 2 and name not in ("/", str(world.parent)))


@contextlib.contextmanager
def _disk(world: Path, room: int) -> Iterator[Path]:
    """Copy the world to a disk with `room` bytes free."""
    disk = world.with_name(world.name + "-disk")
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={LARGE}", "tmpfs", str(disk)], check=True)
    try:
        copied = worlds.copy(world, disk / "world")
        used = shutil.disk_usage(disk).used
        subprocess.run(["mount", "-o", f"remount,size={used + room}", str(disk)], check=True)
        yield copied
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def disks_can_be_made() -> bool:
    """Return True if this process may mount a small disk."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
        )
        if mounted.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return mounted.returncode == 0


def run(counts: dict[str, int], seed: int, home: Path, jobs: int) -> list[Outcome]:
    """Run `counts` disturbances of each kind, `jobs` at a time; equal seeds give equal disturbances."""
    campaign = Campaign(home, Random(seed))
    kinds = {"kills": campaign.kill, "damages": campaign.damage, "full": campaign.fill, "crowds": campaign.crowd}
    plan = [kinds[kind](number)[2] for kind, count in counts.items() for number in range(count)]
    campaign.rng.shuffle(plan)
    outcomes: list[Outcome] = []
    at_work: dict[int, tuple[int, Path]] = {}
    for number, disturbed in enumerate(plan):
        if len(at_work) >= jobs:
            outcomes.append(_collected(at_work))
        at_work[_forked(campaign, disturbed, number)] = (number, home / f"case{number}")
        if number % 50 == 49:
            print(f"{number + 1} of {len(plan)}: {dict(Counter(outcome.sort for outcome in outcomes))}", flush=True)
    while at_work:
        outcomes.append(_collected(at_work))
    return outcomes


def _forked(campaign: Campaign, disturbed: Callable[[Path], Outcome], number: int) -> int:
    """Run a disturbance on a copy of the world in a forked process."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    home = campaign.home / f"case{number}"
    home.mkdir()
    try:
        outcome = disturbed(worlds.copy(campaign.world, home / "world"))
    except BaseException as error:
        import traceback

        outcome = Outcome("campaign", "?", repr(error), "traceback", traceback.format_exc())
    (home / "outcome.json").write_text(json.dumps(asdict(outcome)))
    os._exit(0)


def _collected(at_work: dict[int, tuple[int, Path]]) -> Outcome:
    """Wait for a process, and remove its world."""
    while True:
        child, _ = os.wait()
        if child in at_work:
            break
    _, home = at_work.pop(child)
    outcome = Outcome(**json.loads((home / "outcome.json").read_text()))
    shutil.rmtree(home, ignore_errors=True)
    return outcome


def table(outcomes: list[Outcome]) -> str:
    """Return a table of outcomes by kind of disturbance and command."""
    sorts = sorted({outcome.sort for outcome in outcomes} | set(FAULTS), key=lambda sort: (sort in FAULTS, sort))
    counts = Counter((outcome.kind, outcome.case, outcome.sort) for outcome in outcomes)
    totals = Counter((outcome.kind, outcome.sort) for outcome in outcomes)
    lines = ["".join([f"{'':<32}", *(f"{sort:>16}" for sort in sorts)])]
    for kind in sorted({outcome.kind for outcome in outcomes}):
        lines.append("".join([f"{kind:<32}", *(f"{totals[kind, sort]:>16}" for sort in sorts)]))
        for case in sorted({outcome.case for outcome in outcomes if outcome.kind == kind}):
            lines.append("".join([f"  {case:<30}", *(f"{counts[kind, case, sort] or '':>16}" for sort in sorts)]))
    return "\n".join(lines)


def _import_all() -> None:
    """Import everything that commands import before the first fork."""
    import timm
    import torch._dynamo

    import dlcvlib.bands
    import dlcvlib.bench.run
    import dlcvlib.embedding
    import dlcvlib.handin
    import dlcvlib.report
    import dlcvlib.sam
    import dlcvlib.training

    assert timm and torch._dynamo and dlcvlib


def main() -> int:
    """Run a campaign, print its table and faults; return exit status 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in (("kills", 120), ("damages", 1600), ("full", 40), ("crowds", 30)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="write all outcomes to this file")
    asked = parser.parse_args()
    began = time.monotonic()
    if asked.full and not disks_can_be_made():
        print("full disks are skipped: only root can mount a small disk")
        asked.full = 0
    _import_all()
    worlds.register_recipes()
    with tempfile.TemporaryDirectory(prefix="dlcv-faults-") as home:
        counts = {name: getattr(asked, name) for name in ("kills", "damages", "full", "crowds")}
        outcomes = run(counts, asked.seed, Path(home), asked.jobs)
    if asked.json is not None:
        asked.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    print(table(outcomes))
    faults = [outcome for outcome in outcomes if outcome.sort in FAULTS]
    for fault in faults[:20]:
        print(f"\n{fault.sort}: {fault.kind}, {fault.case}, {fault.disturbance}\n{fault.output[-1500:]}")
    minutes = (time.monotonic() - began) / 60
    print(f"\n{len(outcomes)} disturbances, {len(faults)} faults, {minutes:.1f} minutes, seed {asked.seed}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
