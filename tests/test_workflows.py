"""The workflows of GitHub and the Makefile: every command that they call is there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from dlcvlib import cli

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([\w./-]+):(?!=)", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)) | {
    ".venv/.installed"
}


def jobs(file: Path) -> list[dict]:
    return list(yaml.safe_load(file.read_text())["jobs"].values())


def commands(file: Path) -> list[list[str]]:
    scripts = [step["run"] for job in jobs(file) for step in job["steps"] if "run" in step]
    return [shlex.split(line) for script in scripts for line in script.splitlines()]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_workflow_is_bounded_and_may_only_read(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {"contents": "read"} and workflow["concurrency"]["group"]
    assert all(job["timeout-minutes"] <= 90 for job in jobs(file))


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_what_a_workflow_calls_exists(file: Path) -> None:
    called = commands(file)
    assert called
    for command in called:
        match command:
            case ["make", target]:
                assert target in TARGETS
            case [".venv/bin/dlcv", *arguments]:
                assert understood(arguments), command
            case ["bash", script]:
                assert (ROOT / script).is_file()
            case _:
                pytest.fail(f"{shlex.join(command)}: nothing here knows it")


def understood(arguments: list[str]) -> bool:
    """Whether the command line takes these arguments: it does it, or says what the machine lacks."""
    try:
        return cli.main(arguments) in (0, 1)
    except SystemExit:
        return False


def test_what_the_command_line_does_not_know_is_not_understood() -> None:
    assert not understood(["check", "--gpus"]) and not understood(["chek"])


def test_the_gpu_job_goes_through_every_chapter_and_keeps_what_it_made() -> None:
    job = jobs(ROOT / ".github" / "workflows" / "gpu.yml")[0]
    assert job["runs-on"] == ["self-hosted", "gpu"]
    called = commands(ROOT / ".github" / "workflows" / "gpu.yml")
    assert called.index([".venv/bin/dlcv", "check", "--gpu"]) < called.index(["make", "gpu-check"])
    kept = next(step for step in job["steps"] if step.get("uses", "").startswith("actions/upload-artifact"))
    assert kept["if"] == "always()" and {"runs-gpu-check/gpu/**/run.json", "runs-gpu-check/chapters/*.ipynb"} <= set(
        kept["with"]["path"].split()
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_gpu_check_looks_for_a_gpu_then_runs_the_chapters_then_judges_the_records() -> None:
    said = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/.installed", "gpu-check", "GPUS=1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    looks, runs, judges = (
        said.index(one) for one in ("dlcv check --gpu", "snakemake ", "runs --bands notebooks/bands.yaml")
    )
    assert looks < runs < judges
    assert "profile=gpu" in said[runs:judges] and "--resources gpu=1" in said[runs:judges]
    assert "--profile gpu" in said[judges:]
