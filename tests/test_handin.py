"""Hand-ins: the exact formats of the course, and predictions equal to those of training to the bit."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from handin_worlds import draw, names_in, office_recipe, rows_in, trained, without_labels
from PIL import Image
from training_worlds import (
    small_pretraining,
    small_recipe,
    small_segmentation,
    write_classification,
    write_mini_and_office,
    write_satellite,
)

from dlcvlib import cli, handin, recipes, runs
from dlcvlib import data as course_data
from dlcvlib.data import DataError, palette
from dlcvlib.files.outputs import note_folder, output_files
from dlcvlib.handin import batches, network
from dlcvlib.memory import is_out_of_memory
from dlcvlib.metrics import course_iou

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("world"))


@pytest.fixture(autouse=True)
def records(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))


def spoken_labels(root: Path) -> Path:
    """Write the labels of the Office set as words, as in the edition of 2022."""
    office = root / "p2_data" / "office"
    for split in ("train", "val"):
        rows = list(csv.reader((office / f"{split}.csv").read_text().splitlines()))
        spoken = [rows[0]] + [[number, name, ("Table", "Bed", "Chair")[int(label)]] for number, name, label in rows[1:]]
        (office / f"{split}.csv").write_text("\n".join(",".join(row) for row in spoken) + "\n")
    return root


@pytest.mark.parametrize("changes", [{}, {"dihedral_averaging": True, "image_size": 32, "model": "vgg16_fcn32s"}])
def test_masks_score_to_the_bit_as_in_training(tmp_path, changes):
    root = write_satellite(tmp_path / "data", pairs=11)  # more than one batch
    run = trained(small_segmentation(epochs=2, train_images=8, snapshots=1, **changes), root)
    done = handin.predict(run, root / "validation", tmp_path / "out")
    assert done.images == 11 and not done.faults
    truth, predicted = (
        torch.stack([torch.from_numpy(palette.read_png(folder / f"{row:04d}_mask.png")) for row in range(11)])
        for folder in (root / "validation", tmp_path / "out")
    )
    iou = course_iou(predicted, truth)
    assert iou.mean_of_present == run.info["best"]["mean_iou"]
    assert iou.without_unknown.mean_of_present == run.info["best"]["mean_iou_without_unknown"]


def test_a_mask_is_an_rgb_png_of_the_courses_colours_as_large_as_its_image(world, tmp_path):
    handin.predict(world.segmenter, world.tiles, tmp_path / "out")
    assert names_in(tmp_path / "out") == [f"{row:04d}_mask.png" for row in range(4)]
    with Image.open(tmp_path / "out" / "0002_mask.png") as mask:
        assert (mask.format, mask.mode, mask.size) == ("PNG", "RGB", (32, 32))
        colours = {tuple(colour) for colour in np.asarray(mask).reshape(-1, 3).tolist()}
    assert colours <= {tuple(colour) for colour in palette.COLOURS.tolist()}


@pytest.mark.parametrize("changes", [{}, {"model": "airbench", "model_options": {}, "flip_averaging": True}])
def test_a_csv_has_the_accuracy_of_training(tmp_path, changes):
    root = write_classification(tmp_path / "data", per_class=90)  # more than one batch
    run = trained(small_recipe(epochs=2, images_per_class=8, **changes), root)
    handin.predict(run, root / "p1_data" / "val_50", tmp_path / "out.csv")
    header, *rows = rows_in(tmp_path / "out.csv")
    truth = dict(rows_in(root / "p1_data" / "val_gt.csv")[1:])
    assert header == ["filename", "label"] and len(rows) == len(dict(rows)) == len(truth) == 270
    right = torch.tensor([label == truth[name] for name, label in rows])
    assert right.float().mean().item() == run.info["best"]["val_accuracy"]


@pytest.mark.parametrize("words", [False, True], ids=["integers", "words"])
def test_setting_c_follows_the_given_csv_with_the_labels_of_training(tmp_path, words):
    root = write_mini_and_office(tmp_path / "data")
    office = (spoken_labels(root) if words else root) / "p2_data" / "office"
    run = trained(office_recipe(), root)
    lines = (office / "val.csv").read_text().splitlines()
    (office / "val.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    given = without_labels(office / "val.csv", tmp_path / "test.csv")
    handin.predict(run, office / "val", tmp_path / "out.csv", csv_file=given)
    found, truth = rows_in(tmp_path / "out.csv"), rows_in(office / "val.csv")
    assert found[0] == ["id", "filename", "label"]
    assert [row[:2] for row in found] == [row[:2] for row in truth]
    assert {row[2] for row in found[1:]} <= ({"Table", "Bed", "Chair"} if words else {"0", "1", "2"})
    right = torch.tensor([one == other for one, other in zip(found[1:], truth[1:], strict=True)])
    assert right.float().mean().item() == run.info["best"]["val_accuracy"]


def test_jpeg_png_and_webp_are_predicted_alike(world, tmp_path):
    with Image.open(world.tiles / "0001_sat.jpg") as image:
        pixels = image.convert("RGB")
    masks = []
    for suffix, options in (("JPEG", None), ("png", {}), ("webp", {"lossless": True})):
        file = tmp_path / suffix / f"0001_sat.{suffix}"
        file.parent.mkdir()
        if options is None:
            shutil.copy(world.tiles / "0001_sat.jpg", file)
        else:
            pixels.save(file, **options)
        handin.predict(world.segmenter, file.parent, tmp_path / f"of_{suffix}")
        masks.append((tmp_path / f"of_{suffix}" / "0001_mask.png").read_bytes())
    assert masks[0] == masks[1] == masks[2]


def test_a_bad_image_is_named_and_keeps_its_place_in_the_csv(world, tmp_path, capsys):
    images, run = Path(shutil.copytree(world.images, tmp_path / "images")), world.classifier
    handin.predict(run, images, tmp_path / "whole.csv", batch_size=1)
    (images / "1_9.png").write_bytes((images / "1_9.png").read_bytes()[:200])
    assert cli.main(["predict", str(run.path), str(images), str(tmp_path / "out.csv"), "--batch-size", "1"]) == 1
    said = capsys.readouterr().err
    assert "1_9.png" in said and "1 of 24 images" in said and "Traceback" not in said
    whole, found = rows_in(tmp_path / "whole.csv"), rows_in(tmp_path / "out.csv")
    others = [row[1] for row in found[1:] if row[0] != "1_9.png"]
    assert [row for row in found if row[0] != "1_9.png"] == [row for row in whole if row[0] != "1_9.png"]
    assert dict(found)["1_9.png"] == max(set(others), key=others.count)


def test_a_row_whose_image_is_missing_is_named_and_keeps_its_place(world, tmp_path):
    given = without_labels(world.office / "val.csv", tmp_path / "test.csv")
    given.write_text(given.read_text() + "99,not_there.jpg,None\n")
    done = handin.predict(world.tuned, world.office / "val", tmp_path / "out.csv", csv_file=given)
    assert len(done.faults) == 1 and "not_there.jpg" in done.faults[0]
    assert rows_in(tmp_path / "out.csv")[-1][:2] == ["99", "not_there.jpg"] and done.filler in {"0", "1", "2"}


def test_a_bad_tile_is_named_and_keeps_its_place_among_the_masks(world, tmp_path):
    tiles = Path(shutil.copytree(world.tiles, tmp_path / "tiles"))
    (tiles / "0001_sat.jpg").write_bytes(b"no image")
    Image.new("RGB", (32, 20)).save(tiles / "0002_sat.jpg")
    done = handin.predict(world.segmenter, tiles, tmp_path / "out")
    assert [name in fault for name, fault in zip(("0001_sat", "0002_sat"), done.faults, strict=True)] == [True, True]
    masks = {file.name: palette.read_png(file) for file in (tmp_path / "out").glob("*.png")}
    assert {name: mask.shape for name, mask in masks.items()} == {
        "0000_mask.png": (32, 32),
        "0001_mask.png": (32, 32),
        "0002_mask.png": (20, 32),
        "0003_mask.png": (32, 32),
    }
    predicted = np.concatenate([masks["0000_mask.png"], masks["0003_mask.png"]])
    assert set(masks["0001_mask.png"].ravel()) == {np.bincount(predicted.ravel()).argmax()}


def test_where_no_image_can_be_read_nothing_is_written(world, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="none of the images can be read"):
        handin.predict(world.classifier, tmp_path / "bad", tmp_path / "out" / "a.csv")
    assert not (tmp_path / "out").exists()


def test_an_interrupted_prediction_leaves_what_was_there(world, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("0000_mask.png", "9999_mask.png", "notes.txt"):
        (out / name).write_text("old")
    note_folder(out)
    old = {file.name: file.read_bytes() for file in out.iterdir()}
    original, count = palette.rgb_png, iter(range(1, 1000))

    def interrupted(ids):
        if next(count) == 3:
            raise KeyboardInterrupt
        return original(ids)

    monkeypatch.setattr(palette, "rgb_png", interrupted)
    for folder in (out, tmp_path / "new"):
        with pytest.raises(KeyboardInterrupt):
            handin.predict(world.segmenter, world.tiles, folder)
        count = iter(range(1, 1000))
    assert {file.name: file.read_bytes() for file in out.iterdir()} == old
    assert not (tmp_path / "new").exists()

    monkeypatch.setattr(palette, "rgb_png", original)
    done = handin.predict(world.segmenter, world.tiles, out)
    assert done.others == ("9999_mask.png",)
    assert (out / "notes.txt").read_text() == (out / "9999_mask.png").read_text() == "old"
    assert palette.read_png(out / "0000_mask.png").shape == (32, 32)
    assert names_in(out) == [*(f"{row:04d}_mask.png" for row in range(4)), "9999_mask.png", "notes.txt"]


def test_files_come_into_a_folder_only_when_all_are_written(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(OSError, match="full"), output_files(tmp_path) as beside:
        (beside / "a.txt").write_text("new")
        raise OSError("full")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.parametrize(
    "error", [MemoryError(), torch.OutOfMemoryError(), RuntimeError("can't allocate memory: 9 EB")]
)
def test_batches_are_halved_until_they_fit_and_miss_no_image(error, capsys):
    seen: list[int] = []

    def compute(images, size):
        if len(images) > 3:
            raise error
        seen.append(len(images))
        return images[:, 0, 0, 0]

    images = torch.arange(20).view(20, 1, 1, 1)
    fitting = batches.FittingBatches(compute, 16)
    assert fitting(images, (1, 1)).tolist() == list(range(20))
    assert max(seen) == fitting.size == 2 and "16 images do not fit" in capsys.readouterr().err


def test_an_image_that_does_not_fit_alone_says_so():
    def compute(images, size):
        raise torch.OutOfMemoryError

    with pytest.raises(MemoryError, match="a single image"):
        batches.FittingBatches(compute, 4)(torch.zeros(3, 3, 1, 1), (1, 1))


def test_other_errors_are_no_shortage_of_memory():
    def compute(images, size):
        raise RuntimeError("shapes do not agree")

    with pytest.raises(RuntimeError, match="shapes"):
        batches.FittingBatches(compute, 4)(torch.zeros(3, 3, 1, 1), (1, 1))


def test_torch_names_a_shortage_of_memory_on_the_cpu_as_it_is_looked_for():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**58, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)


def test_a_prediction_in_small_batches_names_every_image_once(world, tmp_path):
    handin.predict(world.classifier, world.images, tmp_path / "out.csv", batch_size=5)
    names = [row[0] for row in rows_in(tmp_path / "out.csv")[1:]]
    assert names == [file.name for file in course_data.find(world.images.parents[1]).classification.val.files]


def test_what_does_not_fit_the_record_is_refused_before_anything_is_computed(world, tmp_path, monkeypatch):
    segmenter, classifier, tuned = world.segmenter, world.classifier, world.tuned
    tiles, folder = world.tiles, world.images
    given = Path(shutil.copy(world.office / "val.csv", tmp_path / "given.csv"))
    monkeypatch.setattr(network.Network, "predict", lambda *_: pytest.fail("computed"))
    (tmp_path / "folder").mkdir()
    for run, asked, out, options, message in [
        (segmenter, tiles, tiles, {}, "is the folder of images"),
        (segmenter, tiles, given, {}, "is a file, .*name one"),
        (segmenter, tiles, tmp_path / "out", {"csv_file": given}, "leave --csv out"),
        (segmenter, tmp_path / "folder", tmp_path / "out", {}, "holds no image"),
        (segmenter, folder, tmp_path / "out", {}, "is not NNNN_sat"),
        (classifier, tmp_path / "nowhere", tmp_path / "out.csv", {}, "nowhere is not a folder"),
        (classifier, folder, tmp_path / "folder", {}, "is a folder, but a csv"),
        (
            classifier,
            folder,
            tmp_path / "o.csv",
            {"device": "abacus"},
            "'abacus' cannot be used",
        ),
        (classifier, folder, tmp_path / "o.csv", {"batch_size": 0}, "at least 1 image"),
        (tuned, world.office / "val", tmp_path / "out.csv", {}, "with --csv"),
        (tuned, world.office / "val", given, {"csv_file": given}, "would be overwritten"),
        (tuned, world.office / "val", tmp_path / "o.csv", {"csv_file": tmp_path / "no.csv"}, "cannot be read"),
    ]:
        with pytest.raises(ValueError, match=message):
            handin.predict(run, asked, out, **options)
    assert given.read_text().startswith("id,filename,label") and not (tmp_path / "out").exists()


def test_a_record_that_cannot_predict_says_why(tmp_path):
    root = write_mini_and_office(tmp_path / "data")
    pretraining = trained(small_pretraining("byol", epochs=1), root)
    with pytest.raises(ValueError, match="is a pre-training"):
        handin.network_of(pretraining)
    run = trained(office_recipe(epochs=1), root)
    info = run.info
    runs.write_info(run, info | {"status": "training"})
    with pytest.raises(ValueError, match="is not finished"):
        handin.network_of(run)
    runs.write_info(run, info | {"data": info["data"] | {"classes": 65}})
    with pytest.raises(ValueError, match=r"model\.safetensors does not fit"):
        handin.network_of(run)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("filename,label\n0_1.jpg,None\n", "needs the columns id and filename; it has filename, label"),
        ("", "the file is empty"),
        ("id,filename,label\n", "holds no row"),
        ("id,filename,label\n0,0_1.jpg\n", "row 1 has 2 columns"),
    ],
)
def test_a_csv_that_cannot_be_read_says_why(world, tmp_path, text, message):
    given = tmp_path / "test.csv"
    given.write_text(text)
    with pytest.raises(DataError, match=message):
        handin.predict(world.tuned, world.office / "val", tmp_path / "out.csv", csv_file=given)


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_a_recorded_recipe_is_read_back_as_it_was(name):
    for profile in recipes.PROFILES:
        recipe = recipes.get(name).for_profile(profile)
        again = recipes.recorded(runs.as_json(recipe.as_dict()))
        assert type(again) is type(recipe) and runs.as_json(again.as_dict()) == runs.as_json(recipe.as_dict())


def test_a_recorded_setting_that_nobody_knows_is_named():
    values = recipes.get("our_unet").as_dict() | {"colour": "red"}
    with pytest.raises(ValueError, match="SegmentationRecipe has the settings colour"):
        recipes.recorded(values)


def called(script: Path, *arguments: object, python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHON": python}
    command = ["bash", str(script), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_scripts_of_2023_write_what_is_asked_wherever_they_lie(world, tmp_path):
    copies = [
        Path(shutil.copytree(run.path, tmp_path / name))
        for run, name in zip((world.segmenter, world.tuned, world.classifier), "abc", strict=True)
    ]
    scripts = handin.write_scripts("2023", tmp_path / "hand in", copies)
    for copy in copies:  # what is handed in needs nothing else
        shutil.rmtree(copy)
    given = without_labels(world.office / "val.csv", tmp_path / "test.csv")
    calls = [[world.images, "1.csv"], [given, world.office / "val", "2.csv"], [world.tiles, "3"]]
    assert [script.name for script in scripts] == ["hw1_1.sh", "hw1_2.sh", "hw1_3.sh"]
    for script, arguments in zip(scripts, calls, strict=True):
        done = called(script, *arguments, python=sys.executable, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    assert rows_in(tmp_path / "1.csv")[0] == ["filename", "label"] and len(rows_in(tmp_path / "1.csv")) == 25
    assert rows_in(tmp_path / "2.csv")[0] == ["id", "filename", "label"] and len(rows_in(tmp_path / "2.csv")) == 10
    assert len(names_in(tmp_path / "3")) == 4


@pytest.mark.parametrize("edition", ["2024", "2025"])
def test_the_scripts_of_later_editions_take_setting_c_first(world, tmp_path, edition):
    first, second = handin.write_scripts(edition, tmp_path, [world.segmenter, world.tuned])
    said = called(first, "a.csv", "img dir", "o.csv", python="echo", folder=tmp_path)
    assert said.stdout == f"-m dlcvlib predict {tmp_path}/hw1_1 img dir o.csv --csv a.csv\n"
    said = called(second, "images", "masks", python="echo", folder=tmp_path)
    assert said.stdout == f"-m dlcvlib predict {tmp_path}/hw1_2 images masks\n"
    assert runs.load(tmp_path / "hw1_2").info["recipe"]["dataset"] == "satellite"
    refused = called(second, "images", python="echo", folder=tmp_path)
    assert refused.returncode == 2 and "usage: bash hw1_2.sh IMGDIR OUTDIR" in refused.stderr


@pytest.mark.parametrize(
    ("edition", "count", "message"),
    [
        ("2024", 1, "also needs a record trained on office"),
        ("2024", 2, "are for the same problem"),
        ("1999", 1, "choose from 2023, 2024, 2025"),
    ],
)
def test_scripts_need_one_record_a_problem(world, tmp_path, edition, count, message):
    with pytest.raises(ValueError, match=message):
        handin.write_scripts(edition, tmp_path / "out", [world.segmenter] * count)
    assert not (tmp_path / "out").exists()
