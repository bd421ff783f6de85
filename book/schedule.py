"""Run the jobs that are not up to date, in forks of this process, as many side by side as there are cores.

Chapters come first, then what the first chapters wait for, so that pages appear early; but a job goes first if what
follows from it would otherwise end the build late.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from book import chapters, costs, forks, machine, plan, records
from book.commands import ROOT
from book.forks import Done, Fork
from book.inputs import Inputs
from book.notes import Notes
from book.plan import Job
from book.progress import Progress
from book.settings import Settings
from dlcvlib.files import digests, generated
from dlcvlib.files.atomic import locked_folder

PAUSE = 0.1
"""Seconds between two looks at the running jobs."""
BETWEEN = 3.0
"""Time between two early makings of pages, in times of what the last one took."""


@dataclass
class Running:
    """A job at work."""

    fork: Fork
    inputs: str
    began: float = field(default_factory=time.monotonic)
    card: str | None = None


class Schedule:
    """Jobs of one build.

    Args:
        asked: settings of the build.
        notebooks: folder of the chapters.
        early: makes pages of the chapters that are done, given what the others wait for; None: none are made.
        environment: further variables for the jobs.
    """

    def __init__(
        self,
        asked: Settings,
        notebooks: Path = ROOT / "notebooks",
        early: Callable[[Mapping[str, str]], None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.asked, self.notebooks, self.early = asked, notebooks, early
        self.environment = dict(environment or {})
        self.jobs = plan.jobs(notebooks, asked.profile, asked.seed)
        self.notes = Notes.read(asked.out)
        found = sorted(entry.name for entry in (ROOT / "data").glob("*/") if entry.name != "toy")
        settings = {"profile": asked.profile, "seed": asked.seed, "data": str(asked.data or ""), "found": found}
        folders = {name: self.environment.get(name, os.environ.get(name, "")) for name in ("DLCV_RUNS", "DLCV_HOME")}
        self.inputs = Inputs(notebooks, settings | folders)
        self.codes: dict[str, str] = {}
        self.done: set[str] = set()
        self.failed: list[str] = []
        self.running: dict[str, Running] = {}
        for job in self.jobs.values():  # what a job needs stands before it
            if self.done.issuperset(job.needs) and self.up_to_date(job):
                self.done.add(job.name)
        self.costs = costs.expected([*self.jobs, costs.PAGES], asked.profile, self.notes)
        self.tails = self._tails()

    @property
    def pending(self) -> list[str]:
        """Jobs to be done."""
        return [name for name in self.jobs if name not in self.done and name not in self.failed]

    def digest(self, job: Job) -> str:
        """Return the digest of a job's inputs; what it needs is done."""
        if not job.is_chapter:
            self.codes[job.name] = self.inputs.of_training(job, [self.codes[need] for need in job.needs])
            return self.codes[job.name]
        shown = [self.executed(need) if self.jobs[need].is_chapter else None for need in job.needs]
        needed = [
            digests.file_digest(file) if file else self.notes.records[need][1]
            for need, file in zip(job.needs, shown, strict=True)
        ]
        return self.inputs.of_chapter(job, needed)

    def up_to_date(self, job: Job) -> bool:
        """Return True if a job was done with what it depends on now."""
        digest = self.digest(job)
        if self.notes.inputs.get(job.name) != digest:
            return False
        if job.is_chapter:
            return self.executed(job.name).is_file()
        folder, run = self.notes.records.get(job.name, ("", ""))
        return bool(folder) and records.run_digest(Path(folder)) == run

    def pages_digest(self, source: str) -> str:
        """Return the digest of what the pages are made from: `source`, and the records, whose versions they list."""
        return digests.digest(json.dumps([source, sorted(self.notes.records.items())]).encode())

    def note_pages(self, digest: str, seconds: float) -> None:
        """Note what the finished pages were made from."""
        self.notes.pages = digest
        self.notes.seconds.setdefault(self.asked.profile, {})[costs.PAGES] = round(seconds, 2)
        self.notes.write(self.asked.out)

    def executed(self, chapter: str) -> Path:
        """Return the executed notebook of a chapter."""
        return self.asked.out / f"{chapter}.ipynb"

    def log(self, name: str) -> Path:
        """Return the log of a job."""
        return self.asked.out / "logs" / f"{name}.log"

    def run(self) -> None:
        """Run all pending jobs.

        Raises:
            SystemExit: jobs failed; what was wrong is printed.
        """
        if not self.pending:
            return
        threads = plan.threads(self.asked.profile)
        self.slots = max(1, machine.number_of_cores(self.asked.cores) // threads)
        self.cards = machine.free_cards(self.asked.gpus)
        machine.set_threads(threads, passive=self.asked.profile in plan.SMALL)
        work = sum(self.costs[name] for name in self.pending)
        self.progress = Progress(work, self.slots)
        self.last_early, self.early_took, self.shown = 0.0, 0.0, 0
        self.progress.tell(f"{len(self.pending)} of {len(self.jobs)} chapters and trainings are to be done")
        forks.warm_up()
        try:
            while self.pending or self.running:
                self._start_ready()
                self._collect()
                self.progress.show([(name, self._so_far(name)) for name in self.running])
                if not self.running and not self._ready():
                    break
                time.sleep(PAUSE)
        except KeyboardInterrupt:
            for each in self.running.values():  # Ctrl-C reached them too
                each.fork.wait()
            raise
        finally:
            self.notes.write(self.asked.out)
        self.progress.clear()
        if self.failed:
            self._report()
            raise SystemExit(1)

    def _so_far(self, name: str) -> float:
        return min(time.monotonic() - self.running[name].began, self.costs[name])

    def _ready(self) -> list[Job]:
        """Return the jobs that can start, the next first."""
        ready = [
            job
            for job in map(self.jobs.__getitem__, self.pending)
            if job.name not in self.running and self.done.issuperset(job.needs)
        ]
        left = sum(self.costs[name] for name in self.pending) / self.slots
        order = list(self.jobs)
        late = {job.name for job in ready if self.tails[job.name] > 0.8 * left}
        return sorted(ready, key=lambda job: (not job.is_chapter, job.name not in late, order.index(job.name)))

    def _start_ready(self) -> None:
        if self._early_due():
            waiting = {name: self._waits_for(name) for name in self.jobs if self._waits(name)}
            self.shown, early = self._chapters_done(), self.early
            assert early is not None
            self.running[costs.PAGES] = Running(forks.start(lambda: early(waiting), self.log(costs.PAGES)), "")
        for job in self._ready():
            if len(self.running) >= self.slots:
                return
            needs_card = bool(self.asked.gpus) and (not job.is_chapter or job.name in plan.ON_GPU)
            if needs_card and not self.cards:
                continue
            digest = self.digest(job)
            if self.up_to_date(job):  # what it needs was done again, with the same result
                self._finish(job.name)
                continue
            card = self.cards.pop(0) if needs_card else None
            visible = {"CUDA_VISIBLE_DEVICES": card} if card else {}
            fork = forks.start(self._work(job, digest), self.log(job.name), self.environment | visible)
            self.running[job.name] = Running(fork, digest, card=card)

    def _work(self, job: Job, digest: str) -> Callable[[], Any]:
        asked, data = self.asked, str(self.asked.data or "")
        if job.recipe is not None:
            recipe = job.recipe
            return lambda: records.train(recipe, asked.profile, job.seed, data, digest)
        parameters = {"profile": asked.profile, "seed": asked.seed} | ({"data_root": data} if data else {})
        text, executed = self.notebooks / f"{job.name}.py", self.executed(job.name)
        return lambda: chapters.execute(text, executed, self.log(job.name).with_suffix(".log.ipynb"), parameters)

    def _collect(self) -> None:
        for name, each in list(self.running.items()):
            if (end := each.fork.poll()) is None:
                continue
            del self.running[name]
            if each.card is not None:
                self.cards.append(each.card)
            if name == costs.PAGES:
                self.last_early, self.early_took = time.monotonic(), time.monotonic() - each.began
                self._tell_early(end)
            elif end.status:
                self._fail(name)
            else:
                self.notes.inputs[name] = each.inputs
                if end.result:
                    self.notes.records[name] = end.result["record"]
                if not end.result or end.result["trained"]:  # to load a record says nothing about training it
                    self.notes.seconds.setdefault(self.asked.profile, {})[name] = round(end.seconds, 2)
                self._finish(name)
                self.notes.write(self.asked.out)

    def _finish(self, name: str) -> None:
        self.done.add(name)
        self.progress.done += self.costs[name]

    def _fail(self, name: str) -> None:
        self.failed.append(name)
        self.notes.inputs.pop(name, None)
        if self.jobs[name].is_chapter:
            self.asked.out.mkdir(parents=True, exist_ok=True)
            with locked_folder(self.asked.out):
                generated.remove(self.asked.out, self.executed(name).name)
        self.progress.tell(f"{name} FAILED")
        self.progress.work -= self.costs[name]
        for job in self.jobs.values():  # what needs it cannot be done either
            if job.name in self.pending and set(job.needs) & set(self.failed) and job.name not in self.done:
                self.failed.append(job.name)
                self.progress.work -= self.costs[job.name]

    def _report(self) -> None:
        """Say at the end what failed, with the error of each chapter or training."""
        for name in self.failed:
            log = self.log(name)
            needs = [need for need in self.jobs[name].needs if need in self.failed]
            if needs:
                print(f"\n=== {name} was not run: it needs {', '.join(needs)} ===", file=sys.stderr)
                continue
            text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
            _, found, raised = text.partition("Exception encountered at")
            tail = found + raised if found else "\n".join(text.splitlines()[-40:])
            print(f"\n=== {name} failed ===\n{tail.strip()}\n(whole log: {log})", file=sys.stderr)

    def _chapters_done(self) -> int:
        return sum(job.is_chapter for job in map(self.jobs.__getitem__, self.done))

    def _early_due(self) -> bool:
        if self.early is None or costs.PAGES in self.running or len(self.running) >= self.slots:
            return False
        done = self._chapters_done()
        waits = any(self._waits(name) and name not in self.failed for name in self.jobs)
        rested = time.monotonic() - self.last_early > BETWEEN * self.early_took
        return waits and rested and done > self.shown and (done >= 2 or self.shown > 0)

    def _waits(self, name: str) -> bool:
        return self.jobs[name].is_chapter and name not in self.done

    def _tell_early(self, end: Done) -> None:
        if end.status:
            self.early = None
            self.progress.tell(f"the early pages could not be made (log: {self.log(costs.PAGES)})")
        else:
            self.progress.tell(
                f"{self.shown} chapters can be read already: {ROOT / 'book' / '_build' / 'html' / 'index.html'}"
            )

    def _waits_for(self, chapter: str) -> str:
        needs = [need for need in self.jobs[chapter].needs if need not in self.done]
        if chapter in self.failed or set(needs) & set(self.failed):
            return "It failed: the build says why at its end."
        if not needs:
            return "It is next."
        if chapter.endswith("_report"):
            return "It is composed from all chapters before it."
        return f"It waits for {len(needs)} trainings: {', '.join(needs)}."

    def _tails(self) -> dict[str, float]:
        """Return for each job the core-seconds from its start to the end of the longest chain that follows from it."""
        tails: dict[str, float] = {}
        for job in reversed(self.jobs.values()):
            own = 0.0 if job.name in self.done else self.costs[job.name]
            tails[job.name] = own + tails.get(job.name, 0.0)
            for need in job.needs:
                tails[need] = max(tails.get(need, 0.0), tails[job.name])
        return tails
