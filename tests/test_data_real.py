"""The real course data, if present."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcvlib.data import decode, find, palette
from dlcvlib.data.checks import check

REAL = Path(__file__).resolve().parents[2] / "shared" / "hw1_data"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not REAL.is_dir(), reason="the real course data are not beside this checkout"),
]


def test_the_red_pixels_are_reported_and_read_as_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    for folder, number in (("train", 181), ("train", 182), ("train", 196), ("validation", 177), ("validation", 178)):
        (tmp_path / "part" / folder).mkdir(parents=True, exist_ok=True)
        for name in (f"{number:04d}_sat.jpg", f"{number:04d}_mask.png"):
            (tmp_path / "part" / folder / name).symlink_to(REAL / "p3_data" / folder / name)
    report = check(tmp_path / "part")
    assert report.sound
    assert [(remark.path.parent.name, remark.path.name) for remark in report.remarks] == [
        ("train", "0182_mask.png"),
        ("train", "0196_mask.png"),
        ("validation", "0177_mask.png"),
    ]
    assert all("(255, 0, 0)" in remark.reason for remark in report.remarks)
    satellite = find(tmp_path / "part").satellite
    assert satellite is not None
    decoded = decode(satellite, "val")
    assert decoded.masks is not None and decoded.masks.shape == (2, 512, 512)
    assert (decoded.masks[0] == palette.UNKNOWN).sum() >= 7  # 7 red pixels in 0177


def test_the_sets_are_found_with_their_counts() -> None:
    data = find(REAL)
    assert data.classification and data.mini and data.office and data.satellite
    counts = [
        (len(one.train.files), len(one.val.files) if one.val else 0)
        for one in (data.classification, data.mini, data.office, data.satellite)
    ]
    assert counts == [(22_500, 2_500), (38_400, 0), (4_231, 427), (700, 257)]
    assert [len(one.class_names) for one in (data.classification, data.mini, data.office)] == [50, 64, 65]


def test_the_validation_split_decodes_with_its_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path))
    classification = find(REAL / "p1_data").classification
    assert classification is not None
    decoded = decode(classification, "val")
    assert decoded.images.shape == (2500, 3, 32, 32) and decoded.labels is not None
    assert decoded.labels.bincount().tolist() == [50] * 50
