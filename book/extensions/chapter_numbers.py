"""Chapters have the number of their file, from 0; Sphinx counts the entries of a numbered table of contents from 1.

Sphinx assigns numbers at "env-get-updated", and writes again each page whose numbers differ from those of the last
build. So the last build's numbers are made Sphinx's own before, and the chapters' own after.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.environment import BuildEnvironment

FIRST = 1  # Sphinx's


def to_sphinx(app: Any, env: BuildEnvironment) -> list[str]:
    """Number the last build's chapters from 1."""
    _shift(env, FIRST)
    return []


def to_files(app: Any, env: BuildEnvironment) -> list[str]:
    """Number the chapters from 0, wherever their number is shown."""
    _shift(env, -FIRST)
    for docname in env.toc_secnumbers:
        for node in (env.titles[docname], *env.tocs[docname].findall(nodes.reference)):
            if node.get("secnumber"):
                node["secnumber"] = _shifted(node["secnumber"], -FIRST)
    return []


def _shift(env: BuildEnvironment, by: int) -> None:
    env.toc_secnumbers = {
        docname: {anchor: tuple(_shifted(number, by)) for anchor, number in numbers.items()}
        for docname, numbers in env.toc_secnumbers.items()
    }


def _shifted(number: Any, by: int) -> list[int]:
    """Add to a number's first part: 3.2 becomes 2.2."""
    return [number[0] + by, *number[1:]] if number else []


def setup(app: Any) -> dict[str, bool]:
    app.connect("env-get-updated", to_sphinx, priority=100)  # Sphinx's own has 500
    app.connect("env-get-updated", to_files, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
