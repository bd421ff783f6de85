"""ES modules of this folder joined into one script: neither anywidget nor a page offline can import files."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./([\w.]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


def bundle(entry: str, folder: Path = HERE) -> str:
    """Return a JavaScript expression whose value holds the exports of `entry`.

    Each module becomes a function that is called once, so its top-level names stay its own. Two forms are understood:
    `import { a, b } from "./file.js";`, and `export` before a function, a class or a const.

    Args:
        entry: file name of the module.
        folder: of the modules.
    """
    modules: dict[str, str] = {}
    _add(entry, folder, modules)
    return f'(() => {{\nconst modules = {{}};\n{"".join(modules.values())}return modules["{entry}"];\n}})()'


def _add(name: str, folder: Path, modules: dict[str, str]) -> None:
    """Add a module to `modules`, after those that it imports."""
    if name in modules:
        return
    text = (folder / name).read_text(encoding="utf-8")
    for _, imported in IMPORT.findall(text):
        _add(imported, folder, modules)
    exports = ", ".join(name for _, name in EXPORT.findall(text))
    body = EXPORT.sub(r"\1", IMPORT.sub(r'const \1 = modules["\2"];', text))
    modules[name] = f'modules["{name}"] = (() => {{\n{body}return {{ {exports} }};\n}})();\n'
