"""Hand-ins replace no foreign file, and errors name damaged files."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import warm
from handin_worlds import World, draw, names_in, rows_in, without_labels
from PIL import Image
from safetensors.torch import load_file, save_file

from dlcvlib import cli, handin, runs
from dlcvlib.data import DataError, palette
from dlcvlib.files import digests
from dlcvlib.files.atomic import DiskFullError
from dlcvlib.files.outputs import ForeignFileError
from dlcvlib.handin import network
from dlcvlib.runs import Run


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return draw(tmp_path_factory.mktemp("world"))


@pytest.fixture
def copied(world: World, tmp_path: Path) -> Run:
    """Copy a classifier's record, for a test that damages it."""
    return Run(Path(shutil.copytree(world.classifier.path, tmp_path / "record")))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def null_device(path: Path) -> None:
    """Make a device for the test, so that a bug cannot damage one of the machine's."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("a device cannot be made here (needs root)")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a disk cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


# --- a hand-in ---


@pytest.mark.parametrize("place", ["hw1_2/notes.txt", "hw1_1.sh", "hw1_2.sh", "hw1_2/model.safetensors"])
def test_a_hand_in_replaces_nothing_that_a_student_wrote(world: World, tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("by hand")
    with pytest.raises(ForeignFileError, match=rf"{re.escape(place)}.*--replace"):
        handin.write_scripts("2025", tmp_path, [world.segmenter, world.tuned])
    assert contents(tmp_path) == {place: b"by hand"}, "a refusal changes nothing"
    command = ["handin", "2025", str(tmp_path), str(world.segmenter.path), str(world.tuned.path)]
    assert cli.main(command) == 2
    assert cli.main([*command, "--replace"]) == 0
    assert b"by hand" not in contents(tmp_path).values()
    assert names_in(tmp_path) == ["hw1_1", "hw1_1.sh", "hw1_2", "hw1_2.sh"]


@pytest.mark.parametrize("changed", ["hw1_1.sh", "hw1_2/run.json", "hw1_1/mine.txt"])
def test_an_old_hand_in_is_replaced_unless_it_was_changed_since(world: World, tmp_path: Path, changed: str) -> None:
    for _ in range(2):
        handin.write_scripts("2025", tmp_path, [world.segmenter, world.tuned])
    (tmp_path / changed).write_text("changed")
    before = contents(tmp_path)
    with pytest.raises(ForeignFileError, match=re.escape(changed)):
        handin.write_scripts("2025", tmp_path, [world.segmenter, world.tuned])
    assert contents(tmp_path) == before


def test_a_run_record_is_no_copy_of_one_and_stays(world: World, tmp_path: Path) -> None:
    shutil.copytree(world.tuned.path, tmp_path / "hw1_1")
    digests.announce(tmp_path / "hw1_1", {name: "" for name in ("run.json",)})
    for replace in (False, True):
        with pytest.raises(ForeignFileError, match="hw1_1"):
            handin.write_scripts("2025", tmp_path, [world.segmenter, world.tuned], replace=replace)
    assert (tmp_path / "hw1_1" / "history.csv").is_file() and not (tmp_path / "hw1_2").exists()


def test_a_hand_in_can_be_made_anew_from_its_own_copies(world: World, tmp_path: Path) -> None:
    handin.write_scripts("2023", tmp_path, [world.classifier, world.segmenter, world.tuned])
    handin.write_scripts("2025", tmp_path, [tmp_path / "hw1_2", tmp_path / "hw1_3"])
    assert [Run(tmp_path / name).info["recipe"]["dataset"] for name in ("hw1_1", "hw1_2")] == ["office", "satellite"]


def test_the_copies_carry_the_digests_of_the_record(world: World, tmp_path: Path) -> None:
    record = Path(shutil.copytree(world.tuned.path, tmp_path / "record"))
    known = {name: digests.file_digest(record / name) for name in ("run.json", "model.safetensors", "history.csv")}
    (record / digests.NAME).unlink(missing_ok=True)
    digests.announce(record, known)
    handin.write_scripts("2025", tmp_path / "out", [world.segmenter, record])
    noted = digests.read(tmp_path / "out" / "hw1_1")
    assert noted == {name: [known[name]] for name in ("run.json", "model.safetensors")}
    weights = load_file(record / "model.safetensors")
    key = next(iter(weights))
    save_file(weights | {key: weights[key] + 1}, record / "model.safetensors")
    before = contents(tmp_path / "out")
    with pytest.raises(ValueError, match=r"model\.safetensors.*damaged"):
        handin.write_scripts("2025", tmp_path / "out", [world.segmenter, record])
    assert contents(tmp_path / "out") == before


KILLED = """
import os, sys
from pathlib import Path
from dlcvlib import handin
left = int(sys.argv[1])
for name in ("rename", "replace"):
    def killed(path, target, original=getattr(Path, name)):
        global left
        if Path(target).name in ("old", "hw1_1", "hw1_2", "hw1_1.sh", "hw1_2.sh"):
            left -= 1
            if left < 0:
                os._exit(9)
        return original(path, target)
    setattr(Path, name, killed)
handin.write_scripts("2025", sys.argv[2], sys.argv[3:])
"""


@pytest.mark.parametrize("moves", [1, 3, 4])
def test_a_hand_in_that_was_killed_is_completed_by_the_same_command(world: World, tmp_path: Path, moves: int) -> None:
    records = [str(world.segmenter.path), str(world.tuned.path)]
    handin.write_scripts("2025", tmp_path, records)
    whole = contents(tmp_path)
    done = warm.run(["-c", KILLED, str(moves), str(tmp_path), *records])
    assert done.returncode == 9, done.stderr
    handin.write_scripts("2025", tmp_path, records)
    assert {name: held for name, held in contents(tmp_path).items() if ".part" not in name} == whole
    assert all(os.access(tmp_path / f"hw1_{number}.sh", os.X_OK) for number in (1, 2))


# --- predictions ---


def test_the_true_labels_are_never_replaced(world: World, tmp_path: Path) -> None:
    data = Path(shutil.copytree(world.images.parents[1], tmp_path / "data"))
    truth = data / "p1_data" / "val_gt.csv"
    before = contents(data)
    for out in (truth, data / "p1_data" / "val_50" / "1_9.csv"):
        if out != truth:
            out.write_text("mine")
            before[str(out.relative_to(data))] = b"mine"
        for replace in (False, True):
            with pytest.raises(ForeignFileError, match=r"data set.*outside"):
                handin.predict(world.classifier, world.images, out, replace=replace)
    truth.unlink()
    with pytest.raises(ForeignFileError, match="read as labels"):
        handin.predict(world.classifier, world.images, truth, replace=True)
    del before["p1_data/val_gt.csv"]
    assert contents(data) == before


def test_the_true_masks_are_never_replaced(world: World, tmp_path: Path) -> None:
    data = Path(shutil.copytree(world.tiles.parent, tmp_path / "p3_data"))
    masks = data / "masks"
    masks.mkdir()
    shutil.move(data / "train" / "0000_mask.png", masks / "0000_mask.png")
    shutil.copytree(world.tiles, tmp_path / "loose" / "tiles")
    before = contents(tmp_path)
    for out in (data / "validation", data / "train", masks, tmp_path / "loose" / "tiles"):
        for replace in (False, True):
            with pytest.raises((ValueError, ForeignFileError), match=re.escape(str(out))):
                handin.predict(world.segmenter, world.tiles, out, replace=replace)
    assert contents(tmp_path) == before


def test_a_file_of_the_users_is_replaced_only_when_asked_for(world: World, tmp_path: Path) -> None:
    out, command = tmp_path / "out.csv", ["predict", str(world.classifier.path), str(world.images)]
    out.write_text("by hand")
    assert cli.main([*command, str(out)]) == 2 and out.read_text() == "by hand"
    assert cli.main([*command, str(out), "--replace"]) == 0 and len(rows_in(out)) == 25
    (tmp_path / "few").mkdir()
    shutil.copy(world.images / "1_9.png", tmp_path / "few")
    handin.predict(world.classifier, tmp_path / "few", out)
    assert len(rows_in(out)) == 2, "its own is replaced, whatever it held"
    out.write_text(out.read_text() + "by hand\n")
    with pytest.raises(ForeignFileError, match=r"out\.csv.*changed since.*--replace"):
        handin.predict(world.classifier, world.images, out)


def test_masks_of_the_users_are_replaced_only_when_asked_for(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        handin.predict(world.segmenter, world.tiles, out)
    (out / "0001_mask.png").write_text("by hand")
    before = contents(out)
    with pytest.raises(ForeignFileError, match=r"0001_mask\.png.*--replace"):
        handin.predict(world.segmenter, world.tiles, out)
    assert contents(out) == before
    handin.predict(world.segmenter, world.tiles, out, replace=True)
    assert palette.read_png(out / "0001_mask.png").shape == (32, 32)


@pytest.mark.parametrize("kind", ["link", "pipe", "device", "record"])
def test_links_devices_and_records_are_never_written_to(world: World, copied: Run, tmp_path: Path, kind: str) -> None:
    out, target = tmp_path / "out", tmp_path / "target.csv"
    target.write_text("mine")
    if kind == "link":
        out.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(out)
    elif kind == "device":
        null_device(out)
    else:
        digests.announce(copied.path, {"history.csv": digests.file_digest(copied.path / "history.csv")})
        out = copied.path / "history.csv"
    before = contents(copied.path)
    for replace in (False, True):
        with pytest.raises(ForeignFileError, match=re.escape(str(out))):
            handin.predict(world.classifier, world.images, out, replace=replace)
    assert target.read_text() == "mine" and contents(copied.path) == before
    assert (out.is_symlink(), out.is_fifo(), out.is_char_device()) == tuple(
        kind == each for each in ("link", "pipe", "device")
    )


def test_masks_go_into_the_folder_that_a_link_points_to(world: World, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    handin.predict(world.segmenter, world.tiles, tmp_path / "out")
    assert len(names_in(tmp_path / "elsewhere")) == 4 and (tmp_path / "out").is_symlink()


def test_masks_go_into_a_folder_that_is_a_disk_of_its_own(world: World, disk: Path) -> None:
    handin.predict(world.segmenter, world.tiles, disk)
    assert len(names_in(disk)) == 4


@pytest.mark.parametrize(
    ("name", "message"),
    [("out.png", "ends in .csv"), ("out.JPG", "ends in .csv"), ("out.json", "ends in .csv"), ("", "is a folder")],
)
def test_a_csv_is_not_named_like_something_else(world: World, tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        handin.predict(world.classifier, world.images, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["masks.csv", "masks.png", "masks.ZIP"])
def test_a_folder_of_masks_is_not_named_like_a_file(world: World, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} is named like a file.*folder"):
        handin.predict(world.segmenter, world.tiles, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_three_predictions_into_one_folder_at_once_all_succeed(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["-m", "dlcvlib", "predict", str(world.segmenter.path), str(world.tiles), str(out)]
    for _ in range(2):  # into one that is not there, then into one that is
        started = [warm.Process(command) for _ in range(3)]
        said = [process.communicate(timeout=300)[1] for process in started]
        assert [process.returncode for process in started] == [0, 0, 0], said
    handin.predict(world.segmenter, world.tiles, tmp_path / "alone")
    assert contents(out).keys() == contents(tmp_path / "alone").keys()
    assert all(contents(out)[name] == (tmp_path / "alone" / name).read_bytes() for name in names_in(out))


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_computed(
    world: World, disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    monkeypatch.setattr(network.Network, "predict", lambda *_: pytest.fail("computed"))
    for run, images, out in (
        (world.classifier, world.images, disk / "out.csv"),
        (world.segmenter, world.tiles, disk),
        (world.segmenter, world.tiles, disk / "new" / "masks"),
    ):
        with pytest.raises(PermissionError, match=f"{disk} cannot be written to"):
            handin.predict(run, images, out)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file is not a folder"):
        handin.predict(world.classifier, world.images, tmp_path / "file" / "out.csv")


def test_a_full_disk_is_told_and_leaves_nothing_half_written(world: World, disk: Path) -> None:
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "filler").write_bytes(bytes(free - 4096))
    for run, images, out in (
        (world.classifier, world.images, disk / "out.csv"),
        (world.segmenter, world.tiles, disk / "masks"),
    ):
        with pytest.raises(DiskFullError, match=rf"{disk}.*the disk is full"):
            handin.predict(run, images, out)
        assert not out.exists()
    assert set(names_in(disk)) == {"filler"}


@pytest.mark.parametrize("name", ["meta", "xla", "mps", "hpu", "cuda:99", ""])
def test_a_device_that_is_not_here_is_refused_by_name(world: World, tmp_path: Path, name: str) -> None:
    if torch.backends.mps.is_available() and name == "mps":
        pytest.skip("it is here")
    with pytest.raises(ValueError, match=f"the device '{name}' cannot be used.*--device cpu"):
        handin.predict(world.classifier, world.images, tmp_path / "out.csv", device=name)
    assert not list(tmp_path.iterdir())


def test_no_image_at_once_is_refused(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["predict", str(world.classifier.path), str(world.images), str(tmp_path / "o.csv"), "--batch-size", "0"]
    assert cli.main(command) == 2 and "batch size is 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


# --- damaged inputs ---

ODD_TEXTS = {
    "a long field": ("id,filename,label\n0,0_1.jpg,None\n1," + "x" * 200_000 + ",None\n", "field larger"),
    "a NUL": ("id,filename,label\n0,0_1\0.jpg,None\n", "line 2 holds a NUL"),
    "Latin-1": ("id,filename,label\n0,Stühle.jpg,None\n".encode("latin-1"), "not UTF-8"),
    "UTF-16": ("id,filename,label\n0,0_1.jpg,None\n".encode("utf-16"), "not UTF-8"),
}


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_a_given_csv_that_is_none_says_why(world: World, tmp_path: Path, name: str) -> None:
    text, message = ODD_TEXTS[name]
    given = tmp_path / "given.csv"
    given.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=rf"given\.csv.*{message}"):
        handin.predict(world.tuned, world.office / "val", tmp_path / "out.csv", csv_file=given)
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "loop"])
def test_a_given_csv_that_is_no_file_is_refused_by_name(world: World, tmp_path: Path, kind: str) -> None:
    given = tmp_path / "given.csv"
    if kind == "folder":
        given.mkdir()
    elif kind == "pipe":
        os.mkfifo(given)
    elif kind == "device":
        null_device(given)
    else:
        given.symlink_to(given)
    with pytest.raises(DataError, match=given.name):
        handin.predict(world.tuned, world.office / "val", tmp_path / "out.csv", csv_file=given)


def test_a_row_with_a_name_too_long_for_a_file_keeps_its_place(world: World, tmp_path: Path) -> None:
    given = without_labels(world.office / "val.csv", tmp_path / "test.csv")
    given.write_text(given.read_text() + f"99,{'x' * 5000},None\n")
    done = handin.predict(world.tuned, world.office / "val", tmp_path / "out.csv", csv_file=given)
    assert len(done.faults) == 1 and rows_in(tmp_path / "out.csv")[-1][0] == "99"


def spoil(folder: Path, suffix: str) -> list[str]:
    """Write files into a folder that are named like images but are none."""
    os.mkfifo(folder / f"0101{suffix}")
    (folder / f"0102{suffix}").symlink_to(folder / f"0102{suffix}")
    (folder / f"0103{suffix}").mkdir()
    (folder / f"0104{suffix}").symlink_to(folder)
    return [f"010{number}{suffix}" for number in (1, 2, 3, 4)]


@pytest.mark.timeout(120)
def test_pipes_and_loops_among_the_images_keep_their_places(world: World, tmp_path: Path) -> None:
    images = Path(shutil.copytree(world.images, tmp_path / "images"))
    names = spoil(images, ".png")
    done = handin.predict(world.classifier, images, tmp_path / "out.csv")
    assert [name in fault for name, fault in zip(names, done.faults, strict=True)] == [True] * 4
    assert {row[0] for row in rows_in(tmp_path / "out.csv")} >= set(names)
    tiles = Path(shutil.copytree(world.tiles, tmp_path / "tiles"))
    spoil(tiles, "_sat.jpg")
    done = handin.predict(world.segmenter, tiles, tmp_path / "masks")
    assert len(done.faults) == 4 and {f"010{number}_mask.png" for number in (1, 2, 3, 4)} <= set(
        names_in(tmp_path / "masks")
    )


def test_a_name_that_is_not_utf_8_is_refused_by_name(
    world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    images, odd = tmp_path / "images", os.fsdecode(b"\xff_sat.png")
    images.mkdir()
    Image.fromarray(np.zeros((32, 32, 3), dtype=np.uint8)).save(images / odd)
    for run, out in ((world.classifier, "out.csv"), (world.segmenter, "masks")):
        assert cli.main(["predict", str(run.path), str(images), str(tmp_path / out)]) == 2
        said = capfd.readouterr().err
        assert r"\udcff_sat.png" in said and "rename" in said and "Traceback" not in said
    with pytest.raises(ForeignFileError, match=r"udcff.*not UTF-8"):
        handin.predict(world.classifier, world.images, tmp_path / os.fsdecode(b"\xff.csv"))


def with_nan(record: Path) -> None:
    weights = load_file(record / "model.safetensors")
    key = sorted(weights)[0]
    weights[key] = torch.full_like(weights[key], float("nan"))
    save_file(weights, record / "model.safetensors")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.safetensors", b""),
        ("model.safetensors", b"\x80\x02cos\nsystem\n"),
        ("model.safetensors", bytes(range(256)) * 9),
        ("model.safetensors", b"\xff" * 7 + b"\x00" + b"{}"),
        ("model.safetensors", None),
        ("run.json", b""),
        ("run.json", b'{"recipe"'),
        ("run.json", bytes(range(256))),
        ("run.json", b"[1]"),
        ("run.json", b'{"status": "finished"}'),
        ("run.json", b'{"status": "finished", "recipe": {"name": "x"}}'),
        ("run.json", b'{"status": "finished", "recipe": 3}'),
    ],
)
def test_a_damaged_record_is_named_with_what_to_do(
    world: World, copied: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None
) -> None:
    file = copied.path / name
    file.write_bytes(file.read_bytes()[:1000] if content is None else content)
    out, scripts = tmp_path / "out.csv", tmp_path / "scripts"
    others = [str(world.segmenter.path), str(world.tuned.path)]
    for command in (
        ["predict", str(copied.path), str(world.images), str(out)],
        ["handin", "2023", str(scripts), str(copied.path), *others],
    ):
        assert cli.main(command) == 2
        said = capsys.readouterr().err
        assert str(file) in said and "train again" in said and said.count("\n") == 1
    assert not out.exists() and not scripts.exists()


@pytest.mark.parametrize("key", ["recipe", "data", "precision", "start"])
def test_a_record_that_lacks_an_entry_is_named(copied: Run, key: str) -> None:
    runs.write_info(copied, {name: value for name, value in copied.info.items() if name != key})
    with pytest.raises(ValueError, match=rf"run\.json.*{key}.*train again"):
        handin.network_of(copied)


def test_a_record_named_from_within_is_named_all_the_same(
    world: World, copied: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (copied.path / "run.json").write_text("{")
    monkeypatch.chdir(copied.path)
    assert cli.main(["predict", ".", str(world.images), str(tmp_path / "out.csv")]) == 2
    assert "run.json is damaged" in capsys.readouterr().err


def test_weights_of_a_record_that_are_not_finite_predict_nothing(
    world: World, copied: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_nan(copied.path)
    (copied.path / digests.NAME).unlink(missing_ok=True)
    key = sorted(load_file(copied.path / "model.safetensors"))[0]
    assert cli.main(["predict", str(copied.path), str(world.images), str(tmp_path / "out.csv")]) == 2
    said = capsys.readouterr().err
    assert f"{copied.path}/model.safetensors: {key} holds nan or infinity" in said
    assert not (tmp_path / "out.csv").exists()


def test_a_network_that_does_not_fit_the_memory_says_so(copied: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(MemoryError, match=rf"{copied.path} does not fit into the memory of cpu"):
        handin.network_of(copied, "cpu")
