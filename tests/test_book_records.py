"""Records that a build trains: trained again when their code changes, and those of others never."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from book import records
from dlcvlib.files.outputs import ForeignFileError
from dlcvlib.runs import Run


class Trainings:
    """Stands in for `dlcvlib.train`: loads a finished record, or writes one."""

    def __init__(self, folder: Path) -> None:
        self.record = folder / "runs" / "smoke" / "r1_small_cnn" / "seed0"
        self.trained = 0

    def train(self, recipe: str, *, profile: str, seed: int, data: object) -> Run:
        if not Run(self.record).finished:
            self.trained += 1
            self.write("finished")
        return Run(self.record)

    def write(self, status: str) -> None:
        self.record.mkdir(parents=True, exist_ok=True)
        (self.record / "run.json").write_text(json.dumps({"schema": 1, "status": status, "number": self.trained}))


@pytest.fixture
def trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    made = Trainings(tmp_path)
    monkeypatch.setattr("dlcvlib.data.find", lambda root: SimpleNamespace(root=tmp_path / "toy"))
    monkeypatch.setattr("dlcvlib.training.train", made.train)
    monkeypatch.setattr("dlcvlib.runs.summary", lambda run: "trained")
    monkeypatch.setattr("dlcvlib.paths.runs_home", lambda root: tmp_path / "runs")
    return made


def build(inputs: str, profile: str = "smoke") -> None:
    records.train("r1_small_cnn", profile, 0, "", inputs)


def test_a_record_of_a_build_is_trained_again_only_when_what_it_depends_on_has_changed(trainings: Trainings) -> None:
    for inputs, count in (("a", 1), ("a", 1), ("b", 2), ("b", 2)):
        build(inputs)
        assert trainings.trained == count, inputs


def test_a_record_that_somebody_else_trained_or_changed_is_loaded_as_it_is(trainings: Trainings) -> None:
    trainings.write("finished")
    build("a")
    build("b")
    assert trainings.trained == 0 and not (trainings.record / records.MARK).exists()
    (trainings.record / "run.json").unlink()
    build("b")
    trainings.write("finished")  # changed after the build
    (trainings.record / "run.json").write_text(json.dumps({"schema": 1, "status": "finished", "mine": True}))
    build("c")
    assert trainings.trained == 1


def test_an_interrupted_record_is_resumed_with_the_same_code_and_begun_again_with_another(
    trainings: Trainings,
) -> None:
    build("a")
    (trainings.record / records.MARK).write_text(json.dumps({"inputs": "a", "run": ""}))
    trainings.write("training")
    (trainings.record / "checkpoint.pt").touch()
    build("a")
    assert (trainings.record / "checkpoint.pt").exists()
    (trainings.record / records.MARK).write_text(json.dumps({"inputs": "a", "run": ""}))
    trainings.write("training")
    build("b")
    assert not (trainings.record / "checkpoint.pt").exists() and trainings.trained == 3


def test_long_trainings_are_never_repeated_for_a_change_of_code(trainings: Trainings) -> None:
    for inputs in ("a", "b"):
        build(inputs, "full")
    assert trainings.trained == 1


def test_a_file_of_the_users_in_a_record_keeps_it(trainings: Trainings) -> None:
    build("a")
    (trainings.record / "notes.txt").write_text("mine")
    with pytest.raises(ForeignFileError, match=r"notes\.txt"):
        build("b")
    assert (trainings.record / "run.json").exists() and (trainings.record / "notes.txt").read_text() == "mine"
