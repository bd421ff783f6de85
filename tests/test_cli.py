"""The command line: exit status, messages, and no imports of packages that are not needed."""

import gc
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_pretraining import collapsing
from training_worlds import write_classification, write_mini_and_office

from dlcvlib import cli, recipes, training

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    return write_classification(tmp_path / "data")


def test_training_from_the_command_line_leaves_a_record_that_is_listed(data, capsys):
    assert cli.main(["train", "r4_vgg13_bn", "--profile", "smoke", "--data", str(data)]) == 0
    assert "smoke/r4_vgg13_bn/seed0  finished  accuracy 0." in capsys.readouterr().out
    assert cli.main(["runs", "--data", str(data)]) == 0
    assert "smoke/r4_vgg13_bn/seed0" in capsys.readouterr().out


def test_a_misspelt_recipe_is_answered_with_the_nearest(data, capsys):
    assert cli.main(["train", "r4_vgg", "--profile", "smoke", "--data", str(data)]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'r4_vgg13_bn'" in said and "Traceback" not in said


def test_a_folder_without_data_is_answered_with_what_was_looked_for(tmp_path, capsys):
    assert cli.main(["train", "r4_vgg13_bn", "--data", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert str(tmp_path) in said and "train_50/" in said and "dlcv data download" in said


def test_checking_sound_data_ends_with_0_and_faulty_data_with_1(data, capsys):
    assert cli.main(["data", "check", str(data)]) == 0
    (data / "p1_data" / "train_50" / "0_0.png").write_bytes(b"no image")
    assert cli.main(["data", "check", str(data)]) == 1
    assert "0_0.png" in capsys.readouterr().out


def test_an_interruption_says_how_to_go_on(data, capsys, monkeypatch):
    def interrupted(*_arguments, **_settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", interrupted)
    assert cli.main(["train", "r4_vgg13_bn", "--data", str(data)]) == 130
    assert "resumes" in capsys.readouterr().err


def test_the_help_lists_every_recipe(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(name in said for name in recipes.RECIPES)


def test_training_needs_nothing_that_only_the_book_needs(data):
    book_only = ["plotly", "IPython", "jupyter_client", "umap", "anywidget", "papermill", "jupytext", "torchinfo"]
    script = f"""
import sys
for name in {book_only}: sys.modules[name] = None  # importing one raises ImportError
from dlcvlib.cli import main
sys.exit(main(["train", "r4_vgg13_bn", "--profile", "smoke", "--data", {str(data)!r}]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("statement", "slow"),
    [
        ("import dlcvlib", ("torch", "numpy")),
        ("import dlcvlib.chapter, dlcvlib.recipes, dlcvlib.course", ("torch", "numpy")),
        ("import dlcvlib.training", ("plotly", "sklearn", "umap", "numba", "IPython", "anywidget", "skimage", "timm")),
        ("import dlcvlib.views", ("torchvision", "torch._dynamo", "sklearn", "umap", "numba", "skimage", "timm")),
    ],
)
def test_an_import_takes_no_time_for_packages_that_only_some_calls_need(statement, slow):
    script = f"import sys; {statement}; print(*(name for name in {slow} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_garbage_collector_is_at_work_while_training(data, monkeypatch):
    at_work = []
    original = training.train
    monkeypatch.setattr(
        training, "train", lambda *names, **other: at_work.append(gc.isenabled()) or original(*names, **other)
    )
    assert cli.main(["train", "r4_vgg13_bn", "--profile", "smoke", "--data", str(data)]) == 0
    assert at_work == [True]


def test_of_several_recipes_one_that_fails_is_named_and_the_others_are_trained(data, capsys):
    assert cli.main(["train", "r4_vgg", "r4_vgg13_bn", "--profile", "smoke", "--data", str(data)]) == 2
    said = capsys.readouterr()
    assert "r4_vgg13_bn/seed0  finished" in said.out
    assert "dlcv: r4_vgg: unknown recipe 'r4_vgg'; did you mean 'r4_vgg13_bn'?" in said.err


def test_several_seeds_are_trained_one_after_the_other(data, capsys):
    assert (
        cli.main(["train", "r4_vgg13_bn", "--profile", "smoke", "--data", str(data), "--seed", "3", "--seeds", "2"])
        == 0
    )
    said = capsys.readouterr().out
    assert "r4_vgg13_bn/seed3  finished" in said and "r4_vgg13_bn/seed4  finished" in said


def test_a_collapse_ends_with_1_and_the_reason(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DLCV_RUNS", str(tmp_path / "runs"))
    monkeypatch.setitem(recipes.RECIPES, "collapsing", collapsing(name="collapsing", on_collapse="stop"))
    data = write_mini_and_office(tmp_path / "data")
    assert cli.main(["train", "collapsing", "--profile", "smoke", "--data", str(data)]) == 1
    said = capsys.readouterr().err
    assert "same probability" in said and "Traceback" not in said


def test_the_books_own_settings_have_several_seeds_and_what_they_start_from_is_known():
    assert recipes.seeds("our_byol_c", "quick") == recipes.SEEDS["quick"] > 1
    assert recipes.seeds("our_byol", "quick") == 1
    assert recipes.seeds("r3_setting_c", "quick") == 1
    assert recipes.get("our_byol_c").needs == ("our_byol",) and recipes.get("our_byol_d").needs == ("mini_labelled",)
    assert recipes.get("our_byol_a").needs == () and recipes.get("our_byol").needs == ()
    assert all(name in recipes.RECIPES for recipe in recipes.RECIPES.values() for name in recipe.needs)


@pytest.mark.parametrize("seconds", [0.4, 0.8, 1.6])
def test_an_interruption_while_the_program_loads_gives_no_traceback(seconds, tmp_path):
    command = [sys.executable, "-m", "dlcvlib", "handin", "2025", str(tmp_path / "out"), str(tmp_path / "no record")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert "Traceback" not in said and said.startswith("dlcv: ")


WORDS = ("check", "data", "train", "predict", "handin", "export", "report", "runs", "exercises", "grade", "bench")
WRONG = (
    "",
    "trian",
    "check --gpus",
    "data download --edition 1999 out",
    "train r4_vgg13_bn --profile slow",
    "train r4_vgg13_bn --seed -1",
    "train no_such_recipe",
    "train r4_vgg13_bn --set epoch=3",
    "train r4_vgg13_bn --name mine",
    "handin 1999 out record",
    "report out.html --edition 1999",
    "runs --profile slow",
    "bench --workloads sleeping",
    "grade class",
    "grade class --chapter 07_fcn --workers 0",
)


def without_packages(words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line where only the standard library can be imported."""
    command = [sys.executable, "-E", "-S", "-m", "dlcvlib", *words.split()]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("word", ["", *WORDS, "data check", "data download", "data toy"])
def test_help_waits_for_no_installed_package(word):
    done = without_packages(f"{word} --help")
    assert done.returncode == 0 and done.stdout.startswith(f"usage: dlcv {word}".rstrip()), done.stderr
    if not word:
        assert all(f"\n    {command}" in done.stdout for command in WORDS)


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_argument_is_answered_without_waiting_for_any_installed_package(words):
    done = without_packages(words)
    assert done.returncode == 2 and "dlcv" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and "dlcv check" not in done.stderr


def test_a_command_whose_work_needs_a_missing_package_points_to_the_check():
    done = without_packages("runs")
    assert done.returncode == 2 and "`dlcv check`" in done.stderr and "Traceback" not in done.stderr
