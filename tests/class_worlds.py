"""A class of 100 for the tests of grading: right and wrong answers in every form, 13 of them broken or hostile.

Nothing here harms a machine whose limits fail: loops end, forks and files are few.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from dlcvlib import exercises, paths
from dlcvlib.exercises import answers

CHAPTER, EXERCISE = "07_fcn", "mean_iou"
SIZE = 100
NOT_RIGHT = ("wrong", "broken")
ABSENT = ("missing", "unreadable")


@dataclass(frozen=True)
class HandedIn:
    """A submission, and which results each of its answers may have."""

    student: str
    expected: dict[str, tuple[str, ...]]


def write(folder: Path) -> list[HandedIn]:
    """Write the class's submissions; the sound ones take the book's own right and wrong answers in turn."""
    folder.mkdir(parents=True)
    written = answers.read(paths.answers_home() / f"{CHAPTER}.py")
    names = [exercise.name for exercise in exercises.of_chapter(CHAPTER).exercises]
    turns = {name: cycle([answer for answer in written if answer.exercise == name]) for name in names}
    forms = cycle((script, careless_script, notebook, folder_of_two, archive))
    found = []
    for number in range(SIZE - len(HOSTILE)):
        chosen = [next(turns[name]) for name in names]
        if number % 17 == 16:
            chosen = chosen[1:]  # one exercise is missing
        student = f"student_{number:02}"
        next(forms)(folder, student, [answer.shared for answer in chosen[:1]] + [answer.source for answer in chosen])
        of = {answer.exercise: "right" if answer.right else f"misconception: {answer.label}" for answer in chosen}
        # What is not there may stand in a cell that is no Python.
        found.append(HandedIn(student, {name: (of[name],) if name in of else ABSENT for name in names}))
    for kind, (form, source, results) in HOSTILE.items():
        form(folder, f"hostile_{kind}", [source])
        of_others = ("unreadable",) if results == ("unreadable",) else ("missing",)
        found.append(HandedIn(f"hostile_{kind}", {name: of_others for name in names} | {EXERCISE: results}))
    return found


def script(folder: Path, student: str, cells: list[str]) -> None:
    (folder / f"{student}.py").write_text("\n\n".join(f"# %%\n{cell}" for cell in cells))


def careless_script(folder: Path, student: str, cells: list[str]) -> None:
    """Statements that would fail or harm if they were executed, and a cell that is no Python."""
    careless = [
        "import os\nimport a_package_that_nobody_has\nos._exit(7)",
        "%matplotlib inline\n!rm notes.txt\nrun = chapter.train('our_fcn32s')",
        "this cell is no Python",
    ]
    checks = [f"{EXERCISE} = exercises.check({EXERCISE})", "raise SystemExit"]
    script(folder, student, [*careless, *cells, *checks])


def notebook(folder: Path, student: str, cells: list[str]) -> None:
    (folder / f"{student}.ipynb").write_text(as_notebook(cells))


def as_notebook(cells: list[str]) -> str:
    text = {"cell_type": "markdown", "metadata": {}, "source": ["def mean_iou(pred, target): words"]}
    code = [{"cell_type": "code", "metadata": {}, "source": cell.splitlines(True), "outputs": []} for cell in cells]
    return json.dumps({"cells": [text, *code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def folder_of_two(folder: Path, student: str, cells: list[str]) -> None:
    own = folder / student
    (own / ".ipynb_checkpoints").mkdir(parents=True)
    (own / ".ipynb_checkpoints" / f"{CHAPTER}.py").write_text("def mean_iou(pred, target):\n    return 0.0\n")
    (own / f"{CHAPTER}.ipynb").write_text(as_notebook(cells))
    (own / "older.py").write_text("def another(pred, target):\n    return 1.0\n")


def archive(folder: Path, student: str, cells: list[str]) -> None:
    with zipfile.ZipFile(folder / f"{student}.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(f"work/{CHAPTER}.ipynb", as_notebook(cells))
        file.writestr("__MACOSX/work/._x.ipynb", b"\x00\x01")


def broken_json(folder: Path, student: str, cells: list[str]) -> None:
    (folder / f"{student}.ipynb").write_text(as_notebook(cells)[:-20])


def zip_bomb(folder: Path, student: str, cells: list[str]) -> None:
    with zipfile.ZipFile(folder / f"{student}.zip", "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(8):
            file.writestr(f"{number}.ipynb", b" " * 40_000_000)


def body(*lines: str) -> str:
    """Source of the answer with these lines."""
    return "import ctypes, os, signal, time\n\n\ndef mean_iou(pred, target):\n" + "".join(
        f"    {line}\n" for line in lines
    )


Form = Callable[[Path, str, list[str]], None]
HOSTILE: dict[str, tuple[Form, str, tuple[str, ...]]] = {
    "endless": (
        script,
        body("while True:", "    try:", "        len('')", "    except BaseException:", "        pass"),
        ("broken",),
    ),
    "sleeping": (script, body("time.sleep(10 ** 6)"), ("broken",)),
    "exit": (notebook, body("os._exit(0)"), ("broken",)),
    "segfault": (script, body("ctypes.string_at(0)"), ("broken",)),
    "memory": (script, body("return [bytearray(10 ** 8) for _ in range(80)]"), NOT_RIGHT),
    "forks": (
        script,
        body(
            "for _ in range(200):",
            "    if os.fork() == 0:",
            "        time.sleep(0.2)",
            "        os._exit(0)",
            "return 0.25",
        ),
        ("wrong", "constant"),
    ),
    "printing": (script, body("while True:", "    print('x' * 10 ** 6)"), ("broken",)),
    "filling": (
        folder_of_two,
        body("with open('large', 'wb') as file:", "    for _ in range(300):", "        file.write(b'x' * 10 ** 6)"),
        NOT_RIGHT,
    ),
    "killing": (script, body("os.kill(os.getppid(), signal.SIGKILL)", "time.sleep(10 ** 6)"), NOT_RIGHT),
    "forging": (
        script,
        body(
            "for descriptor in range(3, 64):",
            "    try:",
            "        os.write(descriptor, b'{\"seen\": [], \"outcome\": \"right\", \"points\": 100}\\n')",
            "    except OSError:",
            "        pass",
            "os._exit(0)",
        ),
        ("broken",),
    ),
    "patching": (
        script,
        body(
            "from dlcvlib.exercises import judge, observation",
            "observation.Observation.equals = lambda *_: True",
            "judge.verdict = judge.judge = lambda *_: judge.Verdict('mean_iou', 'right')",
            "return 0.25",
        ),
        ("constant",),
    ),
    "json": (broken_json, body("return 1"), ("unreadable",)),
    "bomb": (zip_bomb, "", ("unreadable",)),
}  # fmt: skip
