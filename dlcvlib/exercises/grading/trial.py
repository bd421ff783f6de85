"""Trial of one answer in its process: read the submission, take the answer's slice, execute it, try every case.

What the process sends are observations, as data; the judgement is made elsewhere, so an answer cannot change it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcvlib.exercises.exercise import Exercise
from dlcvlib.exercises.grading import likeness, slicing, sources
from dlcvlib.exercises.judge import run
from dlcvlib.exercises.observation import Observation


@dataclass(frozen=True)
class Tried:
    """Outcome of trying an answer."""

    found: bool = False
    """The submission defines a function of this name."""
    file: str = ""
    shape: str = ""
    """Shape of the answer's syntax tree (`likeness`)."""
    uses_library: bool = False
    problems: tuple[str, ...] = ()
    """Parts that could not be read."""
    raised: str = ""
    """Error of the slice itself, before any case."""
    seen: tuple[Observation, ...] = ()


def trial(path: Path, chapter: str, exercise: Exercise, out: int, take_rights: Callable[[], None]) -> None:
    """Try the answer to an exercise in the submission at `path`; write two lines of JSON to the descriptor `out`."""
    read = sources.read(path)
    problems = list(read.problems)
    facts: dict[str, Any] = {"found": False, "problems": problems}
    module = None
    for name in sorted(read.files, key=lambda name: (chapter not in name, name)):
        found, errors = slicing.statements(read.files[name])
        problems += [f"{name}: {error}" for error in errors]
        own = slicing.definition(found, exercise.name)
        if own is None:
            continue
        if module is not None:
            problems.append(f"{name}: defines {exercise.name} again; that of {facts['file']} was graded")
            continue
        module = slicing.sliced(found, exercise.name)
        uses = slicing.uses_library(module)
        facts |= {"found": True, "file": name, "shape": likeness.shape(own), "uses_library": uses}
    _send(out, facts)
    if module is not None:
        take_rights()
        _send(out, _tried(module, exercise))


def _tried(module: Any, exercise: Exercise) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "answer"}
    try:
        exec(compile(module, f"<{exercise.name}>", "exec", dont_inherit=True), namespace)
        answer = namespace[exercise.name]
    except (Exception, SystemExit) as error:
        return {"raised": f"{type(error).__name__}: {error}"}
    if not callable(answer):
        return {"raised": f"{exercise.name} is no function"}
    return {"seen": [observation.to_data() for observation in run(exercise, answer)]}


def tried(content: bytes) -> Tried:
    """Return what a trial sent; what it did not come to is left at its default."""
    lines = content.split(b"\n")
    try:
        facts = json.loads(lines[0])
        result = json.loads(lines[1]) if len(lines) > 2 else {}
        return Tried(
            bool(facts["found"]),
            str(facts.get("file", "")),
            str(facts.get("shape", "")),
            bool(facts.get("uses_library")),
            tuple(map(str, facts["problems"])),
            str(result.get("raised", ""))[:500],
            tuple(Observation.from_data(each) for each in result.get("seen", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return Tried(problems=("what its process sent cannot be read",) if content else ())


def _send(out: int, content: dict[str, Any]) -> None:
    data = json.dumps(content).encode() + b"\n"
    while data:
        data = data[os.write(out, data) :]
