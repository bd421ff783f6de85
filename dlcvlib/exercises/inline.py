"""Styles and scripts that travel with an output: JupyterLab has no stylesheet of ours, and a page asks for no file."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

COMMENT = {".css": re.compile(r"/\*.*?\*/", re.DOTALL), ".js": re.compile(r"^ *//.*$", re.MULTILINE)}


def style(name: str) -> str:
    """`<style>` of a file beside this one ("question.css")."""
    return f"<style>{_text(name)}</style>"


def script(name: str) -> str:
    """`<script>` of a file beside this one ("question.js")."""
    return f"<script>{_text(name)}</script>"


@cache
def _text(name: str) -> str:
    """Text of a file without its comments and indentation; in a script these stand in lines of their own."""
    file = files("dlcvlib.exercises") / name
    text = COMMENT[name[name.rindex(".") :]].sub("", file.read_text(encoding="utf-8"))
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())
