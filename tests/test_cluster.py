"""More machines: the book's jobs through a cluster's queue, with what each asks for."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from cluster.queue_of_jobs import submissions
from test_notebooks import NOTEBOOKS, ROOT, Book
from training_worlds import write_classification

PROFILE = NOTEBOOKS / "profiles" / "slurm"
ONE_CARD = NOTEBOOKS / "one_card.sh"
CLUSTER = Path(__file__).parent / "cluster"
FAILS_AT_FIRST = """
import pathlib
marker = pathlib.Path({marker!r})
if not marker.exists():
    marker.touch()
    raise MemoryError("the first time")
print("the second")
"""


pytestmark = pytest.mark.skipif(
    bool(set("'$") & set(f"{ROOT}{sys.executable}")), reason="Snakemake's job scripts do not quote paths"
)


# The scripts that start a job name Python by its whole path, which Snakemake does not quote.
starts_jobs = pytest.mark.skipif(
    " " in f"{ROOT}{sys.executable}", reason="Snakemake's job scripts split paths at spaces"
)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """Two chapters, one of which draws from a record; the data are a handful of images."""
    book = Book(tmp_path)
    book.write("01_fails", FAILS_AT_FIRST.format(marker=str(tmp_path / "marker")))
    book.write("02_drawn", "print('drawn')")
    (book.chapters / "records.yaml").write_text("02_drawn: [r4_vgg13_bn]")
    write_classification(tmp_path / "data")
    (tmp_path / "queue").mkdir()
    return book


def environment(book: Book, **more: str) -> dict[str, str]:
    return {
        "TEST_QUEUE": str(book.folder / "queue"),
        "DLCV_RUNS": str(book.folder / "runs"),
        "PYTHONPATH": f"{ROOT}:{CLUSTER}",
        **more,
    }


@starts_jobs
def test_jobs_that_fail_on_a_cluster_are_tried_once_more_and_the_book_ends_well(book: Book) -> None:
    script = {name: shlex.join([sys.executable, str(CLUSTER / f"{name}.py")]) for name in ("submit", "status")}
    options = ["--executor", "cluster-generic", "--jobs", "4", "--retries", "1", "--latency-wait", "10"]
    options += ["--cluster-generic-submit-cmd", script["submit"], "--cluster-generic-status-cmd", script["status"]]
    options += ["--seconds-between-status-checks", "1"]
    status, output = book.run(
        *options, environment=environment(book, TEST_LOST="train_r4_vgg13_bn"), data=book.folder / "data"
    )
    assert status == 0, output
    assert book.done() == ["01_fails", "02_drawn"]
    asked = submissions(book.folder / "queue")
    names = [one["wildcards"].get("chapter", one["rule"]) for one in asked]
    assert Counter(names) == {"train_r4_vgg13_bn": 2, "01_fails": 2, "02_drawn": 1}
    assert (book.folder / "runs" / "smoke" / "r4_vgg13_bn" / "seed0" / "run.json").is_file()
    assert not list((book.out / "logs").glob("*.failed")) and "===" not in output, (
        "what was mended is not told as failed"
    )
    for name in ("train_r4_vgg13_bn", "01_fails"):
        first, second = (one["resources"] for one, its in zip(asked, names, strict=True) if its == name)
        assert (second["mem_mb"], second["runtime"]) == (2 * first["mem_mb"], 2 * first["runtime"]), name


def with_slurm(book: Book, **more: str) -> dict[str, str]:
    """An environment in which SLURM's commands are those of tests/cluster/slurm.py."""
    commands = book.folder / "bin"
    commands.mkdir()
    for name in ("sbatch", "srun", "sacct", "squeue", "sinfo", "scontrol", "scancel"):
        (commands / name).write_text(f"#!{sys.executable}\n{(CLUSTER / 'slurm.py').read_text()}")
        (commands / name).chmod(0o755)
    return environment(book, PATH=f"{commands}:{os.environ['PATH']}", **more)


def option(asked: list[str], name: str) -> str | None:
    """The value of one of sbatch's options, written `--name value` or `--name=value`; None where it was not given."""
    words = [word for one in asked if not one.startswith("--wrap") for word in one.split("=", 1)]
    return words[words.index(name) + 1] if name in words else None


@starts_jobs
def test_slurm_is_asked_for_the_card_the_memory_and_the_minutes_of_each_job(book: Book) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install -e '.[cluster]' brings it")
    (book.chapters / "01_fails.py").unlink()
    options = ["--profile", str(PROFILE), "--latency-wait", "10", "--seconds-between-status-checks", "1"]
    options += ["--slurm-init-seconds-before-status-checks", "1"]
    status, output = book.run(*options, environment=with_slurm(book), profile="gpu", data=book.folder / "data")
    assert status == 0, output
    assert book.done() == ["02_drawn"]
    asked = {option(one["asked"], "--comment"): one["asked"] for one in submissions(book.folder / "queue")}
    train, chapter = asked["rule_train_r4_vgg13_bn"], asked["rule_chapter_wildcards_02_drawn"]
    assert (option(train, "--gpus"), option(chapter, "--gpus")) == ("1", None), (
        "a chapter that only draws needs no card"
    )
    assert {option(one, "--mem") for one in asked.values()} == {"4000"}
    assert (option(train, "-t"), option(chapter, "-t")) == ("5", "10")
    assert {option(one, "--cpus-per-task") for one in asked.values()} == {"1"}
    assert (book.folder / "runs" / "gpu" / "r4_vgg13_bn" / "seed0" / "run.json").is_file()


def test_each_job_of_the_whole_book_says_what_it_needs(tmp_path: Path) -> None:
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="pip install -e '.[cluster]' brings it")
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--profile",
        str(PROFILE),
        "--snakefile",
        str(NOTEBOOKS / "Snakefile"),
    ]
    command += ["--directory", str(tmp_path), "--dry-run", "--config", "profile=full", f"out={tmp_path / 'out'}"]
    given = os.environ | {"PYTHONPATH": str(ROOT)}
    said = subprocess.run(command, env=given, capture_output=True, text=True, check=True, timeout=120).stdout
    needs = {}
    for block in re.split(r"^rule ", said, flags=re.MULTILINE)[1:]:
        job = re.search(r"chapter=(\w+)", block) or re.match(r"(\w+):", block)
        listed = re.search(r"^    resources: (.*)$", block, flags=re.MULTILINE)
        assert job and listed, block
        needs[job[1]] = dict(one.split("=") for one in listed[1].split(", "))
    del needs["all"]
    cards = {name for name, its in needs.items() if its["gpu"] == "1"}
    assert cards == {name for name in needs if name.startswith("train_")} | {"10_segment_anything"}
    assert all(int(its["mem_mb"]) >= 1000 and int(its["runtime"]) >= 1 for its in needs.values())
    once, three_seeds, unlabelled = (
        int(needs[f"train_{name}"]["runtime"]) for name in ("r4_vgg13_bn", "our_byol_c", "our_byol")
    )
    assert three_seeds == 3 * once and unlabelled > once


@pytest.fixture
def cards(tmp_path: Path) -> dict[str, str]:
    """An environment in which two cards are found."""
    listing = tmp_path / "nvidia-smi"
    listing.write_text("#!/bin/sh\nprintf 'GPU-a\\nGPU-b\\n'\n")
    listing.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    return kept | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}


def seen(cards: dict[str, str], command: str = "echo $CUDA_VISIBLE_DEVICES") -> str:
    """What a command says that is given a card of its own."""
    given = ["bash", str(ONE_CARD), "sh", "-c", command]
    return subprocess.run(given, env=cards, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_commands_side_by_side_each_see_a_card_of_their_own(cards: dict[str, str]) -> None:
    assert seen(cards) == "GPU-a"
    assert seen(cards) == "GPU-a", "a card is free again when its command has ended"
    card = "echo $CUDA_VISIBLE_DEVICES"
    second = f"{card}; unset CUDA_VISIBLE_DEVICES; bash {shlex.quote(str(ONE_CARD))} sh -c '{card}'"
    assert seen(cards, second).split() == ["GPU-a", "GPU-b"]


@pytest.mark.parametrize("chosen", ["7", ""])
def test_the_card_that_a_cluster_chose_stays_chosen(cards: dict[str, str], chosen: str) -> None:
    assert seen(cards | {"CUDA_VISIBLE_DEVICES": chosen}) == chosen
    assert seen(cards | {"CUDA_VISIBLE_DEVICES": "3,5"}) == "3", "of several one is taken"
