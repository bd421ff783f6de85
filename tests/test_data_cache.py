"""Cache of decoded arrays: damaged folders are made again, intact ones are read without a lock."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from data_worlds import satellite
from hostile_places import as_nobody, folder_for_all, small_disk

from dlcvlib.data import Decoded, ImageSet, decode, find
from dlcvlib.data.cache import checksum
from dlcvlib.files.atomic import DiskFullError, locked_folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs" / "cache"


def satellites(root: Path, pairs: int = 3) -> ImageSet:
    image_set = find(satellite(root, pairs=pairs)).satellite
    assert image_set is not None
    return image_set


def same(one: Decoded, other: Decoded) -> bool:
    assert one.masks is not None and other.masks is not None
    equal = torch.equal(one.images, other.images) and torch.equal(one.masks, other.masks)
    return equal and one.fingerprint == other.fingerprint


def flip(at: int) -> Callable[[Path], object]:
    def damage(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[at] ^= 0xFF
        file.write_bytes(content)

    return damage


def older(marker: Path) -> None:
    """Write the marker of an older version, without checksums."""
    marker.write_text(json.dumps(json.loads(marker.read_text()).get("facts", {"fingerprint": "0"})))


def other_fingerprint(marker: Path) -> None:
    text = marker.read_text()
    at = text.index('"fingerprint": "') + len('"fingerprint": "')
    marker.write_text(text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :])


DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a flipped byte of the pixels": ("images.npy", flip(-1)),
    "a flipped byte of the header": ("images.npy", flip(60)),
    "flipped masks": ("masks.npy", flip(300)),
    "cut short": ("images.npy", lambda file: os.truncate(file, 700)),
    "emptied": ("masks.npy", lambda file: file.write_bytes(b"")),
    "gone": ("masks.npy", Path.unlink),
    "replaced": ("images.npy", lambda file: file.write_bytes(bytes(file.stat().st_size))),
    "no JSON": ("decoded.json", lambda file: file.write_text("{")),
    "another JSON": ("decoded.json", lambda file: file.write_text("[1]")),
    "another fingerprint": ("decoded.json", other_fingerprint),
    "of an older dlcv": ("decoded.json", older),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_cache_is_made_again_and_a_line_says_so(
    tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    image_set = satellites(tmp_path / "data")
    decoded = decode(image_set)
    assert decoded.masks is not None
    kept = Decoded(decoded.images.clone(), None, decoded.masks.clone(), (), (), decoded.fingerprint)
    (folder,) = (path for path in cache.iterdir() if path.is_dir())
    name, damage = DAMAGES[case]
    damage(folder / name)
    capsys.readouterr()
    assert same(decode(image_set), kept)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and str(folder) in said and "made again" in said
    assert same(decode(image_set), kept) and capsys.readouterr().err == ""


def test_the_checksum_notes_every_byte_also_those_beyond_the_last_word(tmp_path: Path) -> None:
    content = bytes(range(1, 30))
    (tmp_path / "whole").write_bytes(content)
    for at in range(len(content)):
        (tmp_path / "changed").write_bytes(content[:at] + b"\xff" + content[at + 1 :])
        assert checksum(tmp_path / "changed") != checksum(tmp_path / "whole")


def test_a_finished_cache_is_read_where_nothing_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with folder_for_all() as place:
        monkeypatch.setenv("DLCV_RUNS", str(place / "runs"))
        image_set = satellites(place / "data")
        expected = decode(image_set).fingerprint
        for lock in (place / "runs" / "cache").glob("*.lock"):
            lock.unlink()
        with as_nobody():
            assert decode(image_set).fingerprint == expected
        assert capsys.readouterr().err == ""


def test_where_the_cache_cannot_be_written_images_are_kept_in_the_users_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with folder_for_all() as place:
        monkeypatch.setenv("DLCV_RUNS", str(place / "runs"))
        image_set = satellites(place / "data")
        (place / "runs").mkdir()
        (place / "tmp").mkdir()
        (place / "tmp").chmod(0o777)
        monkeypatch.setattr("tempfile.tempdir", str(place / "tmp"))
        for _ in range(2):
            with as_nobody():
                assert len(decode(image_set).images) == 3
            said = capsys.readouterr().err
            assert said.count("\n") == 1 and "runs/cache cannot be written" in said
        assert len(list((place / "tmp").glob("dlcv-cache-65534/satellite-*/decoded.json"))) == 1
        assert not list((place / "runs").iterdir())
        (place / "tmp" / "dlcv-cache-65534").rename(place / "tmp" / "moved")
        (place / "tmp" / "dlcv-cache-65534").mkdir()
        with as_nobody(), pytest.raises(PermissionError, match=r"belongs to another user.*TMPDIR"):
            decode(image_set)


def test_a_disk_that_fills_while_decoding_leaves_nothing_and_the_next_call_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_set = satellites(tmp_path / "data", pairs=400)  # 300 kB of pixels
    monkeypatch.setattr(
        sys.modules["dlcvlib.data.decode"], "_require_space", lambda *_: None
    )  # others fill it afterwards
    with small_disk(tmp_path / "runs", 200):
        with pytest.raises(DiskFullError, match=r"runs/cache.*full.*0\.3 MB.*same command"):
            decode(image_set)
        assert [path for path in (tmp_path / "runs" / "cache").iterdir() if path.suffix != ".lock"] == []
    assert len(decode(image_set).images) == 400


def test_what_a_killed_process_left_is_removed_and_a_living_ones_part_is_not(tmp_path: Path, cache: Path) -> None:
    image_set = satellites(tmp_path / "data")
    decode(image_set)
    (folder,) = (path for path in cache.iterdir() if path.is_dir())
    (folder / "decoded.json").unlink()
    killed, living = (folder.with_name(f".{folder.name}.{name}.part") for name in ("k1ll3d00", "l1v1ng00"))
    for part in (killed, living):
        part.mkdir()
        (part / "images.npy").write_bytes(b"half")
    with locked_folder(living):
        decode(image_set)
    assert not killed.exists() and (living / "images.npy").is_file()
