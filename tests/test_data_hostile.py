"""Hostile names, files and folders: reported as problems, never a traceback, a hang or a full memory."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from data_worlds import classification, edition, mini, office, satellite
from hostile_places import as_nobody, folder_for_all

from dlcvlib.cli import data as command
from dlcvlib.data import DataError, decode, find
from dlcvlib.data.checks import check
from dlcvlib.data.editions import scan

STRANGE = os.fsdecode(b"stra\xdfe")  # Latin-1, as an old archive holds it


@pytest.fixture(autouse=True)
def in_time(tmp_path: Path) -> Iterator[None]:
    """Release a reader that waits for the writer of a pipe, so that the test fails instead of hanging."""

    def release(*_: object) -> None:
        for pipe in tmp_path.rglob("*"):
            if pipe.is_fifo():
                with suppress(OSError):
                    os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))

    signal.signal(signal.SIGALRM, release)
    signal.setitimer(signal.ITIMER_REAL, 20, 1)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


def _mini_row(label: str) -> Callable[[Path], object]:
    def write(home: Path) -> None:
        folder = home / "p2_data" / "mini"
        names = sorted(path.name for path in (folder / "train").iterdir())
        rows = [f"{row},{name},{label if row == 2 else row}" for row, name in enumerate(names)]
        (folder / "train.csv").write_text("\n".join(["id,filename,label", *rows]) + "\n")

    return write


def _office_label(label: str) -> Callable[[Path], object]:
    return lambda home: _edit(home / "p2_data/office/train.csv", "2_4.jpg,2", f"2_4.jpg,{label}")


def _edit(file: Path, old: str, new: str) -> None:
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def _pipe(name: str) -> Callable[[Path], object]:
    def replace(home: Path) -> None:
        (home / name).unlink()
        os.mkfifo(home / name)

    return replace


def _device(name: str) -> Callable[[Path], object]:
    def replace(home: Path) -> None:
        (home / name).unlink()
        (home / name).symlink_to("/dev/zero")

    return replace


PROBLEMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a label with a gap below it": (_mini_row("99999"), r"00000003\.jpg has the label '99999' .*train\.csv, line 4"),
    "a label of nine digits": (_mini_row("999999999"), r"has the label '999999999' .*train\.csv, line 4"),
    "a label of 5,000 digits": (_mini_row("9" * 5000), r"has the label '9{40}…' .*train\.csv, line 4"),
    "the same of another set": (_office_label("9" * 5000), r"2_4\.jpg has the label '9+…' .*train\.csv, line 7"),
    "a name that is not UTF-8": (
        lambda home: (home / "p3_data/train/0000_sat.jpg").rename(home / f"p3_data/train/0000_{STRANGE}_sat.jpg"),
        r"0000_stra\\udcdfe_sat\.jpg the name is not UTF-8",
    ),
    "a folder's name that is not UTF-8": (
        lambda home: (home / "p3_data").rename(home / f"p3_{STRANGE}"),
        r"p3_stra\\udcdfe the path of this folder is not UTF-8",
    ),
    "a field of 200 kB": (_office_label("x" * 200_000), r"office/train\.csv line 7 is not valid csv \(field larger"),
    "a quote that never ends": (_office_label('"' + "x\n" * 90_000), r"office/train\.csv line .* is not valid csv"),
    "classes.txt in Latin-1": (
        lambda home: (home / "p2_data/office/classes.txt").write_bytes("Stühle\n".encode("latin-1")),
        r"classes\.txt is not UTF-8 text",
    ),
    "a pipe for an image": (_pipe("p1_data/train_50/0_2.png"), r"0_2\.png is not a regular file"),
    "a pipe for a mask": (_pipe("p3_data/train/0001_mask.png"), r"0001_mask\.png is not a regular file"),
    "a pipe for a csv": (_pipe("p2_data/office/val.csv"), r"val\.csv is not a regular file"),
    "a device for an image": (_device("p1_data/train_50/0_2.png"), r"0_2\.png is not a regular file"),
    "a device for a csv": (_device("p1_data/val_gt.csv"), r"val_gt\.csv is not a regular file"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_it_is_a_problem_by_name_in_the_terminal_and_in_the_report(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, said = PROBLEMS[case]
    home, _ = edition(tmp_path, "2023")
    damage(home)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser.add_subparsers())
    arguments = parser.parse_args(["data", "check", str(home), "--json", str(tmp_path / "report.json")])
    assert arguments.run(arguments) == 1
    text = capsys.readouterr().out
    assert re.search(said, text), text
    assert len(text) < 5_000
    assert json.loads((tmp_path / "report.json").read_text())["problems"]


@pytest.mark.parametrize("case", ["a pipe for an image", "a device for an image"])
def test_training_refuses_what_is_no_regular_file(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    home, _ = edition(tmp_path, "2023")
    PROBLEMS[case][0](home)
    image_set = find(home).classification
    assert image_set is not None
    with pytest.raises(DataError, match=r"0_2\.png: is not a regular file"):
        decode(image_set)


def test_as_many_integer_labels_as_there_are_distinct_ones_are_classes(tmp_path: Path) -> None:
    mini(tmp_path, labelled=False)
    first = next((tmp_path / "train").iterdir())
    rows = []
    for label in range(70):  # more than the course's 64
        name = f"n0153282900{label:06d}.jpg"
        (tmp_path / "train" / name).write_bytes(first.read_bytes())
        rows.append(f"{label},{name},{label}")
    for path in (tmp_path / "train").iterdir():
        if path.name not in "".join(rows):
            path.unlink()
    (tmp_path / "train.csv").write_text("\n".join(["id,filename,label", *rows]) + "\n")
    image_set = find(tmp_path).mini
    assert image_set is not None and len(image_set.class_names) == 70


def test_a_root_whose_own_path_is_not_utf_8_is_an_error_that_can_be_printed(tmp_path: Path) -> None:
    classification(tmp_path / STRANGE)
    words = [sys.executable, "-m", "dlcvlib", "data", "check", str(tmp_path / STRANGE)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert r"stra\udcdfe" in done.stderr and "not UTF-8" in done.stderr


def test_loops_of_links_below_the_root_are_no_folders_and_no_second_place(tmp_path: Path) -> None:
    home, _ = edition(tmp_path, "2023")
    (home / "loop").symlink_to("loop")
    (home / "up").symlink_to(tmp_path)
    (home / "p1_data" / "again").symlink_to(home)
    (tmp_path / "a_link").symlink_to(home / "p3_data")
    assert check(home).sound
    data = find(tmp_path)
    assert data.office is not None and data.satellite is not None


def test_a_root_that_is_a_loop_or_nobodys_home_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for root in (tmp_path / "loop", Path("~nobody_of_this_name/data")):
        with pytest.raises(DataError, match=rf"{root.name} cannot be read"):
            find(root)


def test_folders_that_may_not_be_read_are_named() -> None:
    with folder_for_all() as place:
        home, _ = edition(place, "2023")
        satellite(place / "closed" / "p9")
        (place / "closed").chmod(0o700)
        with as_nobody():
            find(home)
            (remark,) = scan(place).remarks  # what could be read is enough
            with pytest.raises(DataError, match=r"closed cannot be read.*Permission denied"):
                find(place / "closed")
            with pytest.raises(DataError, match=r"not a folder|cannot be read"):
                find(place / "closed" / "p9")
        assert remark.path == place / "closed" and "cannot be read" in remark.reason
        (home / "p1_data" / "val_50").chmod(0o700)
        (home / "p2_data" / "office" / "val.csv").chmod(0o600)
        (home / "p2_data" / "mini" / "train").chmod(0o700)
        with as_nobody():
            said = [str(problem) for problem in scan(home).problems] + [str(one) for one in scan(home).remarks]
        for name in ("val_50", "val.csv", "mini/train"):
            assert any(f"{name}: " in line and "cannot be read" in line for line in said), said


def test_where_nothing_is_found_unreadable_folders_are_named() -> None:
    with folder_for_all() as place:
        office(place / "data" / "office")
        (place / "data" / "office").chmod(0o700)
        with as_nobody(), pytest.raises(DataError, match=r"holds no set.*office: this folder cannot be read"):
            find(place / "data")
