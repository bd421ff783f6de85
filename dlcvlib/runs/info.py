"""Reading `run.json`; every error names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

KINDS: dict[str, type | tuple[type, ...]] = {
    "recipe": dict,
    "profile": str,
    "seed": int,
    "status": str,
    "start": dict,
    "data": dict,
    "best": dict,
    "last": dict,
    "before": dict,
    "timings": dict,
    "precision": str,
}
"""Types of the entries of `run.json`; each may be absent."""


SCHEMA = 2
"""Version of `run.json`; a record without one is of version 1."""
FORMS_OF_1 = {"report": "full", "smallest": "reduced"}


class DamagedRecordError(ValueError):
    """A file of a run record is damaged; the message names the file and what to do."""


class Info(dict[str, Any]):
    """A JSON object of `run.json`; the error for a missing entry names the file."""

    file: Path | None = None

    def __missing__(self, key: str) -> Any:
        raise DamagedRecordError(
            f"{self.file} has no entry {key!r}: the record is unfinished, of another version, or damaged; see its "
            "status with `dlcv runs`, or remove the record and train again"
        )


def parse_info(file: Path, content: bytes) -> Info:
    """Parse the content of a `run.json`.

    Raises:
        DamagedRecordError: the content is not valid; the message names `file`.
    """

    def with_file(values: dict[str, Any]) -> Info:
        info = Info(values)
        info.file = file
        return info

    try:
        info = json.loads(content, object_hook=with_file)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, str(error) if content else "it is empty") from error
    if not isinstance(info, Info):
        raise _damaged(file, f"it holds a {type(info).__name__}")
    for name, kind in KINDS.items():
        if info.get(name) is not None and not isinstance(info[name], kind):
            raise _damaged(file, f"its entry {name!r} is {info[name]!r}")
    return upgraded(info)


def upgraded(info: Info) -> Info:
    """Rename in place what an older version called otherwise."""
    if "schema" not in info and "recipe" in info and info["recipe"].get("form") in FORMS_OF_1:
        info["recipe"]["form"] = FORMS_OF_1[info["recipe"]["form"]]
    return info


def _damaged(file: Path, reason: str) -> DamagedRecordError:
    return DamagedRecordError(
        f"{file} is damaged ({reason}): copy it again from where the record was made, or remove {file.parent} and "
        "train again"
    )
