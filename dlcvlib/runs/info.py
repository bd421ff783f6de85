"""The content of `run.json`, read so that whatever is wrong with it names the file."""

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
"""Entries of `run.json` and their types, where they are there."""


SCHEMA = 2
"""Version of `run.json`; a record without one is of version 1."""
FORMS_OF_1 = {"report": "full", "smallest": "reduced"}


class DamagedRecordError(ValueError):
    """A file of a run record is not what was written; the message names the file and what to do."""


class Info(dict[str, Any]):
    """A JSON object of `run.json`; an entry that it lacks is an error that names the file."""

    file: Path | None = None

    def __missing__(self, key: str) -> Any:
        raise DamagedRecordError(
            f"{self.file} has no entry {key!r}: the record is unfinished, of another version, or damaged; `dlcv runs` "
            "shows its status, and a record that is removed can be trained anew"
        )


def parse_info(file: Path, content: bytes) -> Info:
    """Parse the content of a `run.json`.

    Raises:
        DamagedRecordError: it is no such JSON; the message names `file`.
    """

    def named(values: dict[str, Any]) -> Info:
        info = Info(values)
        info.file = file
        return info

    try:
        info = json.loads(content, object_hook=named)
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
        f"{file} is damaged ({reason}): copy it anew from where the record was made, or remove {file.parent} and train "
        "it anew"
    )
