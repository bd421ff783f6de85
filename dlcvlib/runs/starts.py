"""Initial weights of runs in words, as their records state them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dlcvlib.runs.group import Group, nested

STARTS = {
    "random": "random weights",
    "pretrained": "pre-trained weights",
    "imagenet": "ImageNet",
    "coco": "COCO",
    "ssl": "own pre-training",
}
"""What a recipe asks for, in words."""
OUTSIDE = {
    "path": "the file that was named",
    "folder": "a file in the folder of weights",
    "download": "a download",
}
"""Origins of outside weights in a record."""
ASKED = (None, "the recipe asks for it", "the setting asks for it")
"""Reasons in the record of a run that starts from what its recipe names; the last is an older version's."""
MINI = "Mini-ImageNet"
NOT_RECORDED = "not recorded"


def start_in_words(info: Mapping[str, Any]) -> str:
    """Return what a run started from by its record, and the reason where its recipe asks for something else.

    Args:
        info: content of `run.json`, or a recorded result.
    """
    start, reason = info.get("start") or {}, _why_replaced(info)
    origin, title = start.get("from"), start.get("title", NOT_RECORDED)
    if origin is None:
        return NOT_RECORDED
    if origin == "record":
        stand_in = f"; a stand-in: {reason}" if reason else ""
        return f"own pre-training: {start_title(info)}{stand_in}"
    if origin != "random":
        return f"outside weights, {OUTSIDE.get(origin, origin)}: {title}"
    return (
        f"random weights in place of {STARTS.get(_asked(info), _asked(info))}: {reason}" if reason else "random weights"
    )


def start_title(info: Mapping[str, Any]) -> str:
    """Return the title of the weights that a run started from, with the images of a pre-training; "" if random."""
    start = info.get("start") or {}
    if start.get("from") == "record":
        return _of_images(_pretraining(start), info)
    return str(start.get("title", ""))


def starts_from_a_substitute(info: Mapping[str, Any]) -> bool:
    """Return True if a run started from something else than its recipe asks for."""
    return _why_replaced(info) is not None


def _asked(info: Mapping[str, Any]) -> str:
    return nested(info, "recipe", "start") or "random"


def _why_replaced(info: Mapping[str, Any]) -> str | None:
    """Return the reason why a run did not start from what its recipe asks for; None if it did."""
    start = info.get("start") or {}
    if _asked(info) == "random" or start.get("because") in ASKED:
        replaced = start.get("from") == "random" and _asked(info) != "random"
        return "the record names no reason" if replaced else None
    return str(start["because"])


def _pretraining(start: Mapping[str, Any]) -> str:
    """Return title and seed of the record that a run started from."""
    seed = str(start.get("record", "")).rpartition("/seed")[2]
    return f"{start.get('title', NOT_RECORDED)}{seed and f', seed {seed}'}"


def _of_images(title: str, info: Mapping[str, Any]) -> str:
    """Return the title of a pre-training with the images that it had: those of the run, unless the title names them."""
    if not nested(info, "data", "is_toy"):
        return title
    return title.replace(MINI, f"the toy {MINI}") if MINI in title else f"{title}, on the toy world"


def one_pretraining(group: Group) -> str | None:
    """Return title, seed and images of the one record that all of several seeds start from; None if there is none."""
    starts = [nested(info, "start") or {} for info in group.infos]
    first, records = starts[0], {start.get("record") for start in starts}
    if len(starts) < 2 or len(records) > 1 or first.get("record") is None:
        return None
    return start_title(group.infos[0])


def shared_start_in_words(groups: Mapping[str, Group]) -> str:
    """Return a sentence about the groups whose seeds all start from one pre-training; "" if there are none.

    Args:
        groups: groups by their name in the sentence.
    """
    named: dict[str, list[str]] = {}
    for name, group in groups.items():
        if record := one_pretraining(group):
            named.setdefault(record, []).append(name)
    if not named:
        return ""
    each = [f"all seeds of {listed(names)} start from {record}" for record, names in named.items()]
    return (
        f"**One pre-training**: {'; '.join(each)}. The intervals do not hold the luck of the pre-training: "
        "another seed of it may change these differences by more."
    )


def listed(names: Sequence[str]) -> str:
    """Join names as "A, B and C"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
