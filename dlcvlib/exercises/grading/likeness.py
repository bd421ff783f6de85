"""Likeness of an answer to the library: the same syntax tree, whatever its variables are called."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).resolve().parents[2]
SHORTEST = 40
"""Nodes of a function from which an equal tree is no accident."""
LEFT_OUT = ("annotation", "returns", "decorator_list", "type_comment", "ctx", "name", "kind", "type_params")


def shape(definition: ast.AST) -> str:
    """Text that functions of one syntax tree share; empty for what is too short, or is neither function nor class."""
    if not isinstance(definition, ast.FunctionDef | ast.ClassDef):
        return ""
    if sum(1 for _ in ast.walk(definition)) < SHORTEST:
        return ""
    names = (node for node in ast.walk(definition) if isinstance(node, ast.Name))
    stored = (node.id for node in names if isinstance(node.ctx, ast.Store))
    given = (node.arg for node in ast.walk(definition) if isinstance(node, ast.arg))
    own = {name: f"v{index}" for index, name in enumerate(dict.fromkeys([*given, *stored]))}
    return _text(definition, own)


@cache
def of_library() -> dict[str, str]:
    """Place in the library of each shape: "metrics/segmentation.py: course_iou"."""
    found: dict[str, str] = {}
    for file in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and (own := shape(node)):
                found.setdefault(own, f"{file.relative_to(LIBRARY)}: {node.name}")
    return found


def _text(part: Any, own: dict[str, str]) -> str:
    if isinstance(part, list):
        return f"[{','.join(_text(each, own) for each in part)}]"
    if not isinstance(part, ast.AST):
        return own.get(part, part) if isinstance(part, str) else repr(part)
    if isinstance(part, ast.AnnAssign) and part.value is not None:
        part = ast.Assign([part.target], part.value)
    fields = {name: value for name, value in ast.iter_fields(part) if name not in LEFT_OUT}
    if isinstance(part, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(part, clean=False) is not None:
        fields["body"] = part.body[1:]
    inside = ",".join(f"{name}={_text(value, own)}" for name, value in fields.items() if value is not None)
    return f"{type(part).__name__}({inside})"
