"""Blank of a solution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class Blank:
    """Line of a solution that the reader chooses among wrong ones."""

    text: str
    """Purpose of the line; Markdown."""
    right: str
    """The line, with its indentation."""
    wrong: Mapping[str, str]
    """Misconception that each wrong line shows, by the line."""

    @property
    def choices(self) -> tuple[str, ...]:
        """All lines in the order of their letters, which says nothing about which is right."""
        return tuple(sorted((self.right, *self.wrong)))
