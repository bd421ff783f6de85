"""Reports of `check`, and the commands `dlcv data …`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from data_worlds import classification, edition, mask, office, pixels, satellite, write_csv, write_image

import dlcvlib.data
from dlcvlib.cli import data as command
from dlcvlib.data import DataError, palette
from dlcvlib.data.checks import check


def dlcv(*words: str) -> int:
    """Return the exit status of `dlcv data …`."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser.add_subparsers(required=True))
    arguments = parser.parse_args(["data", *words])
    return int(arguments.run(arguments))


def kinds(root: Path) -> dict[str, list[str]]:
    """Return the file names by kind of problem."""
    found: dict[str, list[str]] = {}
    for problem in check(root).problems:
        found.setdefault(problem.kind, []).append(problem.path.name)
    return found


def test_a_sound_root_is_counted_and_nothing_is_wrong(tmp_path: Path) -> None:
    home, _ = edition(tmp_path, "2023")
    report = check(home)
    assert report.sound and report.problems == ()
    counts = {name: {split: part.images for split, part in one.splits.items()} for name, one in report.sets.items()}
    assert counts == {
        "classification": {"train": 9, "val": 3},
        "mini": {"train": 4},
        "office": {"train": 6, "val": 3},
        "satellite": {"train": 3, "val": 3},
    }
    assert report.sets["classification"].classes == 3
    assert report.sets["classification"].splits["train"].class_counts == (3, 3, 3)
    assert report.sets["office"].splits["train"].sizes == {"16x12": 2, "16x13": 2, "16x14": 2}
    ids = np.concatenate([palette.class_ids(mask(number)).ravel() for number in range(3)])
    assert report.sets["satellite"].splits["val"].mask_pixels == tuple(np.bincount(ids, minlength=7).tolist())


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    home, _ = edition(tmp_path, "2023")
    (home / "p1_data/train_50/0_2.png").write_bytes(b"no image")
    (home / "p2_data/mini/train/n0153282900000003.jpg").write_bytes(b"")
    write_csv(
        home / "p2_data/office/val.csv",
        "id,filename,label",
        [(0, "0_21.jpg", 0), (1, "1_21.jpg", 77), (2, "gone.jpg", 1)],
    )
    (home / "p3_data/train/0000_mask.png").unlink()
    write_image(home / "p3_data/train/0001_mask.png", mask(0, 10, 10))
    write_image(home / "p3_data/validation/0001_sat.jpg", pixels(0)[:, :, 0])  # grey is no problem
    assert kinds(home) == {
        "undecodable file": ["0_2.png", "n0153282900000003.jpg"],
        "row without file": ["val.csv"],
        "file without row": ["2_21.jpg"],
        "label out of range": ["1_21.jpg"],
        "missing mask": ["0000_sat.jpg"],
        "mask of another size than its image": ["0001_mask.png"],
    }


def test_a_few_undocumented_pixels_of_a_mask_are_a_remark_and_no_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    satellite(tmp_path / "data")
    array = mask(0)
    array[0, :5], array[3, 0] = (255, 0, 0), (10, 20, 30)
    write_image(tmp_path / "data" / "validation" / "0002_mask.png", array)
    report = check(tmp_path / "data")
    (remark,) = report.remarks
    assert report.sound and (remark.kind, remark.path.name) == ("undocumented mask colour", "0002_mask.png")
    assert "(255, 0, 0) in 5 pixels, (10, 20, 30) in 1 pixel" in remark.reason
    assert dlcv("check", str(tmp_path / "data"), "--json", str(tmp_path / "report.json")) == 0
    text = capsys.readouterr().out
    assert "No problem found." in text and "1 remark:" in text and "0002_mask.png" in text
    assert json.loads((tmp_path / "report.json").read_text())["remarks"][0]["file"] == "validation/0002_mask.png"


def test_the_report_replaces_no_file_that_check_did_not_write(tmp_path: Path) -> None:
    root, file = str(office(tmp_path / "office")), tmp_path / "notes.json"
    file.write_text("mine")
    with pytest.raises(FileExistsError, match=r"notes\.json.*--replace"):
        dlcv("check", root, "--json", str(file))
    assert file.read_text() == "mine"
    for words in (["--replace"], []):  # now it is its own
        assert dlcv("check", root, "--json", str(file), *words) == 0
        assert json.loads(file.read_text())["sound"]


def test_undocumented_counts_exactly_the_colours_outside_the_seven() -> None:
    assert palette.ids_and_undocumented(np.array([palette.COLOURS]))[1] == {}
    shades = np.array([[[255, 0, 0], [254, 255, 255], [0, 0, 1], [0, 0, 1], [0, 255, 0]]], dtype=np.uint8)
    assert palette.ids_and_undocumented(shades)[1] == {(0, 0, 1): 2, (254, 255, 255): 1, (255, 0, 0): 1}


def test_a_second_place_of_a_set_is_a_problem_of_the_report(tmp_path: Path) -> None:
    satellite(tmp_path / "a")
    satellite(tmp_path / "b")
    assert kinds(tmp_path) == {"set in two places": ["b"]}


def test_an_empty_split_is_reported(tmp_path: Path) -> None:
    classification(tmp_path)
    for path in (tmp_path / "val_50").iterdir():
        path.unlink()
    assert kinds(tmp_path)["empty folder"] == ["val_50"]
    assert "none decodable" in check(tmp_path).text()


def test_the_command_ends_with_0_on_sound_data_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, _ = edition(tmp_path, "2023")
    assert dlcv("check", str(home)) == 0
    text = capsys.readouterr().out
    assert "No problem found." in text
    assert "classification: 9 + 3 images in p1_data" in text and "mini: 4 images in p2_data/mini" in text


def test_the_command_ends_with_1_and_caps_the_text_but_not_the_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classification(tmp_path / "data", classes=20)
    for label in range(20):
        (tmp_path / "data" / "train_50" / f"{label}_2.png").write_bytes(b"damaged")
    assert dlcv("check", str(tmp_path / "data"), "--json", str(tmp_path / "report.json")) == 1
    text = capsys.readouterr().out
    assert "20 problems:" in text and "… and 8 more" in text and text.count("_2.png") == 12
    report = json.loads((tmp_path / "report.json").read_text())
    assert not report["sound"] and len(report["problems"]) == 20
    assert report["problems"][0] == {
        "set": "classification",
        "kind": "undecodable file",
        "file": "train_50/0_2.png",
        "reason": "is not an image of a known format; download it again",
    }
    assert report["sets"]["classification"]["splits"]["val"]["images"] == 20


def test_the_command_leaves_an_unrecognised_root_to_the_caller(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no set of the course"):
        dlcv("check", str(tmp_path))


def test_check_takes_the_default_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCV_DATA", str(office(tmp_path / "office")))
    assert dlcv("check") == 0


def test_the_toy_command_draws_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[Path, int]] = []

    def draw(root: Path, seed: int) -> Path:
        drawn.append((root, seed))
        return root

    monkeypatch.setattr(dlcvlib.data, "toy", SimpleNamespace(draw=draw), raising=False)
    assert dlcv("toy", str(tmp_path / "toy"), "--seed", "3") == 0
    assert drawn == [(tmp_path / "toy", 3)]


def test_the_download_command_tells_a_finished_download(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hw1_data").mkdir()
    record = {"edition": 2023, "archive_bytes": 7, "size_verified": True, "entries": ["hw1_data"]}
    (tmp_path / ".dlcv-2023.json").write_text(json.dumps(record))
    assert dlcv("download", "--edition", "2023", str(tmp_path)) == 0
    assert f"already complete: {tmp_path / 'hw1_data'}" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        dlcv("download", "--edition", "2021", str(tmp_path))
