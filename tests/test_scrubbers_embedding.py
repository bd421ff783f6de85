"""Embedding scrubbers, as far as Python goes: what they hold, what may be chosen, what is refused and written."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from embedding_records import growing_features, record
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageColor

from dlcvlib.embedding import embed
from dlcvlib.files.outputs import ForeignFileError
from dlcvlib.runs import Run, write_info, write_snapshot
from dlcvlib.views.palette import SYMBOLS, class_styles
from dlcvlib.views.scrubbers import EmbeddingScrubber
from dlcvlib.views.scrubbers.packing import packed, square_of, unpacked
from dlcvlib.views.scrubbers.sprite_sheet import sprite_sheet
from dlcvlib.views.scrubbers.static import figure
from dlcvlib.views.scrubbers.symbols import POLYGONS

EPOCHS, POINTS, CLASSES = 3, 60, 3
IMAGES = np.random.default_rng(0).integers(0, 256, (POINTS + 7, 3, 16, 16), dtype=np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return record(tmp_path_factory.mktemp("run") / "seed0", epochs=EPOCHS, points=POINTS, classes=CLASSES)


@pytest.fixture(scope="module")
def scrubber(run: Run) -> EmbeddingScrubber:
    return EmbeddingScrubber(run, "pca", IMAGES)


def small(path: Path, **options: int) -> Run:
    return record(path, **({"epochs": EPOCHS, "points": POINTS, "classes": CLASSES} | options))


# --- what it holds ---


@given(
    arrays(np.float32, (3, 5, 2), elements=st.floats(-4, 4, width=32)).filter(lambda maps: np.abs(maps).max() > 0.01)
)
def test_packed_coordinates_come_back_within_one_step_of_the_side(maps: np.ndarray) -> None:
    limit = square_of(maps)
    back = unpacked(packed(maps, limit), limit).reshape(maps.shape)
    assert np.abs(back - maps).max() <= 2 * limit / 65535


def test_the_page_is_given_the_maps_of_the_series_in_one_common_square(run: Run, scrubber: EmbeddingScrubber) -> None:
    series = embed(run, "pca")
    limit = np.abs(series.coordinates).max()
    back = unpacked(scrubber._coordinates, limit).reshape(series.coordinates.shape)
    np.testing.assert_allclose(back, series.coordinates, atol=2 * limit / 65535)
    assert np.frombuffer(scrubber._labels, np.uint8).tolist() == series.labels.tolist()
    assert np.frombuffer(scrubber._indices, "<u4").tolist() == series.indices.tolist()


def test_the_predictions_are_those_of_the_snapshots(run: Run, scrubber: EmbeddingScrubber) -> None:
    predicted = np.frombuffer(scrubber._predicted, np.uint8).reshape(EPOCHS + 1, POINTS)
    for place, epoch in enumerate(run.snapshot_epochs):
        np.testing.assert_array_equal(predicted[place], run.snapshot(epoch)["predicted"])


def test_the_figures_are_those_of_the_history_and_of_the_maps(run: Run, scrubber: EmbeddingScrubber) -> None:
    (pane,) = scrubber._figures
    rows = {row["name"]: row["values"] for row in pane["rows"]}
    history, quality = run.history.set_index("epoch"), embed(run, "pca").quality.set_index("epoch")
    assert rows["validation loss"][0] is None, "the untrained network has no history"
    for place, epoch in enumerate(scrubber.epochs):
        assert rows["trustworthiness"][place] == pytest.approx(quality.loc[epoch, "trustworthiness"], abs=1e-4)
        if epoch:
            assert rows["validation accuracy"][place] == pytest.approx(history.loc[epoch, "val_accuracy"], abs=1e-4)


def test_fifty_classes_have_fifty_marks_of_the_palette(tmp_path: Path) -> None:
    many = EmbeddingScrubber(small(tmp_path / "seed0", points=100, classes=50), "pca")
    marks = {(entry["colour"], entry["symbol"]) for entry in many._classes}
    assert len(marks) == 50 and marks == set(class_styles(50))
    assert set(POLYGONS) == set(SYMBOLS)


def test_every_sample_has_its_own_picture_on_the_sheet() -> None:
    colours = np.random.default_rng(1).integers(0, 256, (11, 3), dtype=np.uint8)
    images = np.broadcast_to(colours[:, :, None, None], (11, 3, 40, 30)).copy()
    sheet = np.asarray(Image.open(io.BytesIO(sprite_sheet(images, side=16))))
    assert sheet.shape == (3 * 16, 4 * 16, 3)
    for number, colour in enumerate(colours):
        row, column = divmod(number, 4)
        middle = sheet[16 * row + 8, 16 * column + 8].astype(int)
        np.testing.assert_allclose(middle, colour, atol=24)


def test_the_still_picture_shows_the_last_epoch_whatever_is_chosen(run: Run) -> None:
    one = EmbeddingScrubber(run, "pca")
    last = one.still()
    one.epoch = 0
    assert one.still() == last
    shown = np.asarray(Image.open(io.BytesIO(last)).convert("RGBA"))
    for colour, _ in class_styles(CLASSES):
        near = np.abs(shown[..., :3].astype(int) - ImageColor.getrgb(colour)).max(axis=2) < 12
        assert (near & (shown[..., 3] > 200)).sum() > 50
    assert shown[20:30, 20:30, 3].max() == 0, "no ground of its own"


# --- which epochs there are ---


def test_epochs_that_are_missing_are_stepped_over(tmp_path: Path) -> None:
    gappy = small(tmp_path / "seed0", epochs=5)
    for epoch in (1, 3):
        (gappy.path / "snapshots" / f"epoch_{epoch:04d}.npz").unlink()
    scrubber = EmbeddingScrubber(gappy, "pca")
    assert scrubber.epochs == [0, 2, 4, 5] and scrubber.epoch == 5
    with pytest.raises(ValueError, match=r"no epoch 3 to show; choose one of \[0, 2, 4, 5\]"):
        scrubber.epoch = 3
    for asked, shown in ((3, 2), (4, 4), (-1, 0), (99, 5)):
        scrubber.set_state({"epoch": asked})  # as a linked IntSlider does
        assert scrubber.epoch == shown


def test_one_epoch_alone_is_shown(tmp_path: Path) -> None:
    single = small(tmp_path / "seed0")
    for epoch in range(1, EPOCHS + 1):
        (single.path / "snapshots" / f"epoch_{epoch:04d}.npz").unlink()
    scrubber = EmbeddingScrubber(single, "pca")
    assert scrubber.epochs == [0] and "epoch 0 alone" in scrubber.caption


def test_two_runs_share_the_epochs_that_both_have(run: Run, tmp_path: Path) -> None:
    other = small(tmp_path / "seed1", epochs=5, recipe={"name": "other", "title": "Other"})
    (other.path / "snapshots" / "epoch_0001.npz").unlink()
    both = EmbeddingScrubber([run, other], "pca")
    assert both.epochs == [0, 2, 3]
    assert [pane["title"] for pane in both._figures] == ["Small CNN", "Other"]
    assert len(both._coordinates) == 2 * 3 * POINTS * 2 * 2


def test_a_series_is_shown_without_its_record(run: Run) -> None:
    scrubber = EmbeddingScrubber(embed(run, "pca", [1, 3]))
    assert scrubber.epochs == [1, 3] and scrubber._predicted == b""
    assert {row["name"] for row in scrubber._figures[0]["rows"]} == {
        *("kNN of features", "kNN of map", "silhouette", "trustworthiness"),
        *("movement on the map", "change of neighbours"),
    }


# --- what may be chosen ---


def test_the_selection_are_rows_of_the_map(scrubber: EmbeddingScrubber) -> None:
    scrubber.selection = [5, 2, 5]
    assert scrubber.selection == [2, 5]
    assert scrubber.indices[scrubber.selection].tolist() == [9, 12]
    for strange in (POINTS, -1):
        with pytest.raises(ValueError, match=f"0 to {POINTS - 1}, got \\[{strange}\\]"):
            scrubber.selection = [strange]
    assert scrubber.selection == [2, 5]
    scrubber.selection = []


def test_classes_may_be_few_or_none_but_not_strangers(scrubber: EmbeddingScrubber) -> None:
    for chosen in ([1], [], [0, 1, 2]):
        scrubber.classes = chosen
        assert scrubber.classes == chosen
    with pytest.raises(ValueError, match=r"0 to 2, got \[7\]"):
        scrubber.classes = [7]


# --- what is refused ---


def test_a_record_without_snapshot_is_named(tmp_path: Path) -> None:
    empty = Run(tmp_path / "seed0")
    write_info(empty, {"status": "running"})
    with pytest.raises(FileNotFoundError, match="seed0/snapshots holds no snapshot"):
        EmbeddingScrubber(empty)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_refused_with_record_and_epoch(tmp_path: Path, bad: float) -> None:
    diverged = small(tmp_path / "seed0")
    arrays = diverged.snapshot(2)
    arrays["features"][3, 1] = bad
    write_snapshot(diverged, 2, arrays)
    with pytest.raises(ValueError, match=r"seed0.*epoch 2.*nan or infinity"):
        EmbeddingScrubber(diverged, "pca")


@pytest.mark.parametrize(
    "spoil", [lambda content: content[: len(content) // 2], lambda content: b"no archive", lambda content: b""]
)
def test_a_spoilt_snapshot_is_refused_with_its_file(tmp_path: Path, spoil) -> None:
    run = small(tmp_path / "seed0")
    file = run.path / "snapshots" / "epoch_0002.npz"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(ValueError, match=r"seed0/snapshots/epoch_0002.npz is damaged"):
        EmbeddingScrubber(run, "pca")


def test_a_snapshot_with_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    run = small(tmp_path / "seed0")
    file = run.path / "snapshots" / "epoch_0001.npz"
    content = bytearray(file.read_bytes())
    content[300] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"epoch_0001.npz is damaged"):
        EmbeddingScrubber(run, "pca")


def test_runs_of_other_samples_do_not_stand_side_by_side(run: Run, tmp_path: Path) -> None:
    series = embed(run, "pca")
    for what in ("labels", "indices"):
        other = replace(series, **{what: getattr(series, what)[::-1].copy()})
        with pytest.raises(ValueError, match=f"do not show the same samples.*{what}"):
            EmbeddingScrubber([run, other], "pca")
    fewer = small(tmp_path / "seed0", points=30)
    with pytest.raises(ValueError, match="do not show the same samples"):
        EmbeddingScrubber([run, fewer], "pca")


def test_runs_without_common_epoch_none_and_three_are_refused(run: Run) -> None:
    with pytest.raises(ValueError, match="no epoch in common"):
        EmbeddingScrubber([embed(run, "pca", [1]), embed(run, "pca", [2])])
    for number in (0, 3):
        with pytest.raises(ValueError, match=f"got {number}"):
            EmbeddingScrubber([run] * number, "pca")


def test_too_few_images_and_names_are_refused(run: Run) -> None:
    with pytest.raises(ValueError, match="give the whole split"):
        EmbeddingScrubber(run, "pca", IMAGES[:20])
    with pytest.raises(ValueError, match="only 2 class names"):
        EmbeddingScrubber(run, "pca", class_names=["a", "b"])


# --- what is written ---


def test_a_page_replaces_only_what_a_scrubber_wrote(run: Run, tmp_path: Path) -> None:
    scrubber, page = EmbeddingScrubber(run, "pca"), tmp_path / "page.html"
    page.write_text("by hand")
    with pytest.raises(ForeignFileError, match=r"page\.html"):
        scrubber.save(page)
    assert page.read_text() == "by hand"
    scrubber.save(page, replace=True)
    scrubber.epoch = scrubber.epochs[0]
    scrubber.save(page)
    assert "by hand" not in page.read_text()


def test_the_page_is_whole_asks_for_nothing_and_cannot_be_broken_out_of(run: Run, tmp_path: Path) -> None:
    scrubber = EmbeddingScrubber(run, "pca", IMAGES, ["</script><script>alert(1)</script>", "<img src=x>", "c"])
    scrubber.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page), "the name of SVG is no address that is asked for"
    assert not re.search(r"\b(src|href)=\"(?!data:)", page) and "import(" not in page and "fetch(" not in page
    assert "alert(1)<" not in page and "<img src=x>" not in page
    assert page.count("<script") == page.count("</script>") == 2
    values = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)[1])
    assert base64.b64decode(values["_coordinates"]["base64"]) == scrubber._coordinates
    assert values["_classes"][0]["name"].startswith("</script>") and values["epochs"] == scrubber.epochs


def test_a_cell_shows_the_widget_where_a_kernel_is_and_else_the_page(scrubber: EmbeddingScrubber) -> None:
    data, _ = scrubber._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == scrubber.model_id
    assert data["text/html"] == scrubber.html and data["text/html"].startswith('<figure class="dlcv-figure"')
    assert data["text/plain"] == scrubber.caption


def test_two_thousand_dots_of_thirty_epochs_weigh_less_than_half_a_megabyte(tmp_path: Path) -> None:
    features, labels = growing_features(30, 2000, 2, 50)
    series = embed(small(tmp_path / "seed0"), "pca")
    coordinates = np.stack(features)
    quality = series.quality.loc[np.arange(30) % len(series.quality)].assign(epoch=np.arange(30))
    indices = np.arange(2000)
    big = replace(
        series, epochs=tuple(range(30)), coordinates=coordinates, labels=labels, indices=indices, quality=quality
    )
    assert len(EmbeddingScrubber(big).html) < 500_000


def test_a_module_that_no_page_could_hold_is_refused() -> None:
    said = {"identity": "i", "caption": "c", "alt": "a"}
    with pytest.raises(ValueError, match="once"):
        figure("const a = 1;", "", {}, b"", **said)
    with pytest.raises(ValueError, match="would end its element"):
        figure("export default { a: '</script>' }", "", {}, b"", **said)


# --- following a training ---


def test_a_training_is_followed_and_the_last_epoch_stays_the_last(tmp_path: Path) -> None:
    whole = small(tmp_path / "seed0", epochs=4)
    kept = {epoch: whole.snapshot(epoch) for epoch in (3, 4)}
    for epoch in kept:
        (whole.path / "snapshots" / f"epoch_{epoch:04d}.npz").unlink()
    scrubber = EmbeddingScrubber(whole, "pca")
    before = scrubber._coordinates
    assert scrubber.epochs == [0, 1, 2] and not scrubber.refresh()
    write_snapshot(whole, 3, kept[3])
    assert scrubber.refresh()
    assert (
        scrubber.epochs == [0, 1, 2, 3] and scrubber.epoch == 3 and len(scrubber._coordinates) == len(before) * 4 // 3
    )
    scrubber.epoch = 1
    write_snapshot(whole, 4, kept[4])
    scrubber.live(0.05)
    scrubber._following.join(timeout=30)  # ends by itself, since the record says that it is finished
    assert scrubber.epochs == [0, 1, 2, 3, 4] and scrubber.epoch == 1, "who looks at an earlier epoch is left there"
    assert scrubber.message == ""


def test_what_goes_wrong_while_a_training_is_followed_is_said(tmp_path: Path) -> None:
    run = small(tmp_path / "seed0", status="running")
    scrubber = EmbeddingScrubber(run, "pca")
    (run.path / "snapshots" / "epoch_0009.npz").write_bytes(b"spoilt")
    scrubber.live(0.02)
    for _ in range(500):
        if "epoch_0009.npz cannot be read" in scrubber.message:
            break
        scrubber._stopped.wait(0.02)
    scrubber.stop()
    assert "epoch_0009.npz cannot be read" in scrubber.message
    with pytest.raises(ValueError, match="interval"):
        scrubber.live(0)
