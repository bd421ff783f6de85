"""The toy world: its layout, atomic and reproducible drawing, and that models learn from it."""

from __future__ import annotations

import csv
import json
import multiprocessing
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile_places import small_disk
from PIL import Image
from scipy.ndimage import uniform_filter
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional

from dlcvlib import data
from dlcvlib.data import palette, toy
from dlcvlib.data.toy import landscapes, writing
from dlcvlib.data.toy import world as world_on_disk
from dlcvlib.data.toy.objects import concepts, draw_object
from dlcvlib.data.toy.shapes import OUTLINES
from dlcvlib.data.toy.splits import plan
from dlcvlib.data.toy.textures import PATTERNS
from dlcvlib.files.atomic import DiskFullError, whole_folder

TINY = 0.04
NAMED = ("0010", "0013", "0062", "0065", "0097", "0104", "0107")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.draw(tmp_path_factory.mktemp("toy") / "world", seed=0, scale=TINY)


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def visible(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]


# ---- the layout of 2023 ---------------------------------------------------------------------------


def test_classification_lies_as_in_2023(world: Path) -> None:
    train, val = (sorted((world / "p1_data" / folder).iterdir()) for folder in ("train_50", "val_50"))
    table = rows(world / "p1_data" / "val_gt.csv")
    assert {file.suffix for file in train + val} == {".png"}
    assert {file.name for file in val} == {row["filename"] for row in table}
    assert all(row["filename"].split("_")[0] == row["label"] for row in table)
    assert not {file.name for file in train} & {file.name for file in val}
    for files in (train, val):
        assert Counter(int(file.name.split("_")[0]) for file in files) == dict.fromkeys(range(16), 2)


def test_mini_lies_as_in_2023(world: Path) -> None:
    table, mini = rows(world / "p2_data" / "mini" / "train.csv"), writing.CONCEPTS[writing.MINI]
    assert list(table[0]) == ["id", "filename", "label"]
    assert [int(row["id"]) for row in table] == list(range(len(table)))
    assert {row["filename"] for row in table} == set(visible(world / "p2_data" / "mini" / "train"))
    assert Counter(row["label"] for row in table) == dict.fromkeys((concept.name for concept in mini), 3)
    assert all(row["filename"].startswith("n") and len(row["filename"]) == 9 + 8 + len(".jpg") for row in table)


def test_office_lies_as_in_2023(world: Path) -> None:
    office = world / "p2_data" / "office"
    names = []
    for split in ("train", "val"):
        table = rows(office / f"{split}.csv")
        assert {row["filename"] for row in table} == set(visible(office / split))
        assert {int(row["label"]) for row in table} == set(range(16))
        assert all(row["filename"].split("_")[0] == row["label"] for row in table)
        names += [row["filename"] for row in table]
    assert len(set(names)) == len(names)
    class_names = (office / "classes.txt").read_text().splitlines()
    assert class_names == [concept.name for concept in writing.CONCEPTS[writing.OFFICE]]


def test_satellite_pairs_lie_as_in_2023(world: Path) -> None:
    for split, least in (("train", 4), ("validation", 7)):
        folder = world / "p3_data" / split
        images = {name.removesuffix("_sat.jpg") for name in visible(folder) if name.endswith("_sat.jpg")}
        masks = {name.removesuffix("_mask.png") for name in visible(folder) if name.endswith("_mask.png")}
        assert images == masks
        assert len(images) >= least
        assert split == "train" or images >= set(NAMED)


@pytest.mark.parametrize(
    ("folder", "size"),
    [
        ("p1_data/train_50", 32),
        ("p1_data/val_50", 32),
        ("p2_data/mini/train", 64),
        ("p2_data/office/val", 96),
        ("p3_data/train", 128),
    ],
)
def test_every_image_is_rgb_and_of_the_set_s_size(world: Path, folder: str, size: int) -> None:
    for file in (world / folder).iterdir():
        with Image.open(file) as image:
            assert (image.mode, image.size) == ("RGB", (size, size))


def test_masks_hold_the_documented_colours_only_and_all_seven(world: Path) -> None:
    documented = {tuple(colour) for colour in palette.COLOURS.tolist()}
    for split in ("train", "validation"):
        seen: set[tuple[int, ...]] = set()
        for file in (world / "p3_data" / split).glob("*_mask.png"):
            seen |= {
                tuple(colour) for colour in np.unique(np.asarray(Image.open(file)).reshape(-1, 3), axis=0).tolist()
            }
        assert seen == documented


# ---- it appears whole, and repeats ----------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(world: Path, tmp_path: Path) -> None:
    first = contents(world)
    again = contents(toy.draw(tmp_path / "again", seed=0, scale=TINY))
    other = contents(toy.draw(tmp_path / "other", seed=1, scale=TINY))
    assert again == first
    changed = [name for name in first if name.endswith((".png", ".jpg")) and other.get(name) != first[name]]
    pictures = [name for name in first if name.endswith((".png", ".jpg"))]
    assert len(changed) == len(pictures)


def test_a_world_that_stands_is_not_drawn_again(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(writing, "draw_object", fail)
    assert toy.draw(world, seed=0, scale=TINY) == world


def test_a_world_of_another_seed_or_version_or_with_a_file_gone_is_drawn_anew(world: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(world, tmp_path / "world"))
    before = contents(root)
    assert toy.is_drawn(root)
    marker = root / world_on_disk.MARKER
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"version": -1}))
    assert not toy.is_drawn(root)
    assert contents(toy.draw(root, seed=0, scale=TINY)) == before

    next((root / "p3_data" / "train").iterdir()).unlink()
    assert not toy.is_drawn(root)
    assert contents(toy.draw(root, seed=0, scale=TINY)) == before

    assert contents(toy.draw(root, seed=2, scale=TINY)) != before
    assert toy.is_drawn(root)
    assert visible(tmp_path) == ["world"]


def test_an_interrupted_drawing_leaves_nothing_and_the_world_that_stood_before(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = 0

    def interrupted(*arguments: object) -> np.ndarray:
        nonlocal drawn
        drawn += 1
        if drawn > 100:
            raise KeyboardInterrupt
        return draw_object(*arguments)  # type: ignore[arg-type]

    old = contents(Path(shutil.copytree(world, tmp_path / "old")))
    monkeypatch.setattr(writing, "draw_object", interrupted)
    for name in ("new", "old"):
        drawn = 0
        with pytest.raises(KeyboardInterrupt):
            toy.draw(tmp_path / name, seed=3, scale=TINY)
    assert not [folder for folder in tmp_path.iterdir() if folder.is_dir() and folder.name != "old"]
    assert contents(tmp_path / "old") == old


def test_a_killed_drawing_is_not_taken_for_a_world_and_is_cleared_away(tmp_path: Path) -> None:
    root = tmp_path / "world"
    code = f"from dlcvlib.data import toy; toy.draw({str(root)!r})"
    library = Path(toy.__file__).resolve().parents[3]
    with subprocess.Popen([sys.executable, "-c", code], cwd=library, stderr=subprocess.DEVNULL) as drawing:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".world.*.part/**/*.png")) and time.monotonic() < deadline:
            assert drawing.poll() is None, "the drawing ended before it could be killed"
            time.sleep(0.02)
        drawing.send_signal(signal.SIGKILL)
    assert list(tmp_path.glob(".world.*.part"))
    assert visible(tmp_path) == []
    assert not toy.is_drawn(root)
    toy.draw(root, scale=TINY)
    assert toy.is_drawn(root)
    assert not list(tmp_path.glob(".world.*.part"))


def test_two_processes_that_draw_at_once_make_one_world(tmp_path: Path) -> None:
    root = tmp_path / "world"
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        roots = list(pool.map(toy.draw, [root] * 2, [0] * 2, [TINY] * 2))
    assert roots == [root, root]
    assert toy.is_drawn(root)
    assert visible(tmp_path) == ["world"]


def test_a_folder_with_something_else_in_it_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(FileExistsError, match=r"no toy\.json"):
        toy.draw(tmp_path, scale=TINY)
    assert (tmp_path / "thesis.txt").read_text() == "three years of work"
    assert not toy.is_drawn(tmp_path)


def replaced_label(root: Path) -> Path:
    file = root / "p1_data" / "val_gt.csv"
    file.write_text(file.read_text().replace(",0\n", ",1\n"))
    return file


def added_note(root: Path) -> Path:
    file = root / "p2_data" / "notes.txt"
    file.write_text("three years of work")
    return file


def added_link(root: Path) -> Path:
    (root / "mine").symlink_to(root.parent)
    return root / "mine"


@pytest.mark.parametrize("change", [replaced_label, added_note, added_link])
@pytest.mark.parametrize("why", ["another seed", "another version", "a file gone"])
def test_a_world_that_holds_a_file_of_the_readers_is_never_replaced(
    world: Path, tmp_path: Path, change: Callable[[Path], Path], why: str
) -> None:
    root = Path(shutil.copytree(world, tmp_path / "world"))
    changed = change(root)
    if why == "another version":
        marker = root / world_on_disk.MARKER
        marker.write_text(json.dumps(json.loads(marker.read_text()) | {"version": -1}))
    elif why == "a file gone":
        next((root / "p3_data" / "train").iterdir()).unlink()
    before = contents(root)
    with pytest.raises(FileExistsError, match=rf"{changed}.*{root} is not replaced.*move"):
        toy.draw(root, seed=7 if why == "another seed" else 0, scale=TINY)
    assert contents(root) == before and changed.is_symlink() == (change is added_link)


def test_a_file_that_comes_while_another_world_is_drawn_is_kept(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(world, tmp_path / "world"))
    draw_all = world_on_disk.draw_all

    def slowly(*arguments: Any) -> None:
        draw_all(*arguments)
        added_note(root)

    monkeypatch.setattr(world_on_disk, "draw_all", slowly)
    with pytest.raises(FileExistsError, match=r"notes\.txt"):
        toy.draw(root, seed=7, scale=TINY)
    assert (root / "p2_data" / "notes.txt").read_text() == "three years of work"


def test_a_file_of_the_readers_does_no_harm_to_a_world_that_stands(world: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(world, tmp_path / "world"))
    added_note(root)
    assert toy.is_drawn(root) and toy.draw(root, seed=0, scale=TINY) == root
    assert (root / "p2_data" / "notes.txt").is_file()


def test_a_world_of_an_older_dlcv_is_used_and_never_replaced_and_the_message_says_what_to_move(
    world: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(world, tmp_path / "world"))
    (root / ".digests.json").unlink()
    assert toy.is_drawn(root) and toy.draw(root, seed=0, scale=TINY) == root
    with pytest.raises(FileExistsError, match=rf"{root} is a toy world of an older version.*move {root} away"):
        toy.draw(root, seed=1, scale=TINY)
    assert toy.is_drawn(root)
    root.rename(tmp_path / "moved")
    assert toy.is_drawn(toy.draw(root, seed=1, scale=TINY))


def test_a_world_whose_notes_are_damaged_is_not_replaced(world: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(world, tmp_path / "world"))
    (root / ".digests.json").write_text("{")
    assert not toy.is_drawn(root)
    with pytest.raises(ValueError, match=r"\.digests\.json is damaged.*remove it"):
        toy.draw(root, seed=0, scale=TINY)


def test_a_link_or_a_file_is_no_place_for_a_world(world: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(world)
    (tmp_path / "file").write_text("mine")
    for name in ("link", "file"):
        with pytest.raises(FileExistsError, match=rf"{name} is a link or a file"):
            toy.draw(tmp_path / name, seed=7, scale=TINY)
    assert toy.is_drawn(world)


def test_a_living_drawing_of_a_name_that_begins_alike_is_left_alone(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "world.two") as theirs:
        (theirs / "image.png").write_bytes(b"theirs")
        toy.draw(tmp_path / "world", scale=TINY)
        assert (theirs / "image.png").is_file()


def test_a_disk_that_fills_while_drawing_leaves_nothing_and_says_how_much_is_needed(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", 300) as disk:
        with pytest.raises(DiskFullError, match=r"toy: the disk is full.*1\.8 MB.*same command"):
            toy.draw(disk / "toy", scale=TINY)
        assert visible(disk) == []
    assert toy.is_drawn(toy.draw(tmp_path / "data" / "toy", scale=TINY))


@pytest.mark.parametrize("scale", [0, -0.1, 1.5, float("nan")])
def test_a_scale_out_of_range_is_refused(tmp_path: Path, scale: float) -> None:
    with pytest.raises(ValueError, match="scale is"):
        toy.draw(tmp_path / "world", scale=scale)
    with pytest.raises(ValueError, match="seed is -1"):
        toy.draw(tmp_path / "world", seed=-1)
    assert visible(tmp_path) == []


# ---- what the classes are -------------------------------------------------------------------------


def test_the_three_sets_share_shapes_and_textures_but_no_class() -> None:
    sets = list(writing.CONCEPTS.values())
    assert [len(classes) for classes in sets] == [16, 16, 16]
    assert len({concept for classes in sets for concept in classes}) == 3 * 16
    for classes in sets:
        assert Counter(concept.shape for concept in classes) == dict.fromkeys(OUTLINES, 2)
        assert Counter(concept.texture for concept in classes) == dict.fromkeys(PATTERNS, 2)


def test_a_shift_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="shift 8: a shift is 0 to 7"):
        concepts(0, 8)


def test_class_names_are_read_from_every_set(world: Path) -> None:
    course = data.find(world)
    for kind, images in (
        (writing.CLASSIFICATION, course.classification),
        (writing.MINI, course.mini),
        (writing.OFFICE, course.office),
    ):
        assert images is not None
        assert sorted(images.class_names) == sorted(concept.name for concept in writing.CONCEPTS[kind])


def test_wrong_labels_are_as_many_as_asked_for_and_really_wrong() -> None:
    images = plan(np.full(50, 40), np.random.default_rng(0), wrong=0.04)
    assert sum(image.shown != image.label for image in images) == 80
    assert len({(image.label, image.number) for image in images}) == 2000
    assert all(image.shown == image.label for image in plan(np.full(50, 10), np.random.default_rng(0)))


# ---- it is worth learning from --------------------------------------------------------------------


@pytest.fixture(scope="module")
def objects() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Draw the classification set of seed 0 without wrong labels: 16 classes, 40 + 12 images each."""
    classes = writing.CONCEPTS[writing.CLASSIFICATION]
    made = {}
    for split, count in (("train", 40), ("val", 12)):
        labels = np.repeat(np.arange(16), count)
        seeds = enumerate(labels)
        images = [draw_object(classes[label], 32, np.random.default_rng([0, count, k])) for k, label in seeds]
        made[split] = (np.stack(images), labels)
    return made


def histograms(images: np.ndarray) -> np.ndarray:
    bins = images // 16
    counts = [(bins == level).mean(axis=(1, 2)) for level in range(16)]
    return np.concatenate(counts, axis=1)


def test_colour_histograms_do_not_tell_the_classes(objects: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    (images, labels), (val_images, val_labels) = objects["train"], objects["val"]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=200))
    accuracy = model.fit(histograms(images), labels).score(histograms(val_images), val_labels)
    assert accuracy < 3 / 16


def small_network() -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs, stride in ((3, 32, 2), (32, 64, 1), (64, 96, 1)):
        layers += [
            nn.Conv2d(inputs, outputs, 5 if stride == 2 else 3, stride, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
        layers += [nn.MaxPool2d(2)] * (stride == 1)
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(16))


def test_a_small_network_climbs_over_epochs(objects: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    def ready(split: str) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = objects[split]
        return torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - 0.5, torch.from_numpy(labels)

    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    (images, labels), (val_images, val_labels) = ready("train"), ready("val")
    network, epochs, batch = small_network(), 3, 50
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=epochs * -(-len(images) // batch))
    accuracies = []
    for _ in range(epochs):
        network.train()
        for chosen in torch.randperm(len(images), generator=generator).split(batch):
            pixels = images[chosen]
            if torch.rand((), generator=generator) < 0.5:
                pixels = pixels.flip(3)
            loss = functional.cross_entropy(network(pixels), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            accuracies.append((network.eval()(val_images).argmax(1) == val_labels).float().mean().item())
    assert accuracies[0] < 0.2
    assert 0.4 < accuracies[-1] < 0.9


def test_the_shares_of_the_land_cover_are_as_stated_and_no_class_is_missing() -> None:
    for seed in range(5):
        for count in (16, 90):
            table = landscapes.share_table(count, np.random.default_rng(seed))
            np.testing.assert_allclose(table.sum(axis=1), 1)
            np.testing.assert_allclose(table.mean(axis=0), landscapes.SHARES, atol=0.02)
            assert (table.max(axis=0) > 0.003).all()


def through_a_stride(cover: np.ndarray, stride: int) -> np.ndarray:
    """Return the best that scores at every `stride`-th pixel can say of a land cover."""
    one_hot = functional.one_hot(torch.from_numpy(cover).long(), 7).movedim(-1, 0)[None].float()
    return (
        functional.interpolate(functional.avg_pool2d(one_hot, stride), cover.shape, mode="bilinear")[0]
        .argmax(0)
        .numpy()
    )


def test_a_stride_of_32_loses_the_water_and_keeps_the_villages_and_woods() -> None:
    kept: dict[int, Counter[int]] = {32: Counter(), 8: Counter(), 2: Counter()}
    area: Counter[int] = Counter()
    for k, shares in enumerate(landscapes.share_table(16, np.random.default_rng(0))):
        cover = landscapes.draw_cover(shares, writing.SIDES[writing.SATELLITE], np.random.default_rng(k))
        area.update(cover.ravel().tolist())
        for stride, hits in kept.items():
            hits.update(cover[through_a_stride(cover, stride) == cover].tolist())
    water, wide = landscapes.WATER, (landscapes.URBAN, landscapes.FOREST)
    shares_kept = {stride: {kind: hits[kind] / area[kind] for kind in area} for stride, hits in kept.items()}
    assert shares_kept[32][water] < 0.2 < shares_kept[8][water] < 0.8 < shares_kept[2][water]
    assert all(shares_kept[32][kind] > 0.6 for kind in wide)


def test_a_hurried_annotator_errs_at_borders_only() -> None:
    generator = np.random.default_rng(0)
    cover = landscapes.draw_cover(landscapes.share_table(1, generator)[0], writing.SIDES[writing.SATELLITE], generator)
    wrong = landscapes.annotate(cover, generator) != cover
    assert 0.005 < wrong.mean() < 0.15
    inner = np.ones_like(wrong)
    for down in range(-10, 11):
        for across in range(-10, 11):
            inner &= np.roll(cover, (down, across), (0, 1)) == cover
    assert inner.any()
    assert not wrong[inner].any()


def pixels(count: int, split: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return colours, colours with local texture, and classes of every 16th pixel of `count` landscapes."""
    colours, grains, classes = [], [], []
    for k, shares in enumerate(landscapes.share_table(count, np.random.default_rng([0, split]))):
        generator = np.random.default_rng([0, split, k])
        cover = landscapes.draw_cover(shares, writing.SIDES[writing.SATELLITE], generator)
        image = landscapes.paint_cover(cover, generator) / np.float32(255)
        grey = image.mean(axis=2)
        around = [uniform_filter(image, (width, width, 1)) for width in (5, 15, 31)]
        spread = [uniform_filter(grey**2, width) - uniform_filter(grey, width) ** 2 for width in (5, 15, 31)]
        roughness = uniform_filter((grey - uniform_filter(grey, 3)) ** 2, 15)
        features = np.concatenate([image, *around, np.stack([*spread, roughness], axis=2)], axis=2)
        colours.append(image[2::4, 2::4].reshape(-1, 3))
        grains.append(features[2::4, 2::4].reshape(-1, features.shape[2]))
        classes.append(cover[2::4, 2::4].ravel())
    return np.concatenate(colours), np.concatenate(grains), np.concatenate(classes)


def test_water_is_told_by_its_colour_and_rangeland_by_its_grain() -> None:
    colours, grains, classes = pixels(12, 0)
    val_colours, val_grains, val_classes = pixels(8, 1)

    def ious(features: np.ndarray, val_features: np.ndarray) -> list[float]:
        model = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(features, classes)
        said = model.predict(val_features)
        pairs = [(said == kind, val_classes == kind) for kind in range(6)]
        return [(one & other).sum() / (one | other).sum() for one, other in pairs]

    by_colour, by_grain = ious(colours, val_colours), ious(grains, val_grains)
    assert by_colour[landscapes.WATER] > 0.8
    assert by_colour[landscapes.RANGELAND] < 0.3
    assert by_grain[landscapes.RANGELAND] > by_colour[landscapes.RANGELAND] + 0.2
    assert np.mean(by_grain) > np.mean(by_colour) + 0.05
