"""Kill, damage, fill and crowd every command, and sort how each ends.

    python tests/faults/campaign.py --kills 120 --damages 1600 --full 40 --crowds 30 --seed 0 --json FILE

An outcome is right (the result is that of an undisturbed run, at once or when the command is called again), refused
(the message names what is wrong), or one of the faults: a traceback, a refusal that names nothing, a silently wrong
result, a hang, code that was run, a file of the student's that is lost, a part that is left over.
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
from forks import OUR_FAULT, Ended, Process, Work

LIMIT = 60.0
"""Seconds after which a command counts as hanging; the longest takes two."""
LARGE = 2**28
"""Bytes of a disk with room for everything."""
FAULTS = ("traceback", "names nothing", "silently wrong", "hang", "code was run", "file lost", "part left over")


@dataclass(frozen=True)
class Outcome:
    """How one disturbed command ended."""

    kind: str
    case: str
    disturbance: str
    sort: str
    said: str = ""


class Campaign:
    """A world, what every command leaves in it when nothing disturbs it, and the disturbances."""

    def __init__(self, home: Path, chance: Random) -> None:
        self.home, self.chance = home, chance
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
            raise RuntimeError(f"{title} ended with {ended.status}: {ended.said}")
        return ended

    def _prepare_halfway(self) -> None:
        """A record that was killed after its second epoch, a report's record, and an exported result."""
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
        """Note what a command leaves, and how many times it changes a file."""
        world = worlds.copy(self.world, self.home / "undisturbed")
        counted = self.home / "operations"
        counted.write_text("")

        def count(path: Path) -> None:
            if path.is_relative_to(world):
                with counted.open("a") as file:
                    file.write(".")

        ended = Process(case.work(world), world, worlds.environment(world), LIMIT, count).wait()
        if ended.status not in (0, 1) or "Traceback" in ended.said:
            raise RuntimeError(f"{case.name} ended with {ended.status}: {ended.said}")
        self.operations[case.name] = len(counted.read_text())
        self.expected[case.name] = self._left(case, world)
        shutil.rmtree(world)

    @staticmethod
    def _left(case: Case, world: Path) -> dict[str, dict[str, str]]:
        return {name: worlds.content(world / name) for name in case.leaves if (world / name).exists()}

    # --- disturbances: each yields how many seconds to wait, then its outcomes ---

    def damage(self, number: int) -> tuple[Case, str, Callable[[Path], Outcome]]:
        """A command that meets a damaged file."""
        case = self.chance.choice([case for case in CASES if case.reads])
        damage, chance = self.chance.choice(DAMAGES), Random(self.chance.random())

        def disturbed(world: Path) -> Outcome:
            pattern = chance.choice([pattern for pattern in case.reads if list(world.glob(pattern))])
            file = chance.choice(
                sorted(file for file in world.glob(pattern) if file.is_file() and file.name != worlds.OWN)
            )
            damage(file, chance)
            own = worlds.own_files(world)
            what = f"{file.relative_to(world)} {damage.__name__}"
            ended = Process(case.work(world), world, worlds.environment(world), LIMIT).wait()
            sort = self._judge(case, world, ended, own)
            if sort == "different":
                other_input = of_the_user(file, world) and (damage is gone or readable(file))
                told = file.name in ended.said or "left out" in ended.said
                sort = "told" if told else "another input" if other_input else "silently wrong"
            if sort == "refused" and not _names(ended.said, file, world):
                sort = "names nothing"
            return Outcome("damage", case.name, what, sort, ended.said)

        return case, damage.__name__, disturbed

    def kill(self, number: int) -> tuple[Case, str, Callable[[Path], Outcome]]:
        """A command that is killed at an operation on files, or at a moment, and called again."""
        case = self.chance.choice([case for case in CASES if case.writes])
        by_time = self.chance.random() < 0.25
        at = self.chance.randrange(max(1, self.operations[case.name]))
        moment = self.chance.uniform(0.0, 1.0)

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
                return Outcome("kill", case.name, what, self._judge(case, world, ended, own), ended.said)
            worlds.age_parts(world)
            ended = Process(case.work(world), world, worlds.environment(world), LIMIT).wait()
            return Outcome("kill", case.name, what, self._judge(case, world, ended, own, strict=True), ended.said)

        return case, "killed", disturbed

    def fill(self, number: int) -> tuple[Case, str, Callable[[Path], Outcome]]:
        """A command on a disk that becomes full, and once more when there is room."""
        case = self.chance.choice([case for case in CASES if case.writes])
        room = int(self.chance.choice([4, 16, 64, 256, 1024]) * self.chance.uniform(0.5, 2.0)) * 1024

        def disturbed(world: Path) -> Outcome:
            with _disk(world, room) as disk:
                own = worlds.own_files(disk)
                ended = Process(case.work(disk), self.home, worlds.environment(disk), LIMIT).wait()
                what = f"{room // 1024} kB free"
                sort = self._judge(case, disk, ended, own)
                if sort == "refused" and not re.search(r"full|MB are free|room", ended.said):
                    return Outcome("full disk", case.name, what, "names nothing", ended.said)
                if sort not in ("right", "refused"):
                    return Outcome("full disk", case.name, what, sort, ended.said)
                subprocess.run(["mount", "-o", f"remount,size={LARGE}", str(disk.parent)], check=True)
                worlds.age_parts(disk)
                again = Process(case.work(disk), self.home, worlds.environment(disk), LIMIT).wait()
                return Outcome(
                    "full disk", case.name, what, self._judge(case, disk, again, own, strict=True), again.said
                )

        return case, "full", disturbed

    def crowd(self, number: int) -> tuple[Case, str, Callable[[Path], Outcome]]:
        """The same command two or four times at once."""
        case = self.chance.choice([case for case in CASES if case.writes and case.together])
        several = self.chance.choice([2, 4])

        def disturbed(world: Path) -> Outcome:
            own, logs = worlds.own_files(world), []
            for process in range(several):
                logs.append(world / "tmp" / f"process{process}")
                logs[-1].mkdir()
            at_work = [Process(case.work(world), log, worlds.environment(world), 2 * LIMIT) for log in logs]
            sorts = [(self._judge(case, world, ended, own), ended.said) for ended in [one.wait() for one in at_work]]
            worst = next((sort for sort in sorts if sort[0] not in ("right", "refused")), None)
            if worst is None and all(sort == "refused" for sort, _ in sorts):
                worst = ("silently wrong", sorts[0][1])  # nobody got a result
            sort, said = worst or ("right", "")
            return Outcome(
                "crowd", case.name, f"{several} at once", "silently wrong" if sort == "different" else sort, said
            )

        return case, "crowd", disturbed

    def _judge(self, case: Case, world: Path, ended: Ended, own: dict[str, str], strict: bool = False) -> str:
        """Sort how a command ended; `strict`, where it was called again and nothing else than right is right."""
        if ended.status is None:
            return "hang"
        if ended.status == OUR_FAULT or ended.status < 0 or "Traceback (most recent call last)" in ended.said:
            return "traceback"
        if next(world.rglob(SENTINEL), None) is not None:
            return "code was run"
        if worlds.own_files(world) != own:
            return "file lost"
        if strict and (left := worlds.parts(world)):
            ended.said += f"\nleft over: {', '.join(map(str, left))}"
            return "part left over"
        if ended.status >= 2 or (ended.status == 1 and not case.leaves):
            return "silently wrong" if strict else "refused"
        if self._left(case, world) == self.expected[case.name]:
            return "right"
        return "silently wrong" if strict else "different"


def _names(said: str, file: Path, world: Path) -> bool:
    """Whether a message names a file, a folder around it, the record that it belongs to, or the data that changed."""
    named = [file.name, file.stem, str(file.parent), *(str(parent) for parent in file.parents if parent != world)]
    return any(name in said for name in named if len(name) > 2 and name not in ("/", str(world.parent)))


@contextlib.contextmanager
def _disk(world: Path, room: int) -> Iterator[Path]:
    """The world on a disk of its own, with so many bytes free."""
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
    """Whether this process may mount a small disk."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
        )
        if mounted.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return mounted.returncode == 0


def run(counts: dict[str, int], seed: int, home: Path, jobs: int) -> list[Outcome]:
    """Run so many disturbances of each kind, `jobs` at a time; the same seed gives the same ones."""
    campaign = Campaign(home, Random(seed))
    kinds = {"kills": campaign.kill, "damages": campaign.damage, "full": campaign.fill, "crowds": campaign.crowd}
    plan = [kinds[kind](number)[2] for kind, count in counts.items() for number in range(count)]
    campaign.chance.shuffle(plan)
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
    """Disturb a copy of the world in a process of its own."""
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
    """Wait for one, and remove its world."""
    while True:
        child, _ = os.wait()
        if child in at_work:
            break
    _, home = at_work.pop(child)
    outcome = Outcome(**json.loads((home / "outcome.json").read_text()))
    shutil.rmtree(home, ignore_errors=True)
    return outcome


def table(outcomes: list[Outcome]) -> str:
    """Outcomes by kind of disturbance and command."""
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
    """Import once, before the first fork, all that commands import."""
    import timm
    import torch._dynamo

    import dlcvlib.bands
    import dlcvlib.bench.command
    import dlcvlib.embedding
    import dlcvlib.handin.command
    import dlcvlib.report
    import dlcvlib.sam
    import dlcvlib.training

    assert timm and torch._dynamo and dlcvlib


def main() -> int:
    """Run a campaign, print its table, and write the faults to a file; exit status 1 if there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in (("kills", 120), ("damages", 1600), ("full", 40), ("crowds", 30)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="write every outcome there")
    asked = parser.parse_args()
    began = time.monotonic()
    if asked.full and not disks_can_be_made():
        print("full disks are left out: only root can mount a small disk")
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
        print(f"\n{fault.sort}: {fault.kind}, {fault.case}, {fault.disturbance}\n{fault.said[-1500:]}")
    minutes = (time.monotonic() - began) / 60
    print(f"\n{len(outcomes)} disturbances, {len(faults)} faults, {minutes:.1f} minutes, seed {asked.seed}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
