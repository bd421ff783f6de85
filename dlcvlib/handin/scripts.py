"""The shell scripts that an edition's graders call, each beside the record that it predicts with."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from dlcvlib import runs
from dlcvlib.handin.network import network_of
from dlcvlib.outputs import output_file, output_folder
from dlcvlib.runs import Run

EDITIONS = {
    "2023": ("classification", "office", "satellite"),
    "2024": ("office", "satellite"),
    "2025": ("office", "satellite"),
}
"""The set that each problem of an edition is about: hw1_1.sh is the first's."""

KEPT = ("run.json", "model.safetensors")
"""What of a record is needed to predict."""

CALLS = {
    "classification": ("IMGDIR OUT.csv", '"$1" "$2"'),
    "office": ("CSV IMGDIR OUT.csv", '"$2" "$3" --csv "$1"'),
    "satellite": ("IMGDIR OUTDIR", '"$1" "$2"'),
}
"""The grader's arguments, and how `dlcv predict` takes them after the record."""


def write_scripts(edition: str, folder: str | Path, records: Iterable[Run | str | Path]) -> list[Path]:
    """Write hw1_1.sh, hw1_2.sh, … into `folder`, and copies of the records beside them, so that it can be handed in.

    Args:
        edition: one of `EDITIONS`.
        folder: made if need be; scripts and records of an earlier call are replaced.
        records: one finished record a problem of the edition, in any order.

    Returns:
        the scripts.

    Raises:
        ValueError: an unknown edition, or a problem with no record or several.
    """
    if edition not in EDITIONS:
        raise ValueError(f"no scripts are known for the edition {edition!r}; known are {', '.join(EDITIONS)}")
    folder, chosen = Path(folder), _by_problem(edition, records)
    scripts = []
    for number, (problem, run) in enumerate(chosen.items(), start=1):
        name = f"hw1_{number}"
        with output_folder(folder / name) as record:
            for file in KEPT:
                shutil.copyfile(run.path / file, record / file)
        script = folder / f"{name}.sh"
        with output_file(script) as content:
            content.write(_script(name, problem).encode())
        script.chmod(0o755)
        scripts.append(script)
    return scripts


def _by_problem(edition: str, records: Iterable[Run | str | Path]) -> dict[str, Run]:
    """The record of each problem, in their order."""
    found: dict[str, Run] = {}
    for record in records:
        run = record if isinstance(record, Run) else runs.load(record)
        problem = network_of(run, "cpu").recipe.dataset  # built, so that a record that cannot predict is refused here
        if problem not in EDITIONS[edition]:
            raise ValueError(
                f"{run.path} is trained on the {problem} set, which the edition {edition} does not ask for"
            )
        if problem in found:
            raise ValueError(f"{found[problem].path} and {run.path} are for the same problem; name one of them")
        found[problem] = run
    if missing := [problem for problem in EDITIONS[edition] if problem not in found]:
        raise ValueError(f"the edition {edition} also asks for a record trained on {' and on '.join(missing)}")
    return {problem: found[problem] for problem in EDITIONS[edition]}


def _script(name: str, problem: str) -> str:
    usage, call = CALLS[problem]
    return f"""#!/usr/bin/env bash
# bash {name}.sh {usage}
set -euo pipefail
if [ $# -ne {len(usage.split())} ]; then
  echo "usage: bash {name}.sh {usage}" >&2
  exit 2
fi
record="$(cd "$(dirname "${{BASH_SOURCE[0]}}")" && pwd)/{name}"
exec "${{PYTHON:-python3}}" -m dlcvlib predict "$record" {call}
"""
