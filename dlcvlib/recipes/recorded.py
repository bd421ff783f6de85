"""Recipes read back from `run.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dlcvlib.recipes.recipe import Optimizer, Recipe, Schedule, View

MOVED = ("reported", "reported_classes")
"""Entries of older records that are not settings: values of the reports, now in `dlcvlib.course`."""


def recorded(values: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a record, from "recipe" in its `run.json`, which `Recipe.as_dict` wrote.

    Settings that an older version did not record have their defaults.

    Raises:
        ValueError: a setting is not known, or one without a default is missing; the message names it.
    """
    kind = max(_kinds(Recipe), key=lambda each: len(values.keys() & _fields(each)))
    nested: dict[str, Any] = {}
    if "optimizer" in values:
        nested["optimizer"] = _built(Optimizer, values["optimizer"])
    if "schedule" in values:
        nested["schedule"] = _built(Schedule, values["schedule"])
    if "views" in values:
        nested["views"] = tuple(_built(View, view) for view in values["views"])
    settings = {name: value for name, value in {**values, **nested}.items() if name not in MOVED}
    return _built(kind, settings)


def _kinds(base: type[Recipe]) -> list[type[Recipe]]:
    """Return the subclasses that have none of their own: a record is of the one with most of its settings."""
    inner = base.__subclasses__()
    return [kind for each in inner for kind in _kinds(each)] if inner else [base]


def _fields(kind: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def _built(kind: type[Any], values: Mapping[str, Any]) -> Any:
    if unknown := sorted(values.keys() - _fields(kind)):
        raise ValueError(
            f"the recorded {kind.__name__} has the settings {', '.join(unknown)}, which this version does not know; "
            "it was made with another version of dlcvlib"
        )
    try:
        return kind(**{name: _with_tuples(value) for name, value in values.items()})
    except TypeError as error:
        raise ValueError(f"the recorded {kind.__name__} is not complete: {error}") from error


def _with_tuples(value: Any) -> Any:
    """Turn lists, which JSON has, into tuples, which recipes have."""
    if isinstance(value, list):
        return tuple(map(_with_tuples, value))
    if isinstance(value, dict):
        return {name: _with_tuples(inner) for name, inner in value.items()}
    return value
