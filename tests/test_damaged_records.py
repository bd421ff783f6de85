"""Damaged records never give a different result: the error names file and cure, or a cache is computed again."""

import io
import json
import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_training import assert_same_training
from training_worlds import (
    small_pretraining,
    small_recipe,
    small_segmentation,
    write_classification,
    write_mini_and_office,
    write_satellite,
)

from dlcvlib import cli, runs
from dlcvlib.files import digests
from dlcvlib.recipes import RECIPES
from dlcvlib.runs import DamagedRecordError, Run
from dlcvlib.training import RecordMismatchError, loop, train
from dlcvlib.training.tasks import Classification

SENTINEL = "code_was_run"


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    return write_classification(tmp_path / "data")


class Bomb:
    """An object whose pickle makes a folder when it is loaded."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / SENTINEL),)


def flipped(content: bytes, seed: int = 0) -> bytes:
    """Change one byte of `content`, after any header."""
    position = int(np.random.default_rng(seed).integers(len(content) // 4, len(content)))
    return content[:position] + bytes([content[position] ^ 0x10]) + content[position + 1 :]


DAMAGES = {
    "cut": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "garbage": lambda content: bytes(range(256)) * 20,
    "flipped": flipped,
}


def interrupted_training(data, monkeypatch, after: int, recipe=None) -> Run:
    """Return a record whose training run was killed in the epoch after `after`."""
    recipe = recipe or small_recipe()
    original = loop._train_epoch

    def killed(task, run, epoch, *rest):
        if epoch > after:
            raise KeyboardInterrupt
        return original(task, run, epoch, *rest)

    monkeypatch.setattr(loop, "_train_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, profile="smoke", seed=0, data=data)
    monkeypatch.setattr(loop, "_train_epoch", original)
    return runs.list_runs(os.environ["DLCV_RUNS"])[-1]


@pytest.fixture
def whole(data, monkeypatch, tmp_path):
    """A record of the same training run without interruption."""
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "undisturbed"))
    run = train(small_recipe(), profile="smoke", seed=0, data=data)
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    return run


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(data, whole, monkeypatch, capsys, damage):
    run = interrupted_training(data, monkeypatch, after=3)
    file = run.path / "checkpoint.pt"
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    resumed = train(small_recipe(), profile="smoke", seed=0, data=data)
    said = capsys.readouterr().err
    assert str(file) in said and "damaged" in said and "after epoch 2" in said
    assert_same_training(resumed, whole)
    assert not (run.path / "checkpoint.previous.pt").exists()


def test_where_both_checkpoints_are_damaged_the_training_begins_anew(data, whole, monkeypatch, capsys):
    run = interrupted_training(data, monkeypatch, after=3)
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        (run.path / name).write_bytes(flipped((run.path / name).read_bytes()))
    resumed = train(small_recipe(), profile="smoke", seed=0, data=data)
    assert "first epoch" in capsys.readouterr().err
    assert_same_training(resumed, whole)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("can't allocate memory: 9 EB"), PermissionError(13, "Permission denied")]
)
def test_a_checkpoint_that_cannot_be_read_now_is_not_trained_over(data, whole, monkeypatch, error):
    run = interrupted_training(data, monkeypatch, after=3)
    before = (run.path / "checkpoint.pt").read_bytes()

    def fails(*_arguments, **_settings):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Run, "content", fails) if isinstance(error, OSError) else patch.setattr(torch, "load", fails)
        with pytest.raises(type(error)):
            runs.resumable_checkpoint(run)
        if not isinstance(error, OSError):
            with pytest.raises(type(error)):
                train(small_recipe(), profile="smoke", seed=0, data=data)
    assert (run.path / "checkpoint.pt").read_bytes() == before
    assert_same_training(train(small_recipe(), profile="smoke", seed=0, data=data), whole)


def test_a_checkpoint_that_holds_code_runs_none(data, whole, monkeypatch, capsys, tmp_path):
    run = interrupted_training(data, monkeypatch, after=1)
    for with_digests in (True, False):
        torch.save({"progress": Bomb(tmp_path)}, run.path / "checkpoint.pt")
        if not with_digests:
            (run.path / digests.NAME).unlink()
        monkeypatch.setattr(loop, "_train_epoch", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(small_recipe(), profile="smoke", seed=0, data=data)
        assert "first epoch" in capsys.readouterr().err
        assert not (tmp_path / SENTINEL).exists()


def test_damaged_best_weights_of_an_earlier_epoch_are_trained_again(data, monkeypatch, capsys, tmp_path):
    original = Classification.evaluate

    def falling(task):  # as the learning rate does, so that the first epoch is the best
        return original(task) | {"val_accuracy": task.optimizer.param_groups[0]["lr"]}

    monkeypatch.setattr(Classification, "evaluate", falling)
    run = interrupted_training(data, monkeypatch, after=3)
    file = run.path / "model.safetensors"
    file.write_bytes(flipped(file.read_bytes()))
    resumed = train(small_recipe(), profile="smoke", seed=0, data=data)
    assert str(file) in capsys.readouterr().err
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "undisturbed"))
    undisturbed = train(small_recipe(), profile="smoke", seed=0, data=data)
    assert undisturbed.info["best"]["epoch"] == 1
    assert_same_training(resumed, undisturbed)


FILES = {
    "run.json": lambda run: run.info,
    "history.csv": lambda run: run.history,
    "model.safetensors": lambda run: run.weights(),
    "snapshots/epoch_0002.npz": lambda run: run.snapshot(2),
}
DAMAGED_FORMAT = [  # detected without digests, as in records of older versions
    (name, damage)
    for name in FILES
    for damage in ("cut", "emptied", "garbage")
    if (name, damage) != ("history.csv", "cut")
]


def assert_names_file(run, name, damage):
    file = run.path / name
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    with pytest.raises(DamagedRecordError, match="train again") as raised:
        FILES[name](run)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_of_a_record_is_told_by_name_and_cure(whole, name, damage):
    assert_names_file(whole, name, damage)


@pytest.mark.parametrize(("name", "damage"), DAMAGED_FORMAT)
def test_without_digests_a_file_is_told_by_its_form(whole, name, damage):
    (whole.path / digests.NAME).unlink()
    assert_names_file(whole, name, damage)


def test_a_missing_entry_of_run_json_is_told_by_file(data, whole):
    info = dict(whole.info)
    del info["best"]
    (whole.path / digests.NAME).unlink()
    (whole.path / "run.json").write_text(json.dumps(info))
    with pytest.raises(DamagedRecordError, match=r"run\.json has no entry 'best'"):
        whole.info["best"]
    (whole.path / "run.json").write_text(json.dumps(info | {"recipe": 3}))
    with pytest.raises(DamagedRecordError, match="'recipe' is 3"):
        _ = whole.info


def test_masks_of_a_record_are_verified(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    run = train(
        small_segmentation(epochs=1), profile="smoke", seed=0, data=write_satellite(tmp_path / "data" / "p3_data")
    )
    for masks, read in (("snapshots/epoch_0001", lambda: run.masks(1)), ("best_masks", run.best_masks)):
        read()
        file = sorted((run.path / masks).glob("*.png"))[0]
        file.write_bytes(flipped(file.read_bytes()))
        with pytest.raises(DamagedRecordError, match=file.name):
            read()


def test_a_listing_goes_on_without_a_damaged_record_and_names_it(data, capsys):
    train(small_recipe(epochs=1), profile="smoke", seed=0, data=data)
    broken = train(small_recipe(epochs=1), profile="smoke", seed=1, data=data).path / "run.json"
    for content in (b"", b"{", b"[]", broken.read_bytes()[:-20]):
        broken.write_bytes(content)
        assert cli.main(["runs", "--data", str(data)]) == 1
        said = capsys.readouterr()
        assert "small/seed0  finished" in said.out and str(broken) in said.err and "Traceback" not in said.err


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_fine_tuning_refuses_a_damaged_pre_training(tmp_path, monkeypatch, capsys, damage):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    root = write_mini_and_office(tmp_path / "data")
    monkeypatch.setitem(RECIPES, "small_byol", small_pretraining("byol", epochs=1))
    settings = {"dataset": "office", "model": "resnet18", "model_options": {"width": 8}, "head": "linear"}
    tuning = small_recipe(name="tuned", start="ssl", pretraining="small_byol", image_size=24, epochs=1, **settings)
    monkeypatch.setitem(RECIPES, "tuned", tuning)
    file = train("small_byol", profile="smoke", seed=0, data=root).path / "model.safetensors"
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert cli.main(["train", "tuned", "--profile", "smoke", "--data", str(root)]) == 2
    said = capsys.readouterr().err
    assert str(file) in said and "remove" in said and "Traceback" not in said


# --- which weights a record started from ---


@pytest.fixture
def weights(data, tmp_path):
    """Two files of weights for `small_recipe`."""
    files = []
    for seed in (1, 2):
        run = train(small_recipe(name="backbone", epochs=1), profile="smoke", seed=seed, data=data)
        files.append(tmp_path / f"weights{seed}.safetensors")
        shutil.copyfile(run.path / "model.safetensors", files[-1])
    return files


def test_a_finished_record_of_other_weights_is_refused(data, weights):
    recipe = small_recipe(start="pretrained", epochs=1)
    run = train(recipe, profile="smoke", seed=0, data=data, weights=weights[0])
    assert train(recipe, profile="smoke", seed=0, data=data, weights=weights[0]) == run
    assert train(recipe, profile="smoke", seed=0, data=data) == run
    with pytest.raises(RecordMismatchError, match=r"weights1.*not from .*weights2"):
        train(recipe, profile="smoke", seed=0, data=data, weights=weights[1])


def test_weights_are_refused_by_a_recipe_that_cannot_use_them(data, weights, tmp_path):
    with pytest.raises(ValueError, match="small starts from random weights"):
        train(small_recipe(), profile="smoke", seed=0, data=data, weights=weights[0])
    with pytest.raises(ValueError, match="starts from random weights"):
        train(small_recipe(), profile="smoke", seed=0, data=data, weights=tmp_path / "missing.pt")
    with pytest.raises(ValueError, match="starts from random weights"):
        train(small_pretraining("byol"), profile="smoke", seed=0, data=data, weights=weights[0])
    with pytest.raises(ValueError, match="the record of small_byol"):
        recipe = small_recipe(start="ssl", pretraining="small_byol")
        train(recipe, profile="smoke", seed=0, data=data, weights=weights[0])
    with pytest.raises(ValueError, match="starts from random weights"):
        train(small_segmentation(), profile="smoke", seed=0, data=data, weights=weights[0])
    with pytest.raises(FileNotFoundError, match=r"missing\.pt"):
        train(small_recipe(start="pretrained"), profile="smoke", seed=0, data=data, weights=tmp_path / "missing.pt")
    assert not (tmp_path / "runs" / "smoke" / "small").exists()


def test_a_stand_in_for_mini_imagenets_labels_is_recorded_as_what_it_is(tmp_path, toy_world, monkeypatch, capsys):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DLCV_HOME", str(tmp_path / "home"))
    shutil.copytree(toy_world, tmp_path / "home" / "data" / "toy")
    root = write_mini_and_office(tmp_path / "course", labelled=False)
    small = {
        "dataset": "office",
        "model": "resnet18",
        "model_options": {"width": 8},
        "head": "linear",
        "image_size": 24,
    }
    recipe = small_recipe(start="pretrained", epochs=1, setting="B", **small)
    tuned = train(recipe, profile="smoke", seed=0, data=root)
    start = tuned.info["start"]
    stand_in = runs.load(tmp_path / "runs" / start["record"]).info["data"]
    assert (stand_in["root"], stand_in["is_toy"], stand_in["stands_in_for"]) == ("toy", True, "course")
    assert "toy world" in start["title"] and "course" in start["title"]
    assert tuned.info["data"]["root"] == "course" and not tuned.info["data"]["is_toy"]
    assert cli.main(["runs", "--data", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (own,) = [line for line in lines if str(tmp_path / "runs" / start["record"]) in line]
    (using,) = [line for line in lines if str(tuned.path) in line]
    assert all("on the toy world in place of course" in line for line in (own, using))


# --- error messages ---


def test_a_number_of_seeds_that_means_nothing_is_refused(data, capsys):
    for option in (["--seeds", "0"], ["--seeds", "-2"], ["--seed", "-1"], ["--seeds", "many"], ["--seed", "9" * 30]):
        with pytest.raises(SystemExit) as ended:
            cli.main(["train", "r4_vgg13_bn", "--profile", "smoke", "--data", str(data), *option])
        assert ended.value.code == 2 and option[1] in capsys.readouterr().err


def test_running_out_of_memory_never_gives_an_empty_message(data, capsys, monkeypatch):
    from dlcvlib import training

    for error in (MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 EB")):

        def starved(*_arguments, _error=error, **_settings):
            raise _error

        monkeypatch.setattr(training, "train", starved)
        assert cli.main(["train", "r4_vgg13_bn", "--data", str(data)]) == 2
        assert "out of memory" in capsys.readouterr().err


def test_a_full_disk_is_told_with_file_room_and_cure(data, capsys, monkeypatch):
    from dlcvlib import training

    def full(*_arguments, **_settings):
        raise OSError(28, "No space left on device", str(data / "somewhere" / "file.bin"))

    monkeypatch.setattr(training, "train", full)
    assert cli.main(["train", "r4_vgg13_bn", "--data", str(data)]) == 2
    said = capsys.readouterr().err
    assert "file.bin" in said and "MB" in said and "resumes" in said


def test_a_record_is_read_while_it_is_written(data, monkeypatch):
    run = interrupted_training(data, monkeypatch, after=1)
    rows = run.history.to_dict("records")
    original = digests.read

    def written_meanwhile(folder):
        monkeypatch.setattr(digests, "read", original)
        runs.write_history(run, [*rows, rows[0] | {"epoch": 2}])
        return original(folder)

    monkeypatch.setattr(digests, "read", written_meanwhile)
    assert len(run.history) == 1 and len(run.history) == 2


def test_a_pickle_in_place_of_a_records_weights_runs_no_code(whole, tmp_path):
    file = whole.path / "model.safetensors"
    buffer = io.BytesIO()
    pickle.dump(Bomb(tmp_path), buffer)
    for with_digests in (True, False):
        if not with_digests:
            (whole.path / digests.NAME).unlink()
        file.write_bytes(buffer.getvalue())
        with pytest.raises(DamagedRecordError):
            whole.weights()
        assert not (tmp_path / SENTINEL).exists()


def test_weights_written_by_others_into_a_record_are_told(whole):
    save_file({"a": torch.zeros(3)}, whole.path / "model.safetensors")
    with pytest.raises(DamagedRecordError, match=r"model\.safetensors is damaged"):
        whole.weights()


def test_a_finished_record_in_a_read_only_place_is_returned(data, whole, monkeypatch):
    from filelock import FileLock

    from dlcvlib.training import load_or_train

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setenv("DLCV_RUNS", str(whole.path.parents[2]))
    monkeypatch.setattr(load_or_train, "FileLock", refused)
    assert FileLock is not refused
    assert train(small_recipe(), profile="smoke", seed=0, data=data) == whole
