"""Cached arrays: read completely, or as missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hostile_places import as_nobody, folder_for_all, small_disk

from dlcvlib.files.arrays import read_cache, write_cache
from dlcvlib.files.atomic import DiskFullError
from dlcvlib.sam.cache import cached, file_of

ARRAYS = {"maps": np.arange(24, dtype=np.float32).reshape(3, 4, 2), "labels": np.arange(4)}


def test_what_is_kept_is_read_as_it_was_and_what_is_missing_is_none(tmp_path: Path) -> None:
    write_cache(tmp_path / "a" / "kept.npz", ARRAYS)
    found = read_cache(tmp_path / "a" / "kept.npz")
    assert found is not None and found.keys() == ARRAYS.keys()
    assert all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)
    assert read_cache(tmp_path / "b" / "kept.npz") is None


def test_a_header_that_names_fewer_rows_is_damage_though_numpy_would_read_them(tmp_path: Path) -> None:
    """numpy reads as far as the header says and compares no checksum; uncompressed members show it."""
    file = tmp_path / "kept.npz"
    np.savez(file, maps=np.zeros((300, 40, 2)))
    file.write_bytes(file.read_bytes().replace(b"(300, 40, 2)", b"(100, 40, 2)"))
    assert np.load(file)["maps"].shape == (100, 40, 2)
    assert read_cache(file) is None


def test_no_flipped_byte_gives_other_arrays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "kept.npz"
    write_cache(file, ARRAYS)
    content, damaged = file.read_bytes(), 0
    for at in range(len(content)):
        file.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        found = read_cache(file)
        damaged += found is None
        for name, values in (found or {}).items():
            assert values.dtype == ARRAYS[name].dtype and np.array_equal(values, ARRAYS[name])
        assert found is None or found.keys() == ARRAYS.keys()
    assert damaged > len(content) / 2
    assert capsys.readouterr().err.count(f"{file} is damaged") == damaged


def test_a_folder_that_may_not_be_written_costs_a_line_and_a_full_disk_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with folder_for_all() as place, as_nobody():
        write_cache(place / "kept.npz", ARRAYS)
        assert read_cache(place / "kept.npz") is None
    assert "cannot be written" in capsys.readouterr().err
    noise = {"noise": np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8)}
    with small_disk(tmp_path, 100), pytest.raises(DiskFullError, match=r"kept\.npz: the disk is full"):
        write_cache(tmp_path / "kept.npz", noise)


@pytest.mark.parametrize("damage", ["flipped", "a flipped flag", "a hidden member", "cut short", "emptied"])
def test_damaged_work_of_sam_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path))
    pixels, made = np.zeros((2, 2)), []

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return ARRAYS

    for _ in range(2):
        cached("embedding", "weights", pixels, {}, make)
    file = file_of("embedding", "weights", pixels, {})
    content = bytearray(file.read_bytes())
    contents_table = content.index(b"PK\x01\x02")
    places = {"flipped": 100, "a flipped flag": contents_table + 8, "a hidden member": contents_table + 30}
    if damage in places:
        content[places[damage]] ^= 0xFF
    file.write_bytes(content[: {"cut short": 100, "emptied": 0}.get(damage)])
    for _ in range(2):
        assert np.array_equal(cached("embedding", "weights", pixels, {}, make)["maps"], ARRAYS["maps"])
    assert len(made) == 2
