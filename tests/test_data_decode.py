"""Decoding of splits: cached uint8 RGB arrays, written atomically; errors name the file."""

from __future__ import annotations

import io
import os
import shutil
import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import warm
from data_worlds import COLOURS, classification, mask, mini, office, pixels, satellite, write_image
from PIL import Image
from torchvision.transforms import v2

from dlcvlib.data import DataError, Decoded, ImageSet, Split, decode, find, palette
from dlcvlib.data.images import MAX_PIXELS, decode_rgb, resized_square
from dlcvlib.files.atomic import DiskFullError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs" / "cache"


def one_image(path: Path) -> ImageSet:
    """Return an unlabelled set of a single file."""
    return ImageSet("mini", path.parent, Split("train", (path,), None), None, ())


def one_mask(path: Path, pair: np.ndarray | None = None) -> torch.Tensor:
    """Return the class ids of a mask file."""
    image = write_image(path.parent / "0000_sat.png", pixels(0) if pair is None else pair)
    decoded = decode(
        ImageSet("satellite", path.parent, Split("train", (image,), None, (path,)), None, palette.CLASS_NAMES)
    )
    assert decoded.masks is not None
    return decoded.masks[0]


def satellites(root: Path) -> ImageSet:
    image_set = find(satellite(root)).satellite
    assert image_set is not None
    return image_set


def offices(root: Path) -> ImageSet:
    image_set = find(office(root)).office
    assert image_set is not None
    return image_set


def minis(root: Path) -> ImageSet:
    image_set = find(mini(root)).mini
    assert image_set is not None
    return image_set


def test_a_split_becomes_tensors_in_the_order_of_its_files(tmp_path: Path) -> None:
    image_set = find(classification(tmp_path / "data")).classification
    assert image_set is not None
    decoded = decode(image_set, "train")
    assert decoded.images.dtype == torch.uint8 and decoded.images.shape == (9, 3, 8, 8)
    assert decoded.names[:3] == ("0_0.png", "0_2.png", "0_10.png")
    for image, (label, number) in zip(decoded.images, [(c, n) for c in range(3) for n in (0, 2, 10)], strict=True):
        assert np.array_equal(image.permute(1, 2, 0).numpy(), pixels(label * 100 + number, 8, 8))
    assert decoded.labels is not None and decoded.labels.dtype == torch.int64
    assert decoded.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert decoded.masks is None and decoded.class_names == ("0", "1", "2")


def test_an_unlabelled_set_has_no_labels(tmp_path: Path) -> None:
    image_set = find(mini(tmp_path / "data", labelled=False)).mini
    assert image_set is not None and decode(image_set).labels is None


GREY = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
AS_RGB = np.repeat(GREY[..., None], 3, axis=-1)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (Image.fromarray(GREY), AS_RGB),
        (Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(255 - GREY)]), AS_RGB),
        (Image.fromarray(GREY.astype(np.uint16) * 256 + 9), AS_RGB),
        (Image.fromarray(np.dstack([pixels(1), GREY])), pixels(1)),
        (Image.fromarray(AS_RGB).quantize(256), AS_RGB),
        (Image.fromarray(GREY > 90), np.where(AS_RGB > 90, 255, 0)),
    ],
    ids=["grey", "grey with alpha", "16-bit grey", "RGBA", "palette", "two tones"],
)
def test_any_kind_of_image_becomes_rgb(tmp_path: Path, stored: Image.Image, expected: np.ndarray) -> None:
    stored.save(tmp_path / "image.png")
    image = decode(one_image(tmp_path / "image.png")).images[0].permute(1, 2, 0).numpy()
    assert np.array_equal(image, expected)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(suffix: str, orientation: int) -> None:
    upright = np.zeros((32, 16, 3), dtype=np.uint8)
    upright[:16, :8] = 255  # a bright quarter at the upper left
    undo = [None, None, 0, 3, 1, 5, 2, 6, 4][
        orientation
    ]  # Image.Transpose that stores it so that `orientation` rights it
    stored = Image.fromarray(upright) if undo is None else Image.fromarray(upright).transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x112] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "JPEG" if suffix == "jpg" else suffix.upper(), exif=exif)
    seen = np.asarray(decode_rgb(buffer.getvalue(), Path(f"image.{suffix}")))
    assert seen.shape == upright.shape
    assert np.abs(seen.astype(int) - upright).mean() < 8


@pytest.mark.parametrize(("height", "width"), [(40, 61), (61, 40), (33, 33), (24, 25), (9, 30)])
def test_a_size_is_reached_as_by_torchvision(tmp_path: Path, height: int, width: int) -> None:
    image = Image.fromarray(pixels(3, height, width))
    image.save(tmp_path / "image.png")
    expected = v2.Compose([v2.Resize(24), v2.CenterCrop(24), v2.PILToTensor()])(image)
    assert torch.equal(decode(one_image(tmp_path / "image.png"), size=24).images[0], expected)


def test_every_documented_colour_is_its_class_and_red_is_unknown(tmp_path: Path) -> None:
    array = np.array([[*COLOURS, (255, 0, 0)]], dtype=np.uint8)
    seen = one_mask(write_image(tmp_path / "0000_mask.png", array), pixels(0, 1, 8))
    assert seen.dtype == torch.uint8
    assert seen[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 6]


def test_a_mask_channel_counts_from_128(tmp_path: Path) -> None:
    array = np.array([[(127, 128, 200), (128, 255, 127), (127, 127, 127)]], dtype=np.uint8)
    assert one_mask(write_image(tmp_path / "0000_mask.png", array), pixels(0, 1, 3))[0].tolist() == [0, 1, 6]


def test_a_palette_mask_reads_like_an_rgb_mask(tmp_path: Path) -> None:
    plain = one_mask(write_image(tmp_path / "0000_mask.png", mask(5)))
    Image.fromarray(mask(5)).quantize(8).save(tmp_path / "0001_mask.png")
    assert torch.equal(one_mask(tmp_path / "0001_mask.png"), plain)


def test_masks_are_resized_without_new_classes(tmp_path: Path) -> None:
    big = np.zeros((40, 48, 3), dtype=np.uint8)
    big[:, 24:] = (255, 255, 0)  # Agriculture beside Unknown: a blend of their colours would be neither or red
    write_image(tmp_path / "0000_mask.png", big)
    image = write_image(tmp_path / "0000_sat.png", pixels(0, 40, 48))
    part = Split("train", (image,), None, (tmp_path / "0000_mask.png",))
    decoded = decode(ImageSet("satellite", tmp_path, part, None, palette.CLASS_NAMES), size=10)
    assert decoded.masks is not None and decoded.masks.shape == (1, 10, 10) and decoded.images.shape == (1, 3, 10, 10)
    assert (decoded.masks[0, :, :5] == 6).all() and (decoded.masks[0, :, 5:] == 1).all()


def test_a_second_call_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_set = satellites(tmp_path / "data")
    first = decode(image_set)

    def refuse(raw: bytes, path: Path) -> Image.Image:
        raise AssertionError(f"{path} was decoded again")

    monkeypatch.setattr(sys.modules["dlcvlib.data.decode"], "decode_rgb", refuse)
    second = decode(image_set)
    assert torch.equal(first.images, second.images) and first.fingerprint == second.fingerprint
    assert first.masks is not None and second.masks is not None and torch.equal(first.masks, second.masks)


def test_a_changed_file_is_decoded_anew(tmp_path: Path) -> None:
    image_set = minis(tmp_path / "data")
    before = decode(image_set)
    write_image(image_set.train.files[0], pixels(99, 10, 10))
    os.utime(image_set.train.files[0], ns=(1, 1))
    after = decode(image_set)
    assert not torch.equal(before.images[0], after.images[0]) and torch.equal(before.images[1:], after.images[1:])
    assert before.fingerprint != after.fingerprint


def test_writing_to_the_tensors_leaves_the_cache_as_it_was(tmp_path: Path) -> None:
    image_set = minis(tmp_path / "data")
    first = decode(image_set)
    kept = first.images.clone()
    first.images.zero_()
    assert torch.equal(decode(image_set).images, kept)


def test_the_fingerprint_is_of_names_contents_and_labels_only(tmp_path: Path) -> None:
    image_set = offices(tmp_path / "here")
    first = decode(image_set, size=8).fingerprint
    shutil.copytree(tmp_path / "here", tmp_path / "there")  # another place and other times
    there = find(tmp_path / "there").office
    assert there is not None and image_set.train.labels is not None
    assert decode(there, size=8).fingerprint == first == decode(there, size=9).fingerprint
    relabelled = replace(image_set, train=replace(image_set.train, labels=image_set.train.labels[::-1].copy()))
    assert decode(relabelled, size=8).fingerprint != first
    there.train.files[0].rename(tmp_path / "there" / "train" / "renamed.jpg")
    files = (tmp_path / "there" / "train" / "renamed.jpg", *there.train.files[1:])
    assert decode(replace(there, train=replace(there.train, files=files)), size=8).fingerprint != first


def test_images_of_unlike_sizes_need_a_size(tmp_path: Path) -> None:
    image_set = offices(tmp_path / "data")
    with pytest.raises(DataError, match=r"1_15\.jpg: is 16x13 pixels, but 0_15\.jpg is 16x12.*size="):
        decode(image_set)
    assert decode(image_set, size=8).images.shape == (6, 3, 8, 8)


def _noise(suffix: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(0, 64, 64)).save(buffer, "JPEG" if suffix == "jpg" else suffix.upper())
    return buffer.getvalue()


def _zeroed(raw: bytes) -> bytes:
    return raw[: len(raw) // 2] + bytes(50) + raw[len(raw) // 2 + 50 :]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jpg", _noise("jpg")[:900], "cannot be decoded"),
        ("a.png", _noise("png")[:900], "cannot be decoded"),
        ("a.webp", _noise("webp")[:900], "cannot be decoded|not an image"),
        ("a.png", _zeroed(_noise("png")), "cannot be decoded"),
        ("a.png", b"", "is empty"),
        ("a.jpg", b"<html>quota exceeded</html>", "is not an image"),
    ],
)
def test_an_undecodable_file_is_named_with_the_reason(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: .*({reason})"):
        decode(one_image(tmp_path / name))


@pytest.mark.parametrize("mode", ["F", "I"])
def test_an_image_of_numbers_without_a_white_is_refused_by_name(tmp_path: Path, mode: str) -> None:
    Image.fromarray(GREY).convert(mode).save(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif: holds (floating-point|32-bit) values.*8 bits"):
        decode(one_image(tmp_path / "a.tif"))


@pytest.mark.parametrize("side", [1 + int(MAX_PIXELS**0.5), 100_000])
def test_an_image_of_absurd_size_is_refused_before_it_is_decoded(side: int) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    with pytest.raises(DataError, match=r"bomb\.png: is .*pixels.*remove it"):
        decode_rgb(bomb, Path("bomb.png"))


def test_a_very_long_image_is_cut_before_it_is_resized(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, resize = [], Image.Image.resize

    def seen(image: Image.Image, size: tuple[int, int], *rest: object) -> Image.Image:
        sizes.append(size)
        return resize(image, size, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "resize", seen)
    long = np.zeros((2, 20_000, 3), dtype=np.uint8)
    long[:, 9_999:10_001] = 255  # the centre
    square = resized_square(Image.fromarray(long), 8, Image.Resampling.BILINEAR)
    assert square.size == (8, 8) and np.asarray(square)[:, 4].min() > 128
    assert max(map(max, sizes)) <= 200


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    image_set = minis(tmp_path / "data")
    image_set.train.files[2].unlink()
    with pytest.raises(DataError, match=rf"{image_set.train.files[2].name}: cannot be read"):
        decode(image_set)


def test_a_mask_of_another_size_is_named(tmp_path: Path) -> None:
    image_set = satellites(tmp_path / "data")
    assert image_set.train.masks is not None
    write_image(image_set.train.masks[1], mask(0, 12, 15))
    with pytest.raises(DataError, match=r"0001_mask\.png: is 15x12 pixels, but its image 0001_sat\.jpg is 16x12"):
        decode(image_set)


def test_a_split_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    image_set = minis(tmp_path / "data")
    for split in ("val", "test"):
        with pytest.raises(DataError, match=f"has no split '{split}'; it has train"):
            decode(image_set, split)
    with pytest.raises(DataError, match="size is 0"):
        decode(image_set, size=0)


def test_a_failure_leaves_nothing_in_the_cache(tmp_path: Path, cache: Path) -> None:
    image_set = minis(tmp_path / "data")
    good = image_set.train.files[-1].read_bytes()
    image_set.train.files[-1].write_bytes(good[:200])
    with pytest.raises(DataError):
        decode(image_set)
    assert [path for path in cache.iterdir() if path.suffix != ".lock"] == []
    image_set.train.files[-1].write_bytes(good)
    assert len(decode(image_set).images) == 4


def test_what_a_killed_process_left_is_replaced(tmp_path: Path, cache: Path) -> None:
    image_set = minis(tmp_path / "data")
    expected = decode(image_set).images.clone()
    (folder,) = (path for path in cache.iterdir() if path.is_dir())
    (folder / "decoded.json").unlink()  # the marker is written last
    (folder / "images.npy").write_bytes(b"half")
    shutil.copytree(folder, folder.with_name(f".{folder.name}.k1ll3d00.part"))
    assert torch.equal(decode(image_set).images, expected)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [folder.name]


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_set = minis(tmp_path / "data")
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))  # type: ignore[attr-defined]
    with pytest.raises(DiskFullError, match=r"are needed for the decoded images, 0 MB are free.*run the same command"):
        decode(image_set)


DECODE_IN_A_PROCESS = """
import sys
from dlcvlib.data import decode, find
decoded = decode(find(sys.argv[1]).satellite)
print(decoded.fingerprint, int(decoded.images.long().sum()), int(decoded.masks.long().sum()))
"""


def test_processes_that_decode_the_same_set_at_once_agree(tmp_path: Path, cache: Path) -> None:
    satellite(tmp_path / "data", pairs=40)
    processes = [warm.Process(["-c", DECODE_IN_A_PROCESS, str(tmp_path / "data")]) for _ in range(2)]
    answers = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    image_set = find(tmp_path / "data").satellite
    assert image_set is not None
    here: Decoded = decode(image_set)
    assert here.masks is not None
    assert set(answers) == {f"{here.fingerprint} {int(here.images.long().sum())} {int(here.masks.long().sum())}\n"}
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 1
