"""Sets of systems, described by attributes of their recipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Systems:
    """Recipes whose attributes have certain values: `recipe in Systems(dataset="office", setting=("C", "E"))`.

    Args:
        unless: attributes and values that exclude a recipe.
        where: attributes and values that it must have. A tuple holds alternatives; a missing attribute is None.
    """

    def __init__(self, *, unless: Mapping[str, Any] | None = None, **where: Any) -> None:
        self.where, self.unless = where, unless or {}

    def __contains__(self, recipe: object) -> bool:
        return all(_has(recipe, *each) for each in self.where.items()) and not any(
            _has(recipe, *each) for each in self.unless.items()
        )


def _has(recipe: object, name: str, values: Any) -> bool:
    return getattr(recipe, name, None) in (values if isinstance(values, tuple) else (values,))
