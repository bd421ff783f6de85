"""MaskScrubber: what it holds is what the record says, and what does not fit is refused by name."""

from __future__ import annotations

import io
import re
from itertools import pairwise

import numpy as np
import pytest
import torch
import traitlets
from mask_records import NAMES, record, split
from PIL import Image

from dlcvlib import runs
from dlcvlib.data import palette
from dlcvlib.metrics import course_iou
from dlcvlib.views.scrubbers import MaskScrubber

IMAGES, MASKS = split()


def scrubber(*records, **options) -> MaskScrubber:
    return MaskScrubber(records, IMAGES, MASKS, NAMES, **options)


def files(shown: MaskScrubber) -> list[bytes]:
    return [shown._data[start:end] for start, end in pairwise(shown._offsets)]


def ids(file: bytes) -> np.ndarray:
    return palette.class_ids(np.asarray(Image.open(io.BytesIO(file)).convert("RGB")))


def rows(shown: MaskScrubber, run: int = 0) -> dict[str, list[float | None]]:
    return {row["name"]: row["values"] for row in shown._figures[run]["rows"]}


def test_what_is_packed_is_what_the_records_hold(tmp_path):
    one, two = record(tmp_path), record(tmp_path, seed=1)
    shown = scrubber(one, two)
    photos, rest = files(shown)[: len(NAMES)], files(shown)[len(NAMES) :]
    assert [Image.open(io.BytesIO(photo)).size for photo in photos] == [(32, 24)] * 3
    truths, predicted = rest[: len(NAMES)], iter(rest[len(NAMES) :])
    for truth, mask in zip(truths, MASKS, strict=True):
        np.testing.assert_array_equal(ids(truth), mask)
    for run in (one, two):
        for epoch in shown.epochs:
            for name in NAMES:
                file = next(predicted)
                assert file == run.mask_files(epoch)[name].read_bytes(), "the file as it lies in the record"
                np.testing.assert_array_equal(ids(file), run.masks(epoch)[name])
    assert next(predicted, None) is None


def test_the_figures_are_those_of_the_course(tmp_path):
    run = record(tmp_path)
    shown = scrubber(run)
    history = run.history.set_index("epoch")["mean_iou"]
    for place, epoch in enumerate(shown.epochs):
        predicted = run.masks(epoch)
        alone = [course_iou(predicted[name], mask) for name, mask in zip(NAMES, MASKS, strict=True)]
        together = course_iou(np.stack([predicted[name] for name in NAMES]), MASKS)
        for tile, score in zip(shown._tiles, alone, strict=True):
            assert tile["iou"][0][place] == rows(shown)[f"image {tile['name']}"][place] == score.mean_of_present
        for name, value in zip(palette.CLASS_NAMES, together.per_class, strict=False):
            assert rows(shown)[f"{name}, images shown"][place] == value
        for tile, mask in zip(shown._tiles, MASKS, strict=True):
            wrong = (predicted[tile["name"]] != mask.numpy()).mean()
            assert tile["wrong"][0][place] == pytest.approx(wrong)
        assert rows(shown)["mean IoU, all validation images"][place] == history.get(epoch)


def test_a_class_that_does_not_occur_has_no_number(tmp_path):
    run, water = record(tmp_path, (1,)), palette.CLASS_NAMES.index("Water")
    masks = torch.zeros_like(MASKS)
    runs.write_masks(run, 1, dict.fromkeys(NAMES, masks[0].numpy()))
    shown = MaskScrubber(run, IMAGES, masks, NAMES)
    assert rows(shown)["Urban, images shown"] == [1.0]
    assert rows(shown)[f"{palette.CLASS_NAMES[water]}, images shown"] == [None]
    assert "NaN" not in shown.html


def test_a_record_without_history_is_shown_without_its_mean(tmp_path):
    run = record(tmp_path, (0,))
    (run.path / "history.csv").unlink()
    assert rows(scrubber(run))["mean IoU, all validation images"] == [None]


def test_the_slider_has_the_epochs_there_are_and_two_records_those_in_common(tmp_path):
    long, short = record(tmp_path, (0, 2, 5, 9)), record(tmp_path, (0, 1, 2, 9), seed=1)
    assert scrubber(long).epochs == [0, 2, 5, 9] and scrubber(long).epoch == 9
    both = scrubber(long, short)
    assert both.epochs == [0, 2, 9] and "only one of them" in both.caption
    assert scrubber(long, epochs=(2, 5)).epochs == [2, 5]
    with pytest.raises(ValueError, match="no epoch in common"):
        scrubber(long, record(tmp_path, (3,), seed=2))


def test_only_the_images_asked_for_are_kept(tmp_path):
    shown = scrubber(record(tmp_path), shown=["0104"])
    assert [tile["name"] for tile in shown._tiles] == ["0104"]
    np.testing.assert_array_equal(ids(files(shown)[1]), MASKS[2])


def test_large_images_are_reduced_for_display_but_masks_are_not(tmp_path):
    images, masks = split(512)
    run = record(tmp_path, (1,), side=512)
    for full_size, size in ((False, (256, 192)), (True, (512, 384))):
        packed = files(MaskScrubber(run, images, masks, NAMES, full_size=full_size))
        assert Image.open(io.BytesIO(packed[0])).size == size
        assert Image.open(io.BytesIO(packed[-1])).size == (512, 384)


def test_a_record_without_masks_is_refused(tmp_path):
    run = record(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"epoch_0002 holds no label maps"):
        scrubber(run, epochs=(1, 2))
    empty = runs.Run(tmp_path / "quick" / "empty" / "seed0")
    runs.write_info(empty, {"recipe": {"title": "Empty"}})
    with pytest.raises(FileNotFoundError, match=r"empty/seed0/snapshots holds no snapshot yet"):
        scrubber(empty)
    with pytest.raises(ValueError, match="no epoch to show"):
        scrubber(run, epochs=())


def test_an_image_missing_at_an_epoch_is_named(tmp_path):
    run = record(tmp_path)
    run.mask_files(3)["0062"].unlink()
    with pytest.raises(ValueError, match=r"fcn/seed0 has no mask of 0062 at epoch 3, only of 0013, 0104"):
        scrubber(run)


@pytest.mark.parametrize("damage", [lambda file: file[: len(file) // 2], lambda file: b"", lambda file: b"no" + file])
def test_a_corrupted_mask_is_named(tmp_path, damage):
    run = record(tmp_path)
    file = run.mask_files(3)["0062"]
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match=r"fcn/seed0/snapshots/epoch_0003/0062\.png cannot be read"):
        scrubber(run)


def test_masks_that_do_not_fit_are_refused(tmp_path):
    run = record(tmp_path)
    with pytest.raises(ValueError, match=r"0013\.png is of 32 x 24 pixels, but the true mask of 0013 of 24 x 24"):
        MaskScrubber(run, IMAGES, MASKS[:, :, :24], NAMES)
    with pytest.raises(ValueError, match="the mask of 0062 holds class ids 0 to 262"):
        MaskScrubber(run, IMAGES, MASKS.int() + 256 * torch.tensor([0, 1, 0])[:, None, None] * (MASKS > 0), NAMES)
    with pytest.raises(ValueError, match="3 images, 2 masks and 3 names do not fit"):
        MaskScrubber(run, IMAGES, MASKS[:2], NAMES)
    with pytest.raises(ValueError, match="0062, which are not among the names given"):
        MaskScrubber(run, IMAGES, MASKS, ("0013", "0001", "0104"))


def test_records_that_do_not_fit_each_other_are_refused(tmp_path):
    run, other = record(tmp_path), record(tmp_path, seed=1, names=NAMES[:2])
    with pytest.raises(ValueError, match=r"seed1 keeps masks of 0013, 0062, but .*seed0 of 0013, 0062, 0104"):
        scrubber(run, other)
    assert len(scrubber(run, other, shown=NAMES[:2])._tiles) == 2
    for records, labels in (([], ()), ([run] * 3, ()), ([run], ("one", "two"))):
        with pytest.raises(ValueError, match="one or two records fit side by side"):
            scrubber(*records, labels=labels)


def test_a_training_that_goes_on_is_followed(tmp_path):
    run = record(tmp_path, (0, 1))
    shown = scrubber(run)
    assert not shown.refresh()
    record(tmp_path, (0, 1, 2))
    assert shown.refresh() and shown.epochs == [0, 1, 2] and shown.epoch == 2
    assert len(rows(shown)["image 0013"]) == 3 and files(shown)[-1] == run.mask_files(2)["0104"].read_bytes()
    shown.epoch = 1
    runs.write_info(run, run.info | {"status": "training"})
    shown.live(interval=0.01)
    runs.write_masks(run, 3, run.masks(2))
    runs.write_info(run, run.info | {"status": "finished"})
    shown._following.join(timeout=60)
    assert not shown._following.is_alive(), "it ends with the training"
    assert shown.epochs == [0, 1, 2, 3] and shown.epoch == 1 and shown.message == ""
    with pytest.raises(ValueError, match="above 0 seconds"):
        shown.live(interval=0)


def test_a_scrubber_of_chosen_epochs_does_not_grow(tmp_path):
    shown = scrubber(record(tmp_path, (0, 1)), epochs=(0, 1))
    record(tmp_path, (0, 1, 2))
    assert not shown.refresh() and shown.epochs == [0, 1]


def test_what_is_set_from_python_is_checked(tmp_path):
    shown = scrubber(record(tmp_path))
    shown.epoch, shown.opacity, shown.outline, shown.errors, shown.classes = 3, 0.5, True, True, []
    for name, value in (("epoch", 2), ("opacity", 1.5), ("classes", [7])):
        with pytest.raises((ValueError, traitlets.TraitError)):
            setattr(shown, name, value)


def test_the_page_needs_no_other_and_takes_names_as_text(tmp_path):
    names = ["<b onclick=alert(1)>", "<!--", 'a"b&amp;']
    run = record(tmp_path, title="</script><i>FCN</i>", names=names)
    html = MaskScrubber(run, IMAGES, MASKS, names).html
    for text in ("<b onclick", "<!--", "<i>FCN", 'a"b&amp;'):
        assert text not in html
    assert html.count("</script>") == 2
    assert set(re.findall(r"https?://[^\s\"'`]+", html)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<link|\ssrc=\"(?!data:)|\bimport\b *[\w{(\"']|@import|url\(", html)


def test_the_still_shows_the_last_epoch_s_masks(tmp_path):
    shown = scrubber(record(tmp_path), record(tmp_path, seed=1))
    picture = Image.open(io.BytesIO(shown.still())).convert("RGBA")
    columns, rows_of_panes = 4, 3
    assert picture.width == columns * 128 + (columns - 1) * 6
    assert picture.height == rows_of_panes * 96 + (rows_of_panes - 1) * 6
    colours = {colour[:3] for _, colour in picture.crop((3 * 134, 0, 3 * 134 + 128, 96)).getcolors(1000)}
    assert len(colours) >= 7 and shown.alt in shown.html.replace("&amp;", "&")
