"""The library of an executable course book in computer vision."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlcvlib.chapter import Chapter, open_chapter
    from dlcvlib.training import train

__all__ = ["Chapter", "open_chapter", "train"]

_MODULES = {"train": "dlcvlib.training", "open_chapter": "dlcvlib.chapter", "Chapter": "dlcvlib.chapter"}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that reading records does not load the training code."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'dlcvlib' has no attribute {name!r}")
