"""Load or train one record for the book; a record that a build made from other code is trained again.

`dlcvlib.train` returns every finished record with the right settings, whatever became of the code since. So a build
marks the records that it trains, with the digest of what they depend on. Only a record with such a mark, unchanged
since and out of date, is removed and trained again; one that `dlcv train` or a notebook made is loaded as it is. Long
trainings (`PROFILE=hour` and `full`) are never repeated for a change of code.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from book.plan import SMALL
from dlcvlib.files import digests
from dlcvlib.files.atomic import write_json
from dlcvlib.files.outputs import ForeignFileError, files_below

MARK = ".book.json"
OWN = re.compile(
    r"run\.json|history\.csv|model\.safetensors|checkpoint(\.previous)?\.pt|\.lock|\.digests\.json|\.book\.json"
    r"|(snapshots|weights|embeddings|best_masks)/.*|\..*\.part"
)
"""Files of a record."""


def train(recipe: str, profile: str, seed: int, data: str, inputs: str) -> dict[str, Any]:
    """Load or train a record.

    Args:
        recipe: name of a recipe.
        profile: one of `dlcvlib.recipes.PROFILES`.
        seed: of the training.
        data: folder of the course's data; "" to search.
        inputs: digest of what its result depends on.

    Returns:
        `record`: its folder and the digest of its `run.json`; `trained`: False if it was there already.

    Raises:
        ForeignFileError: the record is to be trained again, but holds files that no training wrote.
    """
    from dlcvlib import paths, recipes, runs, training
    from dlcvlib.data import find

    course = find(data or None)
    folder = runs.path_of(paths.runs_home(course.root), profile, recipes.get(recipe).name, seed)
    mark = read_mark(folder)
    if profile in SMALL and mark and mark["inputs"] != inputs and mark["run"] in ("", run_digest(folder)):
        remove(folder)
    if not (folder / "run.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / MARK, {"inputs": inputs, "run": ""})
    loaded = runs.Run(folder).finished
    run = training.train(recipe, profile=profile, seed=seed, data=course)
    mark = read_mark(run.path)
    if mark and not mark["run"]:
        write_json(run.path / MARK, mark | {"run": run_digest(run.path)})
    print(runs.summary(run), flush=True)
    return {"record": [str(run.path), run_digest(run.path)], "trained": not loaded}


def read_mark(folder: Path) -> dict[str, Any]:
    """Return a build's mark of a record: `inputs`, and `run`, the digest of `run.json` ("" before it was finished)."""
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return mark if {"inputs", "run"} <= mark.keys() else {}
    except (OSError, ValueError, AttributeError):
        return {}


def run_digest(folder: Path) -> str:
    """Return the digest of a record's `run.json`; "" if it has none."""
    file = folder / "run.json"
    return digests.file_digest(file) if file.is_file() else ""


def remove(folder: Path) -> None:
    """Remove a record at once: killed on the way, it is gone as well.

    Raises:
        ForeignFileError: it holds files that no training wrote.
    """
    if foreign := [name for name in files_below(folder) if not OWN.fullmatch(name)]:
        raise ForeignFileError(
            f"{folder / foreign[0]}: not written by a training, so the record, which the build would train again, is "
            "left alone; move the file away"
        )
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))
    folder.rename(aside / folder.name)
    shutil.rmtree(aside, ignore_errors=True)
