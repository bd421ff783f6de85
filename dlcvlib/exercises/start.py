"""Exercises and questions of chapter 0: files that appear whole, and load-or-train."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import IO, Any
from unittest import mock

from dlcvlib.exercises.exercise import Answer, Case, Choice, Exercise, ExerciseSet, Question
from dlcvlib.files import atomic

OLD, NEW = b"the old record", b"the new record, which is longer"

# A file that appears whole ------------------------------------------------------------------------------------------


def whole_file(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """The library's atomic file, written by a function."""
    with atomic.whole_file(path) as file:
        write(file)


def _written(answer: Answer, old: bytes | None, failure: BaseException | None = None) -> Any:
    """Files of a folder while one is written there and afterwards; the writer may fail midway."""
    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        path = folder / "record.json"
        if old is not None:
            path.write_bytes(old)
        during: dict[str, Any] = {}

        def write(file: IO[bytes]) -> None:
            file.write(NEW[:9])
            during["the file reads, while it is written"] = _content(path)
            during["the temporary file is in the same folder"] = _is_in(folder, file)
            if failure is not None:
                raise failure
            file.write(NEW[9:])

        with _renamings(path) as renamed:
            raised = _error_of(lambda: answer(path, write))
        return during | {
            "renamed once it is complete": renamed == [] if failure else NEW in [new for new, _ in renamed],
            "the old file is there until then": all(before == old for _, before in renamed),
            "the file reads, afterwards": _content(path),
            "files in the folder": len(list(folder.rglob("*"))),
            "raised": raised,
        }


def _content(path: Path) -> str:
    return path.read_bytes().decode() if path.is_file() else "there is no file"


def _is_in(folder: Path, file: IO[bytes]) -> bool:
    with suppress(OSError, AttributeError):  # a buffer in memory has no number
        opened = os.fstat(file.fileno())
        return any(os.path.samestat(opened, other.stat()) for other in folder.rglob("*"))
    return False


@contextmanager
def _renamings(path: Path) -> Iterator[list[tuple[bytes, bytes | None]]]:
    """Collect, for each file renamed to `path`, its content and that of the file it replaces."""
    found: list[tuple[bytes, bytes | None]] = []

    def watched(rename: Callable[..., None]) -> Callable[..., None]:
        def call(source: Any, target: Any, **named: Any) -> None:
            if os.path.realpath(target) == str(path):
                found.append((Path(source).read_bytes(), path.read_bytes() if path.is_file() else None))
            rename(source, target, **named)

        return call

    with mock.patch("os.replace", watched(os.replace)), mock.patch("os.rename", watched(os.rename)):
        yield found


def _error_of(call: Callable[[], Any]) -> str:
    try:
        call()
    except NotImplementedError:  # the answer is not written yet
        raise
    except (Exception, KeyboardInterrupt) as error:
        return type(error).__name__
    return "nothing"


def _first_file(answer: Answer) -> Any:
    return _written(answer, None)


def _replaced(answer: Answer) -> Any:
    return _written(answer, OLD)


def _writer_fails(answer: Answer) -> Any:
    return _written(answer, OLD, ValueError("the writer fails midway"))


def _first_fails(answer: Answer) -> Any:
    return _written(answer, None, ValueError("the writer fails midway"))


def _interrupted(answer: Answer) -> Any:
    return _written(answer, OLD, KeyboardInterrupt())


WHOLE_FILE = Exercise(
    name="whole_file",
    reference=whole_file,
    cases=(
        Case("a first file", _first_file, "The file gets its name only after the last byte is written."),
        Case("an old file is replaced", _replaced, "What does another program read while `write` runs?"),
        Case("the writer fails midway", _writer_fails, "The old file stays, nothing else does, and the error goes on."),
        Case("the writer of a first file fails", _first_fails, "There was no file before, and there is none after."),
        Case("the kernel is interrupted midway", _interrupted, "Is a KeyboardInterrupt an Exception?"),
    ),
    misconceptions={
        "written_in_place": "You open the file itself for writing. From then on the old content is gone, and until the "
        "end another program reads a part of the new one.",
        "on_another_disk": "The temporary file is in another folder. That may be another disk, and between disks a "
        "rename copies byte by byte, or raises an error.",
        "left_behind": "After an error the temporary file stays. A training that fails each night fills the disk.",
        "old_file_deleted_first": "The old file is deleted before the new one has its name. If the machine stops in "
        "between, both are gone. A rename replaces it in one step.",
        "renamed_before_closed": "The file gets its name while it is still open: its last bytes are in a buffer, not "
        "in the file.",
        "half_renamed": "The file gets its name after an error, too. `finally` runs in every case.",
        "error_swallowed": "The writer's error is lost, so whoever called believes that the file was written.",
        "interrupt_forgotten": "After an error all is well, but not after an interrupted kernel: a KeyboardInterrupt "
        "is no Exception.",
    },
)

# Load or train ------------------------------------------------------------------------------------------------------


def load_or_train(folder: Path, seed: int, train: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """Record of a seed: read if there is a whole one, else trained and stored."""
    file = folder / f"seed{seed}.json"
    with suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads(file.read_bytes())
        return found
    record = train(seed)
    atomic.write_json(file, record)
    return record


class _Training:
    """A training that takes no time and counts how often it is called."""

    def __init__(self, failures: int = 0) -> None:
        self.seeds: list[int] = []
        self.failures = failures

    def __call__(self, seed: int) -> dict[str, Any]:
        self.seeds.append(seed)
        if len(self.seeds) <= self.failures:
            raise ValueError("the loss is not finite")
        return {"seed": seed, "accuracy": 0.5 + seed / 100, "epochs": 30}


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        folder = Path(name) / "runs"
        folder.mkdir()
        yield folder


def _trained_once(answer: Answer) -> Any:
    train = _Training()
    with _folder() as folder:
        record = answer(folder, 3, train)
        return {"record": record, "trained": train.seeds, "stored": any(folder.rglob("*"))}


def _called_twice(answer: Answer) -> Any:
    train = _Training()
    with _folder() as folder:
        return {"records": [answer(folder, 3, train) for _ in range(2)], "trained": train.seeds}


def _two_seeds(answer: Answer) -> Any:
    train = _Training()
    with _folder() as folder:
        return {"records": [answer(folder, seed, train) for seed in (3, 8, 3)], "trained": train.seeds}


def _cut_short(answer: Answer) -> Any:
    """The process was killed when half of the record was written."""
    train = _Training()
    with _folder() as folder:
        answer(folder, 3, train)
        for file in folder.rglob("*.*"):
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        return {"records": [answer(folder, 3, train) for _ in range(2)], "trained": train.seeds}


def _after_a_restart(answer: Answer) -> Any:
    """Another process, on a copy of the folder."""
    train = _Training()
    with _folder() as folder:
        answer(folder, 3, train)
        return {"record": answer(copytree(folder, folder.parent / "copy"), 3, train), "trained": train.seeds}


def _first_try_fails(answer: Answer) -> Any:
    train = _Training(failures=1)
    with _folder() as folder:
        raised = _error_of(lambda: answer(folder, 3, train))
        return {"raised": raised, "record": answer(folder, 3, train), "trained": train.seeds}


LOAD_OR_TRAIN = Exercise(
    name="load_or_train",
    reference=load_or_train,
    cases=(
        Case("no record yet", _trained_once, "Train, store, and return the record."),
        Case("the same call twice", _called_twice, "The second call finds a record."),
        Case("seeds 3, 8 and 3 again", _two_seeds, "Each seed has a record of its own."),
        Case("the record was cut short", _cut_short, "How do you notice that half of a JSON file is missing?"),
        Case("another process, later", _after_a_restart, "What is kept when the process ends?"),
        Case("the first training fails", _first_try_fails, "A training that failed leaves no record."),
    ),
    misconceptions={
        "trains_again": "A record is written, but never read: each call trains. Look for it first.",
        "trusts_a_half_record": "That there is a file is taken for a finished training. A process that was killed "
        "leaves a part of one, and reading it fails. Train again then.",
        "not_stored": "The record is returned, but not stored. The next call cannot find it.",
        "seed_ignored": "Another seed gets the record of the first one. Five seeds would then agree to the last digit, "
        "which is how one notices.",
        "kept_in_memory": "The record is kept in memory only. After a restart of the kernel all is trained again.",
        "failure_stored": "A failed training leaves a record, too: the next call returns it instead of training.",
    },
)

# Questions ----------------------------------------------------------------------------------------------------------

INTERRUPTED = Question(
    "interrupted",
    "You interrupt the kernel while a training is in its 7th epoch, and run the cell again. What happens?",
    {
        "from_start": Choice(
            "It trains from the first epoch on.",
            "It would if only the end were written. A checkpoint is written during the training, too.",
        ),
        "resumes": Choice(
            "It resumes after the last epoch that was completed.",
            "The checkpoint holds weights, optimizer and random numbers, so the result is that of a training "
            "without a break.",
        ),
        "damaged": Choice(
            "It stops with an error: the record is damaged.",
            "Every file of a record appears whole or not at all, so an interrupt leaves the files of the last "
            "completed epoch.",
        ),
    },
    right="resumes",
)
SAME_RECIPE = Question(
    "same_recipe",
    "The same recipe is trained in the profile `quick` and in the profile `full`. What do both have in common?",
    {
        "accuracy": Choice(
            "About the same accuracy.",
            "Data, network and number of epochs differ. A number of one profile says nothing about the other.",
        ),
        "method": Choice(
            "The method: the kind of network, the loss, and the code that runs.",
            "A profile changes sizes and lengths to fit a machine, so a report names the profile beside the number.",
        ),
        "weights": Choice(
            "The weights, which are only rounded differently.",
            "The networks can differ in their number of layers, so there is no weight to compare.",
        ),
    },
    right="method",
)

exercises = ExerciseSet("00_start_here", exercises=(WHOLE_FILE, LOAD_OR_TRAIN), questions=(INTERRUPTED, SAME_RECIPE))
