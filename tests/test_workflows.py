"""The workflows of GitHub and the Makefile: every command that they call is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import IO

import pytest
import yaml

from book import gpu_check
from book.lock import only_build
from book.settings import Settings
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


def test_the_gpu_check_looks_for_a_gpu_then_runs_the_chapters_then_judges_the_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    def note(command: list[str], lock: IO[bytes], environment: dict[str, str] | None = None) -> None:
        called.append(shlex.join(command))

    def run_chapters(asked: Settings, **environment: str) -> None:
        called.append(f"chapters {asked.profile} {asked.gpus} {environment['DLCV_DATA']}")

    checked_folder = tmp_path / "runs-gpu-check"
    monkeypatch.setattr(gpu_check, "CHECKED", checked_folder)
    monkeypatch.setattr(gpu_check.checked, "start", lambda: called.append("empties the folder"))
    monkeypatch.setattr(gpu_check, "only_build", lambda: only_build(tmp_path / "lock"))
    monkeypatch.setattr(gpu_check, "run", note)
    monkeypatch.setattr(gpu_check, "run_chapters", run_chapters)
    assert gpu_check.main(["--gpus", "1"]) == 0
    looks, empties, draws, runs, judges = called
    assert looks.endswith("dlcvlib check --gpu") and empties == "empties the folder" and "data toy" in draws
    assert runs == f"chapters gpu 1 {checked_folder / 'toy'}"
    assert judges.endswith("--bands notebooks/bands.yaml --profile gpu")
