"""Recognition of every edition's folder by its content, and messages for its problems."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from data_worlds import classification, edition, mini, office, pixels, satellite, write_csv, write_image

from dlcvlib.data import DataError, find
from dlcvlib.data.editions import scan
from dlcvlib.data.sets import SET_NAMES

YEARS = ("2021", "2022", "2022hw4", "2023", "2024", "2025")


@pytest.mark.parametrize("year", YEARS)
def test_every_edition_is_found_from_its_folder_and_from_one_above(tmp_path: Path, year: str) -> None:
    home, folders = edition(tmp_path, year)
    for root in (home, tmp_path):
        data = find(root)
        assert data.root == root and not data.is_toy
        for name in SET_NAMES:
            image_set = getattr(data, name)
            assert (image_set and image_set.root) == folders.get(name)
            assert image_set is None or image_set.name == name


@pytest.mark.parametrize("name", SET_NAMES)
def test_the_folder_of_a_single_set_is_a_root(tmp_path: Path, name: str) -> None:
    _, folders = edition(tmp_path, "2023")
    data = find(folders[name])
    assert getattr(data, name).root == folders[name]
    assert [other for other in SET_NAMES if getattr(data, other) is not None] == [name]


def test_the_name_of_a_set_folder_does_not_matter(tmp_path: Path) -> None:
    office(tmp_path / "a")
    mini(tmp_path / "b", labelled=False)
    satellite(tmp_path / "c")
    classification(tmp_path / "d")
    data = find(tmp_path)
    assert [getattr(data, name).root.name for name in ("office", "mini", "satellite", "classification")] == list("abcd")


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".JPG", ".PNG", ".JpEg"])
def test_any_image_suffix_in_any_case_is_read(tmp_path: Path, suffix: str) -> None:
    classification(tmp_path / "1", suffix=suffix)
    mini(tmp_path / "2", suffix=suffix)
    office(tmp_path / "3", suffix=suffix)
    satellite(tmp_path / "4", suffix=suffix)
    data = find(tmp_path)
    for image_set in (data.classification, data.mini, data.office, data.satellite):
        assert image_set is not None and image_set.train.files[0].suffix == suffix


def test_classification_labels_come_from_names_and_csv_in_natural_order(tmp_path: Path) -> None:
    image_set = find(classification(tmp_path)).classification
    assert image_set is not None and image_set.val is not None and image_set.train.labels is not None
    assert [path.stem for path in image_set.train.files][:4] == ["0_0", "0_2", "0_10", "1_0"]
    assert image_set.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [path.stem for path in image_set.val.files] == ["0_450", "1_450", "2_450"]
    assert image_set.class_names == ("0", "1", "2")


def test_the_val_csv_outranks_the_names(tmp_path: Path) -> None:
    classification(tmp_path)
    write_csv(tmp_path / "val_gt.csv", "filename,label", [("0_450.png", 2), ("1_450.png", 1), ("2_450.png", 0)])
    image_set = find(tmp_path).classification
    assert image_set is not None and image_set.val is not None and image_set.val.labels is not None
    assert image_set.val.labels.tolist() == [2, 1, 0]


@pytest.mark.parametrize("header", ["image_id,label", None])
def test_val_labels_are_read_in_the_2021_header_and_without_csv(tmp_path: Path, header: str | None) -> None:
    image_set = find(classification(tmp_path, header=header)).classification
    assert image_set is not None and image_set.val is not None and image_set.val.labels is not None
    assert image_set.val.labels.tolist() == [0, 1, 2]


def test_office_keeps_the_order_of_the_csv_and_integer_labels(tmp_path: Path) -> None:
    image_set = find(office(tmp_path)).office
    assert image_set is not None and image_set.train.labels is not None
    assert [path.name for path in image_set.train.files] == [
        "0_15.jpg",
        "1_15.jpg",
        "2_15.jpg",
        "0_4.jpg",
        "1_4.jpg",
        "2_4.jpg",
    ]
    assert image_set.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert image_set.class_names == ("0", "1", "2")


def test_office_string_labels_are_numbered_in_sorted_order(tmp_path: Path) -> None:
    image_set = find(office(tmp_path, strings=True)).office
    assert image_set is not None and image_set.val is not None and image_set.val.labels is not None
    assert image_set.class_names == ("Alarm_Clock", "Bike", "Couch")
    assert [path.name for path in image_set.val.files] == ["Couch00021.jpg", "Alarm_Clock00021.jpg", "Bike00021.jpg"]
    assert image_set.val.labels.tolist() == [2, 0, 1]


def test_classes_txt_names_integer_labels(tmp_path: Path) -> None:
    office(tmp_path)
    (tmp_path / "classes.txt").write_text("sofa\nclock\nbicycle\nlamp\n")
    image_set = find(tmp_path).office
    assert image_set is not None and image_set.train.labels is not None
    assert image_set.class_names == ("sofa", "clock", "bicycle", "lamp")
    assert image_set.train.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_mini_without_csv_is_unlabelled_and_with_csv_in_its_order(tmp_path: Path) -> None:
    plain = find(mini(tmp_path / "plain", labelled=False)).mini
    assert plain is not None and plain.train.labels is None and plain.class_names == () and plain.val is None
    assert [path.name for path in plain.train.files] == sorted(path.name for path in plain.train.files)
    labelled = find(mini(tmp_path / "labelled")).mini
    assert labelled is not None and labelled.train.labels is not None
    assert labelled.class_names == ("n01532829", "n01558993")
    assert labelled.train.files[0].name == "n0155899300000007.jpg"
    assert labelled.train.labels.tolist() == [1, 0, 1, 0]


def test_satellite_pairs_every_image_with_its_mask(tmp_path: Path) -> None:
    image_set = find(satellite(tmp_path)).satellite
    assert image_set is not None and image_set.val is not None and image_set.val.masks is not None
    assert image_set.class_names == ("Urban", "Agriculture", "Rangeland", "Forest", "Water", "Barren", "Unknown")
    for image, mask in zip(image_set.val.files, image_set.val.masks, strict=True):
        assert mask.name == image.name.replace("_sat.jpg", "_mask.png")


def test_hidden_files_and_finder_shadows_are_no_images(tmp_path: Path) -> None:
    home, _ = edition(tmp_path, "2023")
    for shadow in ("p1_data/train_50/._0_0.png", "p3_data/train/.DS_Store", "p3_data/train/Thumbs.db"):
        (home / shadow).write_bytes(b"shadow")
    edition(home / "__MACOSX", "2023")
    data = find(home)
    assert data.classification is not None and len(data.classification.train.files) == 9


def test_a_root_that_holds_nothing_names_what_was_looked_for_and_the_cures(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DataError, match=r"holds no set.*train_50.*NNNN_sat.*train\.csv.*dlcv data download"):
        find(tmp_path)
    with pytest.raises(DataError, match=r"nowhere is not a folder.*dlcv data download"):
        find(tmp_path / "nowhere")


def test_a_set_in_two_places_is_an_error_that_names_both(tmp_path: Path) -> None:
    satellite(tmp_path / "old")
    satellite(tmp_path / "new")
    with pytest.raises(DataError, match=r"old: is a second satellite set beside .*new"):
        find(tmp_path)


def _remove(file: str) -> Callable[[Path], None]:
    return lambda root: (root / file).unlink()


def _append(file: str, line: str) -> Callable[[Path], None]:
    return lambda root: (root / file).write_text((root / file).read_text() + line + "\n")


PROBLEMS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "row without file": (_remove("p2_data/office/val/1_21.jpg"), "row without file", r"val\.csv: names '1_21\.jpg'"),
    "classification row without file": (
        _remove("p1_data/val_50/1_450.png"),
        "row without file",
        r"val_gt\.csv: names '1_450",
    ),
    "file without row": (
        lambda root: write_image(root / "p2_data/office/train/1_99.jpg", pixels(0)),
        "file without row",
        r"train/1_99\.jpg: has no row in train\.csv",
    ),
    "repeated row": (_append("p2_data/office/val.csv", "9,0_21.jpg,3"), "repeated row", "names '0_21"),
    "missing mask": (_remove("p3_data/train/0001_mask.png"), "missing mask", r"0001_sat\.jpg: there is no 0001_mask"),
    "missing image": (
        _remove("p3_data/validation/0002_sat.jpg"),
        "missing image",
        r"0002_mask\.png: there is no 0002_sat",
    ),
    "class beyond the course's": (
        lambda root: write_image(root / "p1_data/train_50/50_1.png", pixels(0)),
        "label out of range",
        r"50_1\.png: has the label '50'",
    ),
    "name without class": (
        lambda root: write_image(root / "p1_data/train_50/cat.png", pixels(0)),
        "unreadable name",
        r"cat\.png: the name does not begin",
    ),
    "missing csv": (_remove("p2_data/office/train.csv"), "missing csv", r"train\.csv: this csv of the set is missing"),
    "csv without label column": (
        lambda root: write_csv(root / "p2_data/office/val.csv", "id,file", []),
        "unreadable csv",
        r"val\.csv: needs the columns filename, and label; it has .*id, file",
    ),
    "csv without rows": (
        lambda root: write_csv(root / "p2_data/office/val.csv", "id,filename,label", []),
        "empty csv",
        r"val\.csv: holds no row below its header",
    ),
    "short csv line": (_append("p2_data/office/val.csv", "9,0_21.jpg"), "unreadable csv", "line 5 has 2 columns"),
    "two images of one number": (
        lambda root: write_image(root / "p3_data/train/0001_sat.png", pixels(0)),
        "repeated file",
        r"0001_sat\.(jpg|png) exists, too",
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_is_wrong_is_found_and_named(tmp_path: Path, case: str) -> None:
    damage, kind, message = PROBLEMS[case]
    home, _ = edition(tmp_path, "2023")
    damage(home)
    with pytest.raises(DataError, match=message):
        find(home)
    assert kind in {problem.kind for problem in scan(home).problems}


@pytest.mark.parametrize("label", ["3", "-1", "65", "", "None", "cat", "1.0"])
def test_a_label_out_of_range_names_file_label_and_range(tmp_path: Path, label: str) -> None:
    office(tmp_path)
    write_csv(
        tmp_path / "val.csv", "id,filename,label", [(0, "0_21.jpg", label), (1, "1_21.jpg", 1), (2, "2_21.jpg", 2)]
    )
    with pytest.raises(DataError, match=rf"0_21\.jpg: has the label '{label}' .*val\.csv, line 2.*0 to 2"):
        find(tmp_path)


def test_a_train_label_beyond_the_65_classes_is_out_of_range(tmp_path: Path) -> None:
    office(tmp_path)
    write_image(tmp_path / "train" / "65_1.jpg", pixels(0))
    (tmp_path / "train.csv").write_text((tmp_path / "train.csv").read_text() + "6,65_1.jpg,65\n")
    with pytest.raises(DataError, match=r"65_1\.jpg: has the label '65'"):
        find(tmp_path)


def test_scan_reports_every_problem_where_find_stops_at_the_first(tmp_path: Path) -> None:
    home, _ = edition(tmp_path, "2023")
    for number in range(3):
        (home / f"p3_data/train/{number:04d}_mask.png").unlink()
    assert [problem.path.name for problem in scan(home).problems] == ["0000_sat.jpg", "0001_sat.jpg", "0002_sat.jpg"]
    with pytest.raises(DataError, match=r"0000_sat.*\(2 more: `dlcv data check"):
        find(home)


def test_without_a_root_the_environment_then_data_then_the_toy_world_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Path] = []

    def draw(root: Path) -> Path:
        drawn.append(root)
        classification(root / "p1_data")
        (root / "toy.json").write_text("{}")
        return root

    toy = SimpleNamespace(draw=draw, is_drawn=lambda root: (root / "toy.json").is_file())
    monkeypatch.setattr("dlcvlib.data.editions.toy", toy)
    monkeypatch.setenv("DLCV_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DLCV_DATA", raising=False)
    toy_home = tmp_path / "home" / "data" / "toy"
    for _ in range(2):
        data = find()
        assert data.is_toy and data.root == toy_home
    assert drawn == [toy_home]

    classification(tmp_path / "home" / "data" / "hw1_data" / "p1_data")
    data = find()
    assert not data.is_toy and data.root == tmp_path / "home" / "data"

    monkeypatch.setenv("DLCV_DATA", str(satellite(tmp_path / "elsewhere")))
    assert find().root == tmp_path / "elsewhere"

    monkeypatch.setenv("DLCV_DATA", str(tmp_path / "gone"))
    with pytest.raises(DataError, match=r"gone \(named by \$DLCV_DATA\) is not a folder"):
        find()
    assert drawn == [toy_home]


def test_a_toy_world_below_the_root_counts_only_where_nothing_else_does(tmp_path: Path) -> None:
    classification(tmp_path / "toy" / "p1_data")
    (tmp_path / "toy" / "toy.json").write_text("{}")
    data = find(tmp_path)
    assert data.is_toy and data.root == tmp_path / "toy"
    classification(tmp_path / "hw1_data" / "p1_data")
    data = find(tmp_path)
    assert not data.is_toy and data.classification is not None
    assert data.classification.root == tmp_path / "hw1_data" / "p1_data"


def test_mini_is_listed_without_a_look_at_each_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train").mkdir()
    for number in range(3_000):
        os.close(os.open(tmp_path / "train" / f"n01532829{number:08d}.jpg", os.O_CREAT))
    looks, look = [], os.stat
    monkeypatch.setattr(os, "stat", lambda *given, **options: looks.append(given) or look(*given, **options))
    image_set = find(tmp_path).mini
    assert image_set is not None and len(image_set.train.files) == 3_000
    assert len(looks) < 300
