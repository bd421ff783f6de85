"""Changes to a recipe: applied after the profile, nested settings merged, values checked."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dlcvlib.recipes.recipe import Recipe

NAME = re.compile(r"\w[\w.+=,-]*")
"""Names of recipes, which are names of folders too."""


def apply(recipe: Recipe, *, profile: str, name: str | None = None, title: str | None = None, **changes: Any) -> Recipe:
    """Return `recipe` as `profile` runs it, with changes.

    Args:
        recipe: to change.
        profile: that the changes are applied after; the result can be trained in no other.
        name: of the result and its records; None joins the recipe's name and the changes.
        title: of the result in tables; None names the changes.
        changes: settings by name. A nested setting takes a mapping, which is merged: `optimizer={"learning_rate":
            1e-3}`; None removes an entry of a mapping: `augmentation={"horizontal_flip": None}`. `views` takes one
            mapping for all views, or a list with one for each.

    Raises:
        ValueError: unknown setting, or a value of the wrong type; the message names it.
    """
    read = recipe.for_profile(profile)
    written = ",".join(f"{setting}={value}" for setting, value in _flat(changes))
    name = name or recipe.name + "+" + re.sub(r"[^\w.=,-]", "", written)
    if not NAME.fullmatch(name) or len(name) > 120:
        raise ValueError(f"name={name!r} must be letters, digits and . + = , - (at most 120): it names a folder")
    if name == recipe.name:
        raise ValueError(f"name={name!r} is the unchanged recipe's own; its records would not match: choose another")
    changed = _merged(read, changes, "")
    return replace(changed, name=name, title=title or f"{recipe.title}, changed: {written}", only_for=profile)


def parse(assignments: Sequence[str]) -> dict[str, Any]:
    """Turn `["epochs=30", "optimizer.learning_rate=1e-3"]` into nested changes.

    Raises:
        ValueError: an assignment has no `=`, names no setting, or contradicts another.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not all(part.isidentifier() for part in path.split(".")):
            raise ValueError(f"--set {assignment!r} must look like epochs=30 or optimizer.learning_rate=1e-3")
        if path in ("profile", "recipe"):
            raise ValueError(f"--set {assignment!r}: {path} is no setting of a recipe; name it as `dlcv train` does")
        *outer, last = path.split(".")
        inner = changes
        for part in outer:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ValueError(f"--set {assignment!r} contradicts an earlier value of {part}")
        inner[last] = _value(text)
    return changes


def _value(text: str) -> Any:
    """Return the Python literal; a text that is none stays text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False, "none": None, "null": None}.get(text.lower(), text)


def _flat(changes: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in changes.items():
        nested = isinstance(value, Mapping) and value
        flat += _flat(value, f"{prefix}{name}.") if nested else [(f"{prefix}{name}", value)]
    return flat


def _merged(settings: Any, changes: Mapping[str, Any], prefix: str) -> Any:
    """Return a dataclass of settings with changes merged into it."""
    fields = {field.name for field in dataclasses.fields(settings)} - {"profiles", "only_for"}
    if unknown := sorted(changes.keys() - fields):
        raise ValueError(f"unknown setting {prefix}{unknown[0]}; known are {', '.join(sorted(fields))}")
    types = get_type_hints(type(settings))
    merged = {
        name: _change(getattr(settings, name), value, types[name], f"{prefix}{name}") for name, value in changes.items()
    }
    return replace(settings, **merged)


def _change(old: Any, new: Any, kind: Any, name: str) -> Any:
    if dataclasses.is_dataclass(old) and isinstance(new, Mapping):
        return _merged(old, new, f"{name}.")
    if isinstance(old, tuple) and old and all(map(dataclasses.is_dataclass, old)):
        if isinstance(new, Mapping):
            new = [new] * len(old)
        if all(isinstance(each, Mapping) for each in new):
            if len(new) != len(old):
                raise ValueError(f"{name} has {len(old)} entries, but {len(new)} changes were given")
            return tuple(_merged(each, change, f"{name}.") for each, change in zip(old, new, strict=True))
        return tuple(new)
    if isinstance(old, Mapping):
        if not isinstance(new, Mapping):
            raise ValueError(f"{name} must be a mapping, such as {{'a': 1}}, not {new!r}")
        return _merged_mapping(old, new)
    if not _fits(new, kind):
        raise ValueError(f"{name}={new!r} must be {_in_words(kind)}; it is {old!r} now")
    return tuple(new) if isinstance(old, tuple) else new


def _merged_mapping(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings; an entry that is None is removed, unless it holds no mapping."""
    merged = dict(old)
    for name, value in new.items():
        before = merged.get(name)
        if value is None and isinstance(before, Mapping):
            del merged[name]
        elif isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[name] = _merged_mapping(before, value)
        else:
            merged[name] = value
    return merged


def _fits(value: Any, kind: Any) -> bool:
    """True if `value` is of a field's type; an int will do for a float."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in arguments
    if arguments and origin is not tuple and not (isinstance(origin, type) and issubclass(origin, Mapping)):
        return any(_fits(value, each) for each in arguments)
    if origin is tuple:
        return isinstance(value, list | tuple)
    if kind is type(None):
        return value is None
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind)


def _in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    return getattr(kind, "__name__", str(kind)) if not get_args(kind) else str(kind)
