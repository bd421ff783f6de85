"""Reader's edition on disk: renewed without losing what the reader wrote."""

from __future__ import annotations

import os
from pathlib import Path

import jupytext
import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from teachers_checkouts import CHAPTER, teachers_checkout

from book.lab import command
from dlcvlib import paths
from dlcvlib.cli import main
from dlcvlib.exercises import mine
from dlcvlib.exercises.editions import EditionError
from dlcvlib.exercises.merge import merge_cells
from dlcvlib.exercises.stubs import HOLE

ANSWER = "return my_own(pred, target)"
TEACHERS, STUB_LINE = "notebooks/07_fcn.py", f"    {HOLE}\n    confusion = pairs.sum(0)  # given, as a hint  # given\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = teachers_checkout(tmp_path / "home")
    monkeypatch.setenv("DLCV_HOME", str(folder))
    return folder


def renew(home: Path) -> dict[str, str]:
    return {each.file.name: each.outcome for each in mine.renew(home / "notebooks", home / "notebooks" / "mine")}


def reader(home: Path) -> Path:
    return home / "notebooks" / "mine" / "07_fcn.py"


def change(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


def test_the_first_time_every_chapter_is_written_and_the_second_time_nothing(home: Path) -> None:
    assert renew(home) == {"07_fcn.py": "written", "08_unet.py": "written"}
    assert STUB_LINE in reader(home).read_text()
    before = {file: file.stat().st_mtime_ns for file in (home / "notebooks" / "mine").rglob("*")}
    assert renew(home) == {"07_fcn.py": "unchanged", "08_unet.py": "unchanged"}
    assert before == {file: file.stat().st_mtime_ns for file in (home / "notebooks" / "mine").rglob("*")}


def test_answer_and_added_cell_stay_while_the_chapter_changes_around_them(home: Path) -> None:
    renew(home)
    change(reader(home), HOLE, ANSWER)
    change(reader(home), "# %% [markdown]\n# The end.", "# %%\nprint('mine')\n\n# %% [markdown]\n# The end.")
    change(home / TEACHERS, "Pool the pixels", "First of all, pool the pixels")
    change(home / TEACHERS, "# The end.", "# The very end.")
    assert renew(home)["07_fcn.py"] == "merged"
    text = reader(home).read_text()
    assert ANSWER in text and STUB_LINE not in text
    assert text.index(ANSWER) < text.index("print('mine')") < text.index("# The very end.")
    assert "First of all" in text and "# The very end." in text and "# The end." not in text
    assert renew(home)["07_fcn.py"] == "unchanged"


def test_a_chapter_that_the_reader_left_as_it_was_follows_the_teachers(home: Path) -> None:
    renew(home)
    change(home / TEACHERS, "# The end.", "# The very end.")
    assert renew(home) == {"07_fcn.py": "renewed", "08_unet.py": "unchanged"}
    assert "# The very end." in reader(home).read_text()


def test_an_answer_follows_its_exercise_through_the_chapter(home: Path) -> None:
    renew(home)
    change(reader(home), HOLE, ANSWER)
    head, exercise, rest = CHAPTER.partition(
        CHAPTER[CHAPTER.index('# %% tags=["exercise"') : CHAPTER.index("# %%\nmean")]
    )
    (home / TEACHERS).write_text(f"{head}# %%\nmoved = True\n\n{exercise}{rest}")
    renew(home)
    text = reader(home).read_text()
    assert text.index("moved = True") < text.index(ANSWER) and text.count("def mean_iou") == 1


def test_where_the_exercise_itself_changed_both_survive_and_the_answer_counts(home: Path) -> None:
    renew(home)
    change(reader(home), HOLE, ANSWER)
    change(home / TEACHERS, '"""Mean over the classes."""', '"""Mean over the land classes."""')
    assert renew(home)["07_fcn.py"] == "merged"
    text = reader(home).read_text()
    assert "land classes" in text and text.index("land classes") < text.index(ANSWER)
    change(home / TEACHERS, "# The end.", "# The very end.")
    renew(home)
    assert reader(home).read_text() == text.replace("# The end.", "# The very end.")


def test_the_answer_to_an_exercise_that_is_gone_stays(home: Path) -> None:
    renew(home)
    change(reader(home), HOLE, ANSWER)
    (home / TEACHERS).write_text("# %% [markdown]\n# Nothing to write.\n")
    renew(home)
    assert ANSWER in reader(home).read_text() and "Nothing to write." in reader(home).read_text()


def test_a_text_that_both_changed_survives_twice(home: Path) -> None:
    renew(home)
    change(reader(home), "# The end.", "# My end.")
    change(home / TEACHERS, "# The end.", "# The very end.")
    renew(home)
    text = reader(home).read_text()
    assert text.index("# The very end.") < text.index("# My end.") and "# The end." not in text


def test_half_written_python_is_kept(home: Path) -> None:
    renew(home)
    change(reader(home), HOLE, "return (pred ==")
    change(home / TEACHERS, "# The end.", "# The very end.")
    renew(home)
    assert "return (pred ==" in reader(home).read_text() and "# The very end." in reader(home).read_text()


def test_a_file_that_dlcv_did_not_write_is_left_alone(home: Path) -> None:
    reader(home).parent.mkdir()
    reader(home).write_text("# my own notes\n")
    (reader(home).parent / "bands.yaml").write_text("mine: 1\n")
    assert main(["exercises", "mine"]) == 0
    assert reader(home).read_text() == "# my own notes\n"
    assert (reader(home).parent / "bands.yaml").read_text() == "mine: 1\n"
    assert (reader(home).parent / "08_unet.py").exists()


def test_a_removed_chapter_is_written_anew(home: Path) -> None:
    renew(home)
    reader(home).unlink()
    assert renew(home)["07_fcn.py"] == "written" and HOLE in reader(home).read_text()


def test_the_notebook_counts_if_it_was_changed_after_the_script(home: Path) -> None:
    renew(home)
    beside = reader(home).with_suffix(".ipynb")
    notebook = jupytext.read(reader(home))
    notebook.cells.append(nbformat.v4.new_code_cell("written = 'in the notebook'"))
    nbformat.write(notebook, beside)
    os.utime(beside, (beside.stat().st_atime, reader(home).stat().st_mtime + 10))
    change(home / TEACHERS, "# The end.", "# The very end.")
    renew(home)
    assert "in the notebook" in reader(home).read_text() and "# The very end." in reader(home).read_text()


def test_a_forgotten_tag_writes_nothing(home: Path) -> None:
    change(home / TEACHERS, '"exercise", ', "")
    with pytest.raises(EditionError):
        renew(home)
    assert not (home / "notebooks" / "mine").exists()


def test_data_and_records_are_those_of_the_other_chapters(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renew(home)
    monkeypatch.delenv("DLCV_HOME")
    here = paths.home()
    monkeypatch.chdir(home / "notebooks" / "mine")
    assert paths.home() == here and Path("bands.yaml").read_text() == "claims: []\n"
    assert Path("08_unet.py").is_file(), "the chapters lie side by side, as in notebooks/"


def test_make_lab_opens_the_readers_edition_below_the_settings_of_the_chapters() -> None:
    opening = command(Path("/notebooks"), "mine")
    assert "--notebook-dir=/notebooks" in opening and "--LabApp.default_url=/lab/tree/mine" in opening


def test_the_next_exercise_is_told_with_the_file_to_open(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exercises"]) == 0
    said = capsys.readouterr().out
    assert f" in {home / 'notebooks' / 'mine'}" in said.partition("next: ")[2] and ".py; `make lab`" in said


CELLS = st.lists(st.integers(0, 6), max_size=7)


def cells(numbers: list[int]) -> list[nbformat.NotebookNode]:
    return [nbformat.v4.new_code_cell(f"cell_{number} = 1") for number in numbers]


def texts(merged: list[nbformat.NotebookNode]) -> list[str]:
    return [cell.source for cell in merged]


@given(CELLS, CELLS, CELLS)
def test_laws_of_merging(one: list[int], two: list[int], three: list[int]) -> None:
    last, own, new = cells(one), cells(two), cells(three)
    merged = merge_cells(last, own, new)
    assert set(texts(own)) - set(texts(last)) <= set(texts(merged)), "nothing of the reader's is lost"
    assert set(texts(new)) - set(texts(last)) <= set(texts(merged)), "nothing new is lost"
    assert set(texts(merged)) <= set(texts(own)) | set(texts(new))
    assert texts(merge_cells(last, last, new)) == texts(new)
    assert texts(merge_cells(last, own, last)) == texts(own)
    assert texts(merge_cells(new, merged, new)) == texts(merged), "a second time changes nothing"
