"""ES modules joined into one script: neither anywidget nor a page offline can import files."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
IMPORT = re.compile(r'^import (\{[^}]*\}) from "(\.{1,2}/[\w./]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


def bundle(entry: str, folder: Path = HERE) -> str:
    """Return a JavaScript expression whose value holds the exports of `entry`.

    Each module becomes a function that is called once, so its top-level names stay its own. Two forms are understood:
    `import { a, b } from "./file.js";`, also from another folder (`"../../live/network.js"`), and `export` before a
    function, a class or a const.

    Args:
        entry: file name of the module.
        folder: of the module.

    Raises:
        ValueError: two of the files have the same name.
    """
    modules: dict[Path, str] = {}
    _add((folder / entry).resolve(), modules)
    names = [file.name for file in modules]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{entry} imports two files named {', '.join(sorted(twice))}: rename one of them")
    return f'(() => {{\nconst modules = {{}};\n{"".join(modules.values())}return modules["{entry}"];\n}})()'


def slim(text: str) -> str:
    """Return JavaScript or CSS without indentation and without lines that are comments, for pages that must be small.

    No string of the text may span lines.
    """
    text = re.sub(r"^/\*.*?\*/\n", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^[ \t]*(//.*)?\n|^[ \t]+", "", text, flags=re.MULTILINE)


def _add(file: Path, modules: dict[Path, str]) -> None:
    """Add a module to `modules`, after those that it imports."""
    if file in modules:
        return
    text = file.read_text(encoding="utf-8")
    for _, imported in IMPORT.findall(text):
        _add((file.parent / imported).resolve(), modules)
    exports = ", ".join(name for _, name in EXPORT.findall(text))
    body = EXPORT.sub(r"\1", IMPORT.sub(lambda found: f'const {found[1]} = modules["{Path(found[2]).name}"];', text))
    modules[file] = f'modules["{file.name}"] = (() => {{\n{body}return {{ {exports} }};\n}})();\n'
