"""Stub of a solution: assembled from the lines that may stay, so that what nobody thought of is left out.

Signatures (without decorators), docstrings and lines that end in `# given` may stay. A multi-line statement is given if
its last line says so.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

GIVEN = "# given"
HOLE = "raise NotImplementedError  # your answer"
OF_A_CLASS = "# your answer"
"""In place of statements in the body of a class: an error there would be raised by the definition."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True)
class Stub:
    """Parts of a solution that stay, and parts that do not."""

    source: str
    names: tuple[str, ...]
    """Functions and classes of the cell."""
    unwritten: tuple[str, ...]
    """Names of the functions in which something is left to write."""
    solution: tuple[str, ...]
    """Lines left out, with their indentation; blank ones are not among them."""


def stub(source: str) -> Stub:
    """Assemble the stub of a cell that holds imports, functions and classes; a stub's stub is the same.

    Raises:
        ValueError: the cell holds another statement, or what stays is not Python; the message names the line.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno} is not Python ({error.msg})") from error
    for statement in body:
        if not isinstance(statement, Definition | ast.Import | ast.ImportFrom):
            raise ValueError(f"line {statement.lineno} is no import, function or class")
    definitions = [statement for statement in body if isinstance(statement, Definition)]
    assembly = _Assembly(source, definitions)
    kept = "\n".join(assembly.lines).strip("\n")
    try:
        compile(kept, "<stub>", "exec")
    except SyntaxError as error:
        raise ValueError(
            f"the lines that end in `{GIVEN}` do not form a program ({error.msg}): give the line above them, too"
        ) from error
    names = tuple(statement.name for statement in definitions)
    return Stub(kept, names, tuple(name for name in names if name in assembly.unwritten), tuple(assembly.solution))


@dataclass(frozen=True)
class _Line:
    """Statement or header on its lines, or a comment of its own; counted from 1."""

    first: int
    last: int
    width: int
    """Column at which the code of its last row ends, and perhaps a comment begins."""
    given: bool
    comment: bool


def _lines(source: str) -> Iterator[_Line]:
    first, width, comment = 0, 0, ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        row = token.start[0]
        if token.type == tokenize.COMMENT:
            comment = token.string
            if not first:
                yield _Line(row, row, token.end[1], _is_given(comment), True)
        elif token.type == tokenize.NEWLINE:
            yield _Line(first, row, width, _is_given(comment), False)
            first, comment = 0, ""
        elif token.type == tokenize.NL:
            comment = ""
        elif token.type not in (tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
            first, width = first or row, token.end[1]


def _is_given(comment: str) -> bool:
    return comment.rstrip().endswith(GIVEN)


class _Assembly:
    """Lines of a stub, collected from the top of a cell to its end."""

    def __init__(self, source: str, definitions: list[Definition]) -> None:
        self.rows = source.split("\n")
        self.lines: list[str] = []
        self.solution: list[str] = []
        self.unwritten: set[str] = set()
        self.in_hole = False
        self.signatures: dict[int, Definition] = {}
        self.docstrings: dict[int, ast.stmt] = {}
        for definition in definitions:
            self._shown(definition)
            if isinstance(definition, ast.ClassDef):
                for method in definition.body:
                    if isinstance(method, Function):
                        self._shown(method)
        for line in _lines(source):
            self._add(line, definitions)

    def _shown(self, definition: Definition) -> None:
        self.signatures[definition.lineno] = definition
        if ast.get_docstring(definition) is not None:
            self.docstrings[definition.body[0].lineno] = definition.body[0]

    def _add(self, line: _Line, definitions: list[Definition]) -> None:
        if line.first in self.signatures:
            self._keep(self._signature(line, self.signatures[line.first]), apart=True)
        elif line.first in self.docstrings:
            self._keep(self._docstring(line, self.docstrings[line.first]))
        elif line.given or (line.comment and self.rows[line.first - 1].strip() == OF_A_CLASS):
            self._keep(self.rows[line.first - 1 : line.last], apart=self.rows[line.first - 1].lstrip().startswith("@"))
        else:
            self.solution += [row for row in self.rows[line.first - 1 : line.last] if row.strip() not in ("", HOLE)]
            self._leave_hole(line, definitions)

    def _keep(self, rows: list[str], *, apart: bool = False) -> None:
        """Add rows; blank lines come before a definition, unless a decorator or its class stands there."""
        above = self.lines[-1].strip() if self.lines else ""
        if apart and self.lines and not above.startswith(("@", "class ")):
            self.lines += [""] if rows[0][0].isspace() else ["", ""]
        self.lines += rows
        self.in_hole = False

    def _leave_hole(self, line: _Line, definitions: list[Definition]) -> None:
        outer = next((one for one in definitions if one.lineno < line.first <= (one.end_lineno or 0)), None)
        if line.comment or outer is None or self.in_hole:
            return
        functions = [one for one in self.signatures.values() if isinstance(one, Function)]
        within = any(one.lineno < line.first <= (one.end_lineno or 0) for one in functions)
        row = self.rows[line.first - 1]
        self.lines.append(row[: len(row) - len(row.lstrip())] + (HOLE if within else OF_A_CLASS))
        self.unwritten.add(outer.name)
        self.in_hole = True

    def _signature(self, line: _Line, definition: Definition) -> list[str]:
        if definition.body[0].lineno <= line.last:
            raise ValueError(f"line {line.first} holds a signature and more: write the body on lines of its own")
        rows = self.rows[line.first - 1 : line.last]
        return [*rows[:-1], rows[-1] if line.given else rows[-1][: line.width]]

    def _docstring(self, line: _Line, docstring: ast.stmt) -> list[str]:
        rows = self.rows[line.first - 1 : line.last]
        end = len(rows[-1].encode()[: docstring.end_col_offset].decode())
        if docstring.end_lineno != line.last or end != line.width:
            raise ValueError(f"line {line.last} holds a docstring and more: write the rest on lines of its own")
        return [*rows[:-1], rows[-1][:end]]
