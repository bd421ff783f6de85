"""The shell scripts that an edition's graders call, each beside the record that it predicts with."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from dlcvlib.files import digests
from dlcvlib.files.atomic import write_json
from dlcvlib.files.outputs import ForeignFileError, output_file, output_folder, refuse_foreign, refuse_foreign_folder
from dlcvlib.handin.network import network_of, opened
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


def write_scripts(
    edition: str, folder: str | Path, records: Iterable[Run | str | Path], *, replace: bool = False
) -> list[Path]:
    """Write hw1_1.sh, hw1_2.sh, … into `folder`, and copies of the records beside them, so that it can be handed in.

    Everything is checked and copied before the first of it is put in its place.

    Args:
        edition: one of `EDITIONS`.
        folder: made if need be; scripts and records of an earlier call are replaced.
        records: one finished record a problem of the edition, in any order.
        replace: also scripts and folders of these names that dlcv did not write.

    Returns:
        the scripts.

    Raises:
        ValueError: an unknown edition, a problem with no record or several, or a record that is damaged.
        dlcvlib.files.outputs.ForeignFileError: a script or a folder stands in the way that dlcv did not write.
    """
    if edition not in EDITIONS:
        raise ValueError(f"no scripts are known for the edition {edition!r}; known are {', '.join(EDITIONS)}")
    names = [f"hw1_{number}" for number in range(1, len(EDITIONS[edition]) + 1)]
    folders = [Path(folder) / name for name in names]
    scripts = [Path(folder) / f"{name}.sh" for name in names]
    _refuse_in_the_way(folders, scripts, replace=replace)
    chosen = _by_problem(edition, records)
    with ExitStack() as stack:
        copies = [stack.enter_context(output_folder(each, replace=replace)) for each in folders]
        files = [stack.enter_context(output_file(each, replace=replace)) for each in scripts]
        for name, copy, file, (problem, run) in zip(names, copies, files, chosen.items(), strict=True):
            _copy(run, copy)
            file.write(_script(name, problem).encode())
    for script in scripts:
        script.chmod(0o755)
    return scripts


def _refuse_in_the_way(folders: Sequence[Path], scripts: Sequence[Path], *, replace: bool) -> None:
    refuse_foreign(scripts, replace=replace)
    for folder in folders:
        refuse_foreign_folder(folder, replace=replace)
        if (folder / "history.csv").exists():
            raise ForeignFileError(f"{folder} is a run record of its own, not a copy of one; name another folder")


def _copy(run: Run, folder: Path) -> None:
    """Copy what is needed to predict, with the digests that the record knows of it.

    Raises:
        ValueError: a file is not what was written into the record.
    """
    known = {name: noted for name, noted in digests.read(run.path).items() if name in KEPT}
    for name in KEPT:
        shutil.copyfile(run.path / name, folder / name)
        if name in known and digests.file_digest(folder / name) not in known[name]:
            raise ValueError(
                f"{run.path / name} is damaged: copy the record anew from where it was made, or train it anew"
            )
    if known:
        write_json(folder / digests.NAME, known)


def _by_problem(edition: str, records: Iterable[Run | str | Path]) -> dict[str, Run]:
    """The record of each problem, in their order."""
    found: dict[str, Run] = {}
    for record in records:
        run = opened(record)
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
