"""The library of an executable course book in computer vision; each room says in its first line what it holds."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlcvlib.chapter import Chapter, open_chapter
    from dlcvlib.training import train

__all__ = ["Chapter", "open_chapter", "train"]

_HOME = {"train": "dlcvlib.training", "open_chapter": "dlcvlib.chapter", "Chapter": "dlcvlib.chapter"}


def __getattr__(name: str) -> Any:
    """Fetch a public name from its room on first use, so that reading records does not load what trains."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'dlcvlib' has no attribute {name!r}")
