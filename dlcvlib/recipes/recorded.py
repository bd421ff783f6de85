"""Recipes read back from `run.json`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dlcvlib.recipes.recipe import (
    ClassificationRecipe,
    Optimizer,
    PretrainingRecipe,
    Recipe,
    Schedule,
    SegmentationRecipe,
    View,
)

MOVED = ("reported", "reported_classes")
"""Entries of older records that are not settings: values of the reports, now in `dlcvlib.course`."""


def recorded(values: Mapping[str, Any]) -> Recipe:
    """Return the recipe of a record, from "recipe" in its `run.json`, which `Recipe.as_dict` wrote.

    Settings that an older version did not record have their defaults.

    Raises:
        ValueError: a setting is not known, or one without a default is missing; the message names it.
    """
    kind: type[Recipe] = ClassificationRecipe
    if "method" in values:
        kind = PretrainingRecipe
    elif values.get("dataset") == "satellite":
        kind = SegmentationRecipe
    nested: dict[str, Any] = {}
    if "optimizer" in values:
        nested["optimizer"] = _built(Optimizer, values["optimizer"])
    if "schedule" in values:
        nested["schedule"] = _built(Schedule, values["schedule"])
    if "views" in values:
        nested["views"] = tuple(_built(View, view) for view in values["views"])
    settings = {name: value for name, value in {**values, **nested}.items() if name not in MOVED}
    return _built(kind, settings)


def _built(kind: type[Any], values: Mapping[str, Any]) -> Any:
    fields = {field.name for field in dataclasses.fields(kind)}
    if unknown := sorted(values.keys() - fields):
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
