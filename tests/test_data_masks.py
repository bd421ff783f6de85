"""Masks in the course's colours are read; others are refused by both training and `dlcv data check`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from data_worlds import mask, satellite
from PIL import Image

from dlcvlib.data import DataError, decode, find, palette
from dlcvlib.data.checks import check
from dlcvlib.data.masks import STRAY_PIXELS

IDS = palette.class_ids(mask(0))
SHADES = [(value, value, value) for value in range(7)]


def with_palette(colours: list[tuple[int, int, int]]) -> Image.Image:
    image = Image.fromarray(IDS).convert("P")
    image.putpalette(np.array(colours, dtype=np.uint8).tobytes())
    return image


def through_jpeg() -> Image.Image:
    buffer = io.BytesIO()
    Image.fromarray(mask(0)).save(buffer, "JPEG", quality=95)
    return Image.open(buffer)


REFUSED = {
    "grey ids": Image.fromarray(IDS),
    "grey with the values 0 and 255": Image.fromarray(np.where(IDS == 5, 255, 0).astype(np.uint8)),
    "grey with alpha": Image.fromarray(IDS).convert("LA"),
    "16-bit ids": Image.fromarray(IDS.astype(np.uint16)),
    "two tones": Image.fromarray(IDS > 3),
    "ids with a palette of shades": with_palette(SHADES),
    "ids with another palette": with_palette([(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128)] * 2),
    "BGR with some water": Image.fromarray(palette.COLOURS[np.maximum(IDS, 4)][..., ::-1].copy()),
    "noise of a JPEG": through_jpeg(),
}
FINE = {
    "RGB": Image.fromarray(mask(0)),
    "with alpha": Image.fromarray(np.dstack([mask(0), IDS])),
    "with a palette": Image.open(io.BytesIO(palette.png(IDS))),
    "with a palette of unused colours": with_palette([*map(tuple, palette.COLOURS.tolist()), *SHADES]),
}


def world(root: Path, image: Image.Image) -> Path:
    """Write satellite pairs with `image` as one training mask."""
    satellite(root)
    image.save(root / "train" / "0001_mask.png")
    return root


def refusal(root: Path) -> str:
    """Return the error of training, after checking that `dlcv data check` reports the same."""
    (problem,) = check(root).problems
    image_set = find(root).satellite
    assert image_set is not None
    with pytest.raises(DataError) as error:
        decode(image_set)
    assert str(error.value) == str(problem)
    return str(problem)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))


@pytest.mark.parametrize("case", REFUSED)
def test_a_mask_in_other_colours_is_refused_by_name_in_training_and_check(tmp_path: Path, case: str) -> None:
    said = refusal(world(tmp_path / "data", REFUSED[case]))
    assert "0001_mask.png" in said and "PNG in the seven colours" in said
    assert ("without colours" in said) == (REFUSED[case].mode in ("L", "LA", "I;16", "1"))


@pytest.mark.parametrize("case", FINE)
def test_a_mask_in_the_courses_colours_is_read_however_it_is_stored(tmp_path: Path, case: str) -> None:
    root = world(tmp_path / "data", FINE[case])
    report = check(root)
    image_set = find(root).satellite
    assert report.sound and not report.remarks and image_set is not None
    masks = decode(image_set).masks
    assert masks is not None and np.array_equal(masks[1].numpy(), IDS)


def test_undocumented_pixels_are_refused_beyond_a_handful_with_colours_and_counts(tmp_path: Path) -> None:
    array = mask(0)
    array.reshape(-1, 3)[:STRAY_PIXELS] = (255, 0, 0)
    image_set = find(world(tmp_path / "few", Image.fromarray(array))).satellite
    assert image_set is not None
    masks = decode(image_set).masks
    assert masks is not None and (masks[1].ravel()[:STRAY_PIXELS] == palette.UNKNOWN).all()
    array[-1, -1] = (9, 9, 9)
    said = refusal(world(tmp_path / "many", Image.fromarray(array)))
    assert f"(255, 0, 0) in {STRAY_PIXELS} pixels, (9, 9, 9) in 1 pixel" in said
