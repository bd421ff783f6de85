"""Slice of a submission: the statements that one answer uses, and nothing else.

The answer is found by its name. To it come the imports, functions and constants that it refers to, and what these refer
to. So a notebook that trains for an hour, or fails in another cell, is graded all the same. A statement that binds no
name, such as a call, is never executed.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator

Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
COMPOUND = (ast.If, ast.Try, ast.With, ast.For)
BINDING = (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Import, ast.ImportFrom)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def statements(cells: Iterable[str]) -> tuple[list[ast.stmt], list[str]]:
    """Statements of all cells, and the syntax errors of those that have one."""
    found: list[ast.stmt] = []
    errors = []
    for number, source in enumerate(cells, 1):
        try:
            found += ast.parse(source).body
        except SyntaxError as error:
            errors.append(f"syntax error in line {error.lineno} of cell {number}: {error.msg}")
        except (ValueError, RecursionError, MemoryError) as error:
            errors.append(f"cell {number} cannot be read: {str(error) or type(error).__name__}")
    return found, errors


def definition(found: list[ast.stmt], name: str) -> Definition | None:
    """Last statement that defines `name` as a function, a class or a value; an import is no answer."""
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    own = [each for each in found if isinstance(each, kinds) and name in bound(each) and not _is_check(each)]
    return own[-1] if own else None


def sliced(found: list[ast.stmt], name: str) -> ast.Module:
    """Module of the statements that `name` needs, in their order."""
    usable = [each for each in found if isinstance(each, (*BINDING, *COMPOUND)) and not _is_check(each)]
    binds = [bound(each) for each in usable]
    loads = [loaded(each) for each in usable]
    needed, taken = {name, "*"}, set[int]()
    while more := [i for i, names in enumerate(binds) if names & needed and i not in taken]:
        taken.update(more)
        needed.update(*(loads[i] for i in more))
    body: list[ast.stmt] = [each for i, each in enumerate(usable) if i in taken]
    body.sort(key=lambda each: not (isinstance(each, ast.ImportFrom) and each.module == "__future__"))
    return ast.Module(body, type_ignores=[])


def bound(statement: ast.stmt) -> set[str]:
    """Names that a statement binds or changes at the top level; "*" for those that may be any."""
    names: set[str] = set()
    for node in _own_scope(statement):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            names.update("*" if future else (alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            base: ast.AST = node
            while isinstance(base, ast.Attribute | ast.Subscript):
                base = base.value
            names.update({base.id} if isinstance(base, ast.Name) else ())
    return names


def loaded(statement: ast.stmt) -> set[str]:
    """Global names that a statement refers to, within its functions too."""
    try:
        return _referenced(symtable.symtable(ast.unparse(statement), "answer", "exec"))
    except (SyntaxError, ValueError, RecursionError):
        return set()


def uses_library(module: ast.Module) -> bool:
    """Return True if a slice imports from `dlcvlib`."""
    imports = [node for node in ast.walk(module) if isinstance(node, ast.Import | ast.ImportFrom)]
    named = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports]
    return any(name.partition(".")[0] == "dlcvlib" for name in named)


def _referenced(table: symtable.SymbolTable) -> set[str]:
    top = table.get_type() == "module"
    names = {each.get_name() for each in table.get_symbols() if each.is_referenced() and (top or each.is_global())}
    return names.union(*map(_referenced, table.get_children()))


def _own_scope(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not isinstance(node, SCOPES):
        for child in ast.iter_child_nodes(node):
            yield from _own_scope(child)


def _is_check(statement: ast.stmt) -> bool:
    """The chapter's own line, `mean_iou = exercises.check(mean_iou)`."""
    value = statement.value if isinstance(statement, ast.Assign) else None
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "check"
