"""Chapters: a script and a notebook at once, run in order, and again only where something changed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import jupytext
import pytest
from jupytext.config import load_jupytext_config

from book.notebooks import synchronize
from dlcvlib.files import outputs

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
CHAPTERS = sorted([*NOTEBOOKS.glob("[0-9][0-9]_*.py"), *(ROOT / "tests" / "chapters").glob("*.py")])
CHAPTER = '# %% tags=["parameters"]\nprofile = "quick"\nseed = 0\ndata_root = None\n\n# %%\n'


def as_jupyterlab_saves(notebook: object, file_format: str) -> str:
    """The text that jupytext writes with the settings of notebooks/."""
    settings = load_jupytext_config(str(NOTEBOOKS / "a.py"))
    return jupytext.writes(notebook, fmt=file_format, config=settings)


@pytest.mark.parametrize("file", CHAPTERS, ids=lambda file: file.stem)
def test_a_chapter_is_the_same_from_either_side(file: Path) -> None:
    script = file.read_text()
    notebook = as_jupyterlab_saves(jupytext.reads(script, fmt="py:percent"), "ipynb")
    again = as_jupyterlab_saves(jupytext.reads(notebook, fmt="ipynb"), "py:percent")
    assert again == script, f"{file.name} is not as jupytext writes it; `jupytext --sync` puts it right"


@pytest.mark.parametrize("file", CHAPTERS, ids=lambda file: file.stem)
def test_the_notebook_beside_a_chapter_holds_its_text(file: Path) -> None:
    beside = file.with_suffix(".ipynb")
    if not beside.is_file():
        pytest.skip(f"{beside.name} is not there: `make notebooks` writes it")
    assert as_jupyterlab_saves(jupytext.read(beside), "py:percent") == file.read_text(), "`make notebooks` mends it"


@pytest.mark.parametrize("file", CHAPTERS, ids=lambda file: file.stem)
def test_a_chapter_has_one_cell_of_parameters(file: Path) -> None:
    cells = [cell for cell in jupytext.read(file).cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(cells) == 1
    values: dict[str, object] = {}
    exec(cells[0].source, values)
    assert {"profile", "seed", "data_root"} <= set(values)


class Book:
    """A folder of chapters, and the command that runs them as `make book` does."""

    def __init__(self, folder: Path) -> None:
        self.chapters, self.out = folder / "notebooks", folder / "out"
        self.folder = folder
        self.chapters.mkdir()
        shutil.copy(NOTEBOOKS / "jupytext.toml", self.chapters)

    def write(self, name: str, code: str) -> None:
        (self.chapters / f"{name}.py").write_text(CHAPTER + code)

    def start(
        self, *more: str, environment: Mapping[str, str] | None = None, **config: object
    ) -> subprocess.Popen[str]:
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(NOTEBOOKS / "Snakefile")]
        options = ["--directory", str(self.folder), "--cores", "2", "--nolock", "--rerun-incomplete", "--keep-going"]
        values = {"profile": "smoke", "notebooks": self.chapters, "out": self.out} | config
        given = [
            *more,
            "--quiet",
            "progress",
            "rules",
            "host",
            "reason",
            "--config",
            *(f"{name}={value}" for name, value in values.items()),
        ]
        return subprocess.Popen(
            snakemake + options + given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
            start_new_session=True,
        )

    def run(self, *more: str, environment: Mapping[str, str] | None = None, **config: object) -> tuple[int, str]:
        """Exit status and what was said; `more` are options of Snakemake's, `config` values of the Snakefile."""
        process = self.start(*more, environment=environment, **config)
        output, _ = process.communicate(timeout=300)
        return process.returncode, output

    def done(self) -> list[str]:
        return sorted(file.stem for file in self.out.glob("*.ipynb"))


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def test_a_failing_chapter_is_told_at_the_end_and_mending_it_goes_on_with_what_is_left(book: Book) -> None:
    book.write("02_classification", "1 / 0")
    book.write("03_feature_space", "print('needs a record')")
    book.write("04_alone", "print('needs nothing')")
    records = book.chapters / "records.yaml"
    records.write_text("03_feature_space: [no_such_recipe]")
    status, output = book.run()
    assert status != 0
    assert book.done() == ["04_alone"], "what needs the missing record waits, the others run"
    end = output[output.index("=== 02_classification failed ===") :]
    assert "ZeroDivisionError: division by zero" in end and "----> 1 1 / 0" in end
    assert "=== no_such_recipe failed ===" in end and "unknown recipe 'no_such_recipe'" in end
    assert "04_alone: runs" not in end

    book.write("02_classification", "1 / 1")
    records.unlink()
    status, output = book.run()
    assert status == 0
    assert book.done() == ["02_classification", "03_feature_space", "04_alone"]
    assert "04_alone: runs" not in output and "===" not in output


def test_a_killed_build_goes_on_without_unlocking_and_runs_again_only_for_another_seed(book: Book) -> None:
    began = book.folder / "began"
    book.write("01_slow", f"import pathlib, time\npathlib.Path({str(began)!r}).touch()\ntime.sleep(60)")
    process = book.start()
    deadline = time.monotonic() + 60
    while not began.exists():
        assert time.monotonic() < deadline and process.poll() is None, "the chapter did not begin"
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    book.write("01_slow", "print('quick now')")
    status, output = book.run()
    assert status == 0, output
    assert book.done() == ["01_slow"]

    status, output = book.run()
    assert (status, ": runs" in output) == (0, False), "all is done"
    status, output = book.run(seed=7)
    assert (status, ": runs" in output) == (0, True), "another seed is another book"
    assert "seed = 7" in (book.out / "01_slow.ipynb").read_text()


def test_the_report_runs_after_every_other_chapter(book: Book) -> None:
    for name in ("12_report", "02_classification", "09_deeplab"):
        book.write(name, "print(1)")
    status, output = book.run()
    assert status == 0, output
    begun = output.index("12_report: runs")
    assert all(output.index(f"{name}: done") < begun for name in ("02_classification", "09_deeplab"))


def test_a_folder_without_chapters_is_an_error(book: Book) -> None:
    status, output = book.run()
    assert status != 0 and "holds no chapter" in output


# --- the notebooks beside the chapters ---

COURSE = {"01_a": "print(1)", "02_b": "print(2)"}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder of two chapters with their notebooks, as `make notebooks` writes them."""
    shutil.copy(NOTEBOOKS / "jupytext.toml", tmp_path)
    for name, code in COURSE.items():
        (tmp_path / f"{name}.py").write_text(f"# %%\n{code}\n")
    assert synchronize(tmp_path) == []
    return tmp_path


def edit(notebook: Path, code: str, age: float = 0) -> None:
    """Put other code into a notebook's first cell; `age` in seconds."""
    content = jupytext.read(notebook)
    content.cells[0].source = code
    jupytext.write(content, notebook)
    os.utime(notebook, (time.time() - age, time.time() - age))


def test_a_notebook_is_written_beside_each_chapter_and_noted(pairs: Path) -> None:
    notebooks = sorted(pairs.glob("*.ipynb"))
    assert [notebook.stem for notebook in notebooks] == list(COURSE)
    assert outputs.foreign_files(pairs, "*.ipynb") == []
    before = [notebook.read_bytes() for notebook in notebooks]
    assert synchronize(pairs) == [] and [notebook.read_bytes() for notebook in notebooks] == before


def test_a_notebook_that_was_changed_last_gives_its_text_to_the_chapter_and_stays_the_users(pairs: Path) -> None:
    edit(pairs / "01_a.ipynb", "print('mine')", age=-5)
    assert synchronize(pairs) == []
    assert "print('mine')" in (pairs / "01_a.py").read_text()
    assert outputs.foreign_files(pairs, "*.ipynb") == [pairs / "01_a.ipynb"]


@pytest.mark.parametrize("date", [-1000, 1000], ids=["an old date", "a new date"])
def test_a_chapter_that_was_changed_gives_its_text_to_a_notebook_that_was_not(pairs: Path, date: float) -> None:
    chapter = pairs / "01_a.py"
    chapter.write_text("# %%\nprint('new')\n")
    os.utime(chapter, (time.time() + date, time.time() + date))
    assert synchronize(pairs) == []
    assert "print('new')" in (pairs / "01_a.ipynb").read_text() and "print('new')" in chapter.read_text()
    assert outputs.foreign_files(pairs, "*.ipynb") == []


def test_where_both_sides_were_changed_neither_is_lost(pairs: Path) -> None:
    edit(pairs / "01_a.ipynb", "print('mine')", age=100)
    (pairs / "02_b.ipynb").write_text("no notebook at all")
    for name in COURSE:
        (pairs / f"{name}.py").write_text("# %%\nprint('new')\n")
    assert synchronize(pairs) == [pairs / "01_a.ipynb", pairs / "02_b.ipynb"]
    assert "print('mine')" in (pairs / "01_a.ipynb").read_text()
    assert (pairs / "02_b.ipynb").read_text() == "no notebook at all"
    assert all("print('new')" in (pairs / f"{name}.py").read_text() for name in COURSE)


# --- an executed notebook that was changed ---


def test_an_executed_notebook_that_was_changed_is_not_replaced(book: Book) -> None:
    book.write("01_a", "print(1)")
    status, output = book.run()
    assert status == 0, output
    executed = book.out / "01_a.ipynb"
    assert outputs.foreign_files(book.out, "*.ipynb") == []
    executed.write_text(edited := executed.read_text() + "\n")
    status, output = book.run(seed=7)
    assert status != 0 and "01_a.ipynb" in output and "not written by make" in output
    assert executed.read_text() == edited
