"""The jobs of a build: their order, what a change runs again, and what is said meanwhile; nothing is trained."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from book import costs, forks, plan
from book.forks import Done
from book.notes import Notes
from book.progress import Progress
from book.records import run_digest
from book.schedule import Schedule
from book.settings import Settings
from dlcvlib.files import generated


class World:
    """Chapters, and what stands in for the processes that would run them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.notebooks, self.out = folder, folder / "notebooks", folder / "out"
        self.notebooks.mkdir()
        self.started: list[str] = []
        self.ended = 0
        self.fails: set[str] = set()
        self.seconds: dict[str, int] = {}
        """Number of looks at a job until it is done."""

    def write(self, name: str, *recipes: str, code: str = "1") -> None:
        (self.notebooks / f"{name}.py").write_text(code)
        with (self.notebooks / "records.yaml").open("a") as file:
            file.write(f"{name}: [{', '.join(recipes)}]\n")

    def start(self, work: object, log: Path, environment: Mapping[str, str] | None = None) -> FakeFork:
        self.started.append(log.stem)
        return FakeFork(self, log.stem)

    def end(self, name: str) -> Done:
        self.ended += 1
        (self.out / "logs").mkdir(parents=True, exist_ok=True)
        (self.out / "logs" / f"{name}.log").write_text(f"the log of {name}\n")
        if name in self.fails:
            return Done(1, 1.0, None)
        if name == costs.PAGES:
            return Done(0, 1.0, None)
        if name[0].isdigit():
            file = self.out / "written"
            file.write_text(json.dumps([name, self.ended]))
            generated.put(file, self.out / f"{name}.ipynb")
            return Done(0, 2.0, None)
        record = self.folder / "runs" / name
        record.mkdir(parents=True, exist_ok=True)
        (record / "run.json").write_text(json.dumps([name, self.ended]))
        return Done(0, 3.0, {"record": [str(record), run_digest(record)], "trained": True})

    def build(
        self, cores: int = 1, early: Callable[[Mapping[str, str]], None] | None = None, **asked: Any
    ) -> list[str]:
        """Run a build; return what it started, in order."""
        self.started = []
        settings = Settings(**{"profile": "smoke", "cores": str(cores), "out": self.out} | asked)
        Schedule(settings, self.notebooks, early).run()
        return self.started


class FakeFork:
    """A job that is done at the look that `World.seconds` says."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.left = world.seconds.get(name, 1)

    def poll(self) -> Done | None:
        self.left -= 1
        return None if self.left > 0 else self.world.end(self.name)

    wait = poll


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setattr(forks, "start", made.start)
    monkeypatch.setattr(forks, "warm_up", lambda: None)
    monkeypatch.setattr("book.schedule.PAUSE", 0)
    monkeypatch.setattr(costs, "read", lambda: {"smoke": {"our_byol-0": 100.0, "usual": 1.0, "other": 1.0}})
    for name in ("OMP_NUM_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "1")
    return made


def test_every_job_runs_once_after_what_it_needs(world: World) -> None:
    world.write("02_classification", "our_scratch")
    world.write("06_finetuning", "our_byol_c")
    world.write("12_report")
    order = world.build(cores=2)
    needs = plan.jobs(world.notebooks, "smoke", 0)
    assert sorted(order) == sorted(needs) and "our_byol-0" in order and "our_byol_c-1" in order
    for name, job in needs.items():
        assert all(order.index(need) < order.index(name) for need in job.needs), name
    assert order[-1] == "12_report"


def test_pages_come_early_but_the_longest_chain_is_not_left_for_the_end(world: World) -> None:
    world.write("01_data_tour")
    world.write("02_classification", "our_scratch", "r1_small_cnn")
    world.write("03_feature_space", "r1_small_cnn")
    world.write("13_mistakes", "our_byol")
    order = world.build()
    assert order[0] == "01_data_tour", "what can be shown at once comes first"
    assert order[1] == "our_byol-0", "what would end late begins at once"
    assert order.index("02_classification") < order.index("03_feature_space")
    assert order.index("r1_small_cnn-0") < order.index("02_classification")


def test_nothing_is_run_when_nothing_has_changed(world: World) -> None:
    world.write("02_classification", "our_scratch")
    world.build()
    assert world.build() == []
    assert sorted(world.build(seed=1)) == ["02_classification", "our_scratch-1"], "another seed is another book"


def test_a_changed_text_runs_its_chapter_and_the_report(world: World) -> None:
    world.write("02_classification", "our_scratch")
    world.write("03_feature_space")
    world.write("12_report")
    world.build()
    (world.notebooks / "03_feature_space.py").write_text("2")
    assert world.build() == ["03_feature_space", "12_report"]


def test_a_removed_record_is_trained_again_and_its_chapters_show_the_new_one(world: World) -> None:
    world.write("02_classification", "our_scratch")
    world.write("03_feature_space", "r1_small_cnn")
    world.build()
    (world.folder / "runs" / "our_scratch-0" / "run.json").unlink()
    assert world.build() == ["our_scratch-0", "02_classification"]


def test_what_fails_is_told_at_the_end_and_only_that_is_left_to_do(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.write("02_classification", "our_scratch")
    world.write("03_feature_space", "r1_small_cnn")
    world.write("04_alone")
    world.fails = {"our_scratch-0", "04_alone"}
    with pytest.raises(SystemExit):
        world.build()
    assert [file.stem for file in world.out.glob("*.ipynb")] == ["03_feature_space"]
    told = capsys.readouterr().err
    assert "=== our_scratch-0 failed ===\nthe log of our_scratch-0" in told and "=== 04_alone failed ===" in told
    assert "02_classification was not run: it needs our_scratch-0" in told
    world.fails = set()
    assert sorted(world.build()) == ["02_classification", "04_alone", "our_scratch-0"]


def test_pages_are_made_while_chapters_wait_and_not_once_all_are_done(world: World) -> None:
    world.write("00_start")
    world.write("01_data_tour")
    world.write("02_classification", "our_scratch")
    world.seconds["our_scratch-0"] = 50
    order = world.build(cores=2, early=lambda waiting: None)
    assert order.index(costs.PAGES) < order.index("02_classification")
    assert order[-1] != costs.PAGES
    (world.notebooks / "02_classification.py").write_text("2")
    assert world.build(cores=2) == ["02_classification"]


def test_a_job_that_can_be_up_to_date_is_noted_with_what_it_took(world: World) -> None:
    world.write("02_classification", "our_scratch")
    world.build()
    notes = Notes.read(world.out)
    assert notes.seconds["smoke"] == {"our_scratch-0": 3.0, "02_classification": 2.0}
    expected = costs.expected(["our_scratch-0", "our_scratch-1", "our_byol-0", "unknown"], "smoke", notes)
    assert expected == {"our_scratch-0": 3.0, "our_scratch-1": 3.0, "our_byol-0": 100.0, "unknown": 2.0}


def test_damaged_notes_are_no_notes(world: World) -> None:
    world.write("04_alone")
    world.build()
    (world.out / ".built.json").write_text("{")
    assert world.build() == ["04_alone"]


def test_the_table_of_costs_keeps_the_other_profiles(tmp_path: Path) -> None:
    file = tmp_path / "costs.yaml"
    costs.write("quick", {"b": 2.04, "a": 1.0}, file)
    costs.write("smoke", {"a": 0.5}, file)
    assert file.read_text().startswith("# Core-seconds")


# --- the line of progress ---


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_that_is_rewritten() -> None:
    terminal = Terminal()
    progress = Progress(100.0, 2, terminal)
    for seconds in (10.0, 20.0):
        progress.show([("our_byol-0", seconds)])
    assert terminal.getvalue().count("\n") == 0 and terminal.getvalue().count("\r") == 2
    assert " 20%" in terminal.getvalue() and "our_byol-0" in terminal.getvalue()


def test_elsewhere_a_line_is_printed_only_when_the_work_has_gone_on() -> None:
    stream = io.StringIO()
    progress = Progress(100.0, 2, stream)
    for seconds in range(100):
        progress.show([("our_byol-0", float(seconds))])
    lines = stream.getvalue().splitlines()
    assert 15 <= len(lines) <= 21 and "\r" not in stream.getvalue()
    assert lines[0].startswith("  0%") and " left" in lines[0]
    assert not any("100%" in line for line in lines), "it is not done before it is done"
