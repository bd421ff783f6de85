"""Sets of systems, described by attributes of their recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Systems:
    """Recipes whose attributes have certain values: `recipe in Systems({"dataset": ["mini"]})`.

    Args:
        where: for each attribute the values that it may have; all must hold. A recipe without the attribute has None.
        unless: for each attribute the values that exclude a recipe.
    """

    where: Mapping[str, Sequence[object]]
    unless: Mapping[str, Sequence[object]] = field(default_factory=dict)

    def __contains__(self, recipe: object) -> bool:
        return all(getattr(recipe, name, None) in values for name, values in self.where.items()) and not any(
            getattr(recipe, name, None) in values for name, values in self.unless.items()
        )
