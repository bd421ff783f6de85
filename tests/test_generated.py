"""Generated files: removed and replaced only while unchanged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from book import checked, clean
from dlcvlib.files import digests, generated, outputs
from dlcvlib.files.outputs import ForeignFileError

ROOT = Path(__file__).resolve().parent.parent


def generate(place: Path, text: str = "generated") -> Path:
    """Move a file to its target, as the Snakefile does."""
    finished = place.with_name(f"{place.name}.finished")
    finished.parent.mkdir(parents=True, exist_ok=True)
    finished.write_text(text)
    generated.put(finished, place)
    assert not finished.exists()
    return place


def test_what_was_generated_is_removed_with_the_folders_it_leaves_empty(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    with outputs.output_folder(folder) as new:
        (new / "deep" / "er").mkdir(parents=True)
        (new / "deep" / "er" / "a.html").write_text("a")
        (new / "b.html").write_text("b")
    assert generated.remove(folder) == {}
    assert not folder.exists()


def test_what_was_changed_or_is_not_noted_stays_with_its_reason(tmp_path: Path) -> None:
    unchanged, changed = generate(tmp_path / "1.ipynb"), generate(tmp_path / "2.ipynb")
    changed.write_text("changed")
    mine = tmp_path / "3.ipynb"
    mine.write_text("mine")
    link = tmp_path / "4.ipynb"
    link.symlink_to(mine)
    kept = generated.remove(tmp_path, "*.ipynb")
    assert {file.name: reason for file, reason in kept.items()} == {
        "2.ipynb": "changed since",
        "3.ipynb": "not written by make",
        "4.ipynb": "not written by make",
    }
    assert not unchanged.exists() and changed.read_text() == "changed" and link.is_symlink()
    assert set(digests.read(tmp_path)) == {"2.ipynb"}


def test_a_pattern_leaves_other_generated_files_alone(tmp_path: Path) -> None:
    notebook, csv = generate(tmp_path / "a.ipynb"), generate(tmp_path / "a.csv")
    assert generated.remove(tmp_path, "*.ipynb") == {}
    assert not notebook.exists() and csv.exists() and set(digests.read(tmp_path)) == {"a.csv"}


def test_a_folder_that_is_missing_holds_nothing_to_remove(tmp_path: Path) -> None:
    assert generated.remove(tmp_path / "missing") == {} and not (tmp_path / "missing").exists()


def test_with_a_damaged_note_nothing_is_removed(tmp_path: Path) -> None:
    notebook = generate(tmp_path / "a.ipynb")
    (tmp_path / digests.NAME).write_text("{")
    (line,) = clean.remove(tmp_path, "*.ipynb")
    assert "damaged" in line and notebook.exists()


def test_a_finished_file_does_not_take_the_place_of_another(tmp_path: Path) -> None:
    place, finished = tmp_path / "a.ipynb", tmp_path / "finished"
    place.write_text("mine")
    finished.write_text("generated")
    command = [sys.executable, "-S", "-m", "dlcvlib.files.generated", str(finished), str(place)]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode != 0 and str(place) in refused.stderr and "Traceback" not in refused.stderr
    assert place.read_text() == "mine" and finished.exists()
    place.unlink()
    subprocess.run(command, cwd=ROOT, check=True)
    assert place.read_text() == "generated" and not finished.exists()


def test_files_in_the_way_are_named_and_many_are_counted(tmp_path: Path) -> None:
    generated.refuse([])
    with pytest.raises(ForeignFileError, match=r"0\.html.* and 2 more"):
        generated.refuse([tmp_path / f"{number}.html" for number in range(outputs.SHOWN + 2)])


def test_tool_output_is_known_by_its_names(tmp_path: Path) -> None:
    ours = ["logs/01_a.log", "logs/01_a.log.failed", "logs/01_a.log.ipynb", "trained/our_byol.txt"]
    ours += ["live/09_net/0123456789abcdef.js"]
    ours += [".01_a.ipynb.abcd1234.part", ".html.abcd1234.part/new/a.html"]
    others = ["live/09_net/my_own.js", "logs/notes.md", "trained/notes.md", "notes.txt", "deep/logs/01_a.log"]
    for name in ours + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    clean.remove_tool_output(tmp_path)
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()) == sorted(others)


# --- the folder of make gpu-check ---


def checked_folder(folder: Path) -> Path:
    checked.start(folder)
    for name in checked.CONTENTS:
        (folder / name).mkdir()
        (folder / name / "file").touch()
    return folder


def test_the_folder_of_a_check_is_emptied_for_the_next_and_removed(tmp_path: Path) -> None:
    folder = checked_folder(tmp_path / "runs-gpu-check")
    (folder / ".toy.abcd1234.part").mkdir()
    checked.start(folder)
    assert [entry.name for entry in folder.iterdir()] == [checked.MARKER]
    checked_folder(folder)
    checked.remove(folder)
    checked.remove(folder)
    assert not folder.exists()


@pytest.mark.parametrize("act", [checked.start, checked.remove])
def test_a_folder_of_that_name_that_no_check_made_is_left_alone(tmp_path: Path, act: Callable[[Path], None]) -> None:
    folder = tmp_path / "runs-gpu-check"
    (folder / "toy").mkdir(parents=True)
    (folder / "toy" / "mine").touch()
    with pytest.raises(ForeignFileError, match="not made by make gpu-check"):
        act(folder)
    link = tmp_path / "link"
    link.symlink_to(checked_folder(tmp_path / "elsewhere"))
    with pytest.raises(ForeignFileError, match="link"):
        act(link)
    assert (folder / "toy" / "mine").exists() and (tmp_path / "elsewhere" / "gpu" / "file").exists()


@pytest.mark.parametrize("act", [checked.start, checked.remove])
def test_what_a_user_put_into_the_folder_of_a_check_keeps_it_whole(tmp_path: Path, act: Callable[[Path], None]) -> None:
    folder = checked_folder(tmp_path / "runs-gpu-check")
    (folder / "notes.txt").touch()
    with pytest.raises(ForeignFileError, match=r"notes\.txt"):
        act(folder)
    assert (folder / "gpu" / "file").exists() and (folder / "notes.txt").exists()
