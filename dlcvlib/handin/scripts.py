"""The shell scripts that an edition's graders call, with copies of the records that they predict with."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from dlcvlib.course import PROBLEMS
from dlcvlib.files import digests
from dlcvlib.files.atomic import write_json
from dlcvlib.files.outputs import ForeignFileError, output_file, output_folder, refuse_foreign, refuse_foreign_folder
from dlcvlib.handin.network import network_of, open_record
from dlcvlib.runs import Run

COPIED = ("run.json", "model.safetensors")
"""Files of a record that are needed to predict."""

CALLS = {
    "classification": ("IMGDIR OUT.csv", '"$1" "$2"'),
    "office": ("CSV IMGDIR OUT.csv", '"$2" "$3" --csv "$1"'),
    "satellite": ("IMGDIR OUTDIR", '"$1" "$2"'),
}
"""Arguments of the grader, and those of `dlcv predict` after the record."""


def write_scripts(
    edition: str, folder: str | Path, records: Iterable[Run | str | Path], *, replace: bool = False
) -> list[Path]:
    """Write hw1_1.sh, hw1_2.sh, … and copies of the records into `folder`; nothing is written if a check fails.

    Args:
        edition: one of `dlcvlib.course.PROBLEMS`.
        folder: made if needed; scripts and records of an earlier call are replaced.
        records: one finished record per problem of the edition, in any order.
        replace: replace scripts and folders that dlcv did not write, too.

    Returns:
        the scripts.

    Raises:
        ValueError: an unknown edition, a problem with no record or several, or a record that is damaged.
        dlcvlib.files.outputs.ForeignFileError: a script or a folder that dlcv did not write would be replaced.
    """
    if edition not in PROBLEMS:
        raise ValueError(f"unknown edition {edition!r}; choose from {', '.join(PROBLEMS)}")
    names = [f"hw1_{number}" for number in range(1, len(PROBLEMS[edition]) + 1)]
    folders = [Path(folder) / name for name in names]
    scripts = [Path(folder) / f"{name}.sh" for name in names]
    _refuse_foreign(folders, scripts, replace=replace)
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


def _refuse_foreign(folders: Sequence[Path], scripts: Sequence[Path], *, replace: bool) -> None:
    refuse_foreign(scripts, replace=replace)
    for folder in folders:
        refuse_foreign_folder(folder, replace=replace)
        if (folder / "history.csv").exists():
            raise ForeignFileError(f"{folder} is a run record, not a copy of one; name another folder")


def _copy(run: Run, folder: Path) -> None:
    """Copy the files needed to predict, and their digests.

    Raises:
        ValueError: a file is damaged.
    """
    known = {name: digest for name, digest in digests.read(run.path).items() if name in COPIED}
    for name in COPIED:
        shutil.copyfile(run.path / name, folder / name)
        if name in known and digests.file_digest(folder / name) not in known[name]:
            raise ValueError(
                f"{run.path / name} is damaged: copy the record again from where it was made, or train again"
            )
    if known:
        write_json(folder / digests.NAME, known)


def _by_problem(edition: str, records: Iterable[Run | str | Path]) -> dict[str, Run]:
    """Return the record for each data set of the edition, in order."""
    by_problem: dict[str, Run] = {}
    for record in records:
        run = open_record(record)
        problem = network_of(run, "cpu").recipe.dataset  # fails for a record that cannot predict
        if problem not in PROBLEMS[edition]:
            raise ValueError(f"{run.path} is trained on the {problem} set, which edition {edition} does not use")
        if problem in by_problem:
            raise ValueError(f"{by_problem[problem].path} and {run.path} are for the same problem; name one of them")
        by_problem[problem] = run
    if missing := [problem for problem in PROBLEMS[edition] if problem not in by_problem]:
        raise ValueError(f"edition {edition} also needs a record trained on {' and on '.join(missing)}")
    return {problem: by_problem[problem] for problem in PROBLEMS[edition]}


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
