"""Directive `package-api`: the public names of a package with their docstrings, and the files that it consists of.

    .. package-api:: ssl
       :modules:

Public are the names in `__all__` of the package and of its subpackages; `:modules:` adds all that its files define.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from records import table
from sphinx.util.docutils import SphinxDirective

import dlcvlib

LIBRARY = Path(dlcvlib.__file__).parent


def summary(file: Path) -> str:
    """Return the first line of a module's docstring. The module is read, not imported."""
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def modules(package: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and file of every module below `package`, which comes first."""
    for file in sorted(package.rglob("*.py"), key=lambda file: (file.parent, file.name != "__init__.py", file.name)):
        parts = file.relative_to(LIBRARY.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if file.name == "__init__.py" else parts), file


class PackageApi(SphinxDirective):
    """`package-api`."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"modules": directives.flag}

    def run(self) -> list[nodes.Node]:
        found = list(modules(LIBRARY / self.arguments[0]))
        for _, file in found:
            self.env.note_dependency(str(file))
        text, shown = "", set[str]()
        for name, file in found:
            public = getattr(import_module(name), "__all__", [])
            if public or ("modules" in self.options and file.name != "__init__.py"):
                text += f".. automodule:: {name}\n   :members:\n   :exclude-members: {', '.join(shown)}\n\n"
                shown |= set(public)
        rows = [
            {"file": str(file.relative_to(LIBRARY.parent)), "holds": summary(file).replace("`", "")}
            for _, file in found
        ]
        return [*self.parse_text_to_nodes(text), nodes.rubric(text="Files"), table(rows)]


LITERAL = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)


def as_rst(text: str) -> str:
    """Make a docstring's `code` literal, and its other signs mean themselves."""
    parts = LITERAL.split(text)
    parts[::2] = [re.sub(r"([\\*|])|(?<=\w)(_)(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
    parts[1::2] = [f"``{part.strip('`')}``" for part in parts[1::2]]
    return "".join(parts)


SECTIONS = ("", "Args:", "Attributes:", "Example:", "Examples:", "Note:", "Raises:", "Returns:", "Yields:")
"""Lines that napoleon reads itself."""


def with_lists(lines: Sequence[str]) -> list[str]:
    """Make a list of the indented lines below a line such as "Attributes, besides the inherited ones:"."""
    found, indent = list[str](), 0
    for line, before in zip(lines, ["", *lines], strict=False):
        depth = len(line) - len(line.lstrip())
        if not indent and depth and before[-1:] == ":" and before[0] != " " and before not in SECTIONS:
            indent = depth
            found.append("")
        if indent and line and depth < indent:
            indent = 0
            found.append("")
        item = line[indent:]
        if indent and item:
            item = f"- {item}" if item[0] not in " -" else item if item[0] == "-" else f"  {item.lstrip()}"
        found.append(item)
    return found


def read_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rst("\n".join(with_lists(lines))).split("\n")


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("package-api", PackageApi)
    app.connect("autodoc-process-docstring", read_docstring, priority=100)  # before napoleon reads the sections
    return {"parallel_read_safe": True, "parallel_write_safe": True}
