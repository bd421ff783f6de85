"""Dependencies of a chapter or a training on the library's files, from the imports; no file is imported.

A file depends on another if it uses a name that comes from there: `from dlcvlib import views` and `views.curves(run)`
lead to `dlcvlib/views/curves.py` and to what that file uses, but not to the other views. Imports inside functions
count; those for type checkers alone do not. Comments and docstrings are no part of the code.

Tables of the library lead from a name to code: networks, self-supervised methods, tasks. A training depends only on the
entries that its settings name.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from book.commands import ROOT

LIBRARY = "dlcvlib"
IMPORT = (ast.Import, ast.ImportFrom)
TABLES = {
    "dlcvlib.models.registry": "FAMILIES",
    "dlcvlib.ssl": "METHODS",
    "dlcvlib.training.tasks": "TASKS",
}
"""Modules with a table, and its name: a dict whose keys are texts or classes."""
LOAD_OR_TRAIN = "dlcvlib.training.load_or_train"
"""Root of what a training depends on. A chapter depends on its records instead: see `book.inputs`."""
SETTINGS = (
    "dlcvlib.recipes",
    "dlcvlib.recipes.classification",
    "dlcvlib.recipes.finetuning",
    "dlcvlib.recipes.pretraining",
    "dlcvlib.recipes.segmentation",
)
"""Modules that hold settings only. A training depends on its own recipe instead."""


@dataclass(frozen=True)
class Import:
    """A name that an import statement binds: to `module`, or to its attribute `attribute`."""

    name: str
    module: str
    attribute: str | None
    for_types: bool
    """True below `if TYPE_CHECKING`."""


class Library:
    """The parsed files of a checkout's library."""

    def __init__(self, root: Path = ROOT) -> None:
        self.files = {_name(file.relative_to(root)): file for file in sorted((root / LIBRARY).rglob("*.py"))}
        self._parsed: dict[tuple[str, frozenset[str] | None], Code] = {}
        self._texts: dict[tuple[str, frozenset[str] | None], str] = {}

    def of_chapter(self, text: str) -> set[str]:
        """Return the modules that a chapter depends on, given its percent script."""
        return self._closure(self._uses(Code.of(_parsed(text))), without=(LOAD_OR_TRAIN,))

    def shown_by_chapter(self, text: str) -> set[str]:
        """Return the modules whose code a chapter shows by `views.source`, comments and docstrings too."""
        nodes = list(ast.walk(_parsed(text)))
        calls = [node for node in nodes if isinstance(node, ast.Call) and _is_source(node.func)]
        imports = [node for node in nodes if isinstance(node, IMPORT)]
        arguments = [ast.Expr(argument) for call in calls for argument in call.args]
        return self._uses(Code.of(ast.Module([*imports, *arguments], type_ignores=[])))

    def of_training(self, names: Collection[str]) -> set[str]:
        """Return the modules that a training depends on, given all names in its settings, for the tables."""
        return self._closure({LOAD_OR_TRAIN}, frozenset(names), without=SETTINGS)

    def digest(self, modules: Collection[str], names: Collection[str] | None = None) -> str:
        """Return a digest of the code of modules, of the tables only the entries of `names` (None: all)."""
        named = None if names is None else frozenset(names)
        content = "\n".join(f"# {module}\n{self._text(module, named)}" for module in sorted(modules))
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    def _closure(
        self, found: set[str], names: frozenset[str] | None = None, *, without: Collection[str] = ()
    ) -> set[str]:
        reached = found.difference(without)
        ahead = sorted(reached)
        while ahead:
            new = self._uses(self._code(ahead.pop(), names)).difference(reached, without)
            ahead += sorted(new)
            reached |= new
        return reached

    def _code(self, module: str, names: frozenset[str] | None = None) -> Code:
        """Return a module's code, its table reduced to the entries of `names`."""
        key = module, names if module in TABLES else None
        if key not in self._parsed:
            tree = ast.parse(self.files[module].read_bytes())
            if key[1] is not None:
                _reduce_table(tree, TABLES[module], key[1])
            self._parsed[key] = Code.of(tree)
        return self._parsed[key]

    def _text(self, module: str, names: frozenset[str] | None) -> str:
        key = module, names if module in TABLES else None
        if key not in self._texts:
            self._texts[key] = self._code(module, names).text()
        return self._texts[key]

    def _uses(self, code: Code) -> set[str]:
        """Return the modules that the names used in a file come from."""
        used: set[str] = set()
        for each in code.imports:
            if each.for_types or each.module.partition(".")[0] != LIBRARY:
                continue
            attributes = code.names.get(each.name, set())
            target = each.module if each.attribute is None else f"{each.module}.{each.attribute}"
            if each.name == "*":
                used |= self._whole(each.module)
            elif target not in self.files:
                used |= self._home(each.module, str(each.attribute)) if attributes else set()
            elif None in attributes:
                used |= self._whole(target)
            else:
                used |= {home for name in attributes for home in self._home(target, str(name))}
        return used & self.files.keys()

    def _home(self, module: str, name: str) -> set[str]:
        """Return the modules that hold what `module.name` is: the module itself, or where its package has it from."""
        if f"{module}.{name}" in self.files:
            return self._whole(f"{module}.{name}")
        for each in self._handed_on(module):
            if each.name == name:
                return {each.module} if each.attribute is None else self._home(each.module, each.attribute)
        return {module}

    def _whole(self, module: str) -> set[str]:
        """Return a module; of a package, all that it hands on too."""
        handed_on = (self._home(each.module, each.attribute) for each in self._handed_on(module) if each.attribute)
        return {module}.union(*handed_on)

    def _handed_on(self, module: str) -> list[Import]:
        """Return what a package imports from the library; nothing of a module."""
        if module not in self.files or self.files[module].name != "__init__.py":
            return []
        return [each for each in self._code(module).imports if each.module.partition(".")[0] == LIBRARY]


@dataclass(frozen=True)
class Code:
    """The code of a file."""

    tree: ast.Module
    imports: tuple[Import, ...]
    names: Mapping[str, set[str | None]]
    """The names that it uses, each with the attributes that are taken from it; None where it stands alone."""

    @classmethod
    def of(cls, tree: ast.Module) -> Code:
        """Find the imports and names of a parsed file."""
        nodes = list(ast.walk(tree))
        names: dict[str, set[str | None]] = {}
        inner = set()
        for node in nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                names.setdefault(node.value.id, set()).add(node.attr)
                inner.add(node.value)
        for node in nodes:
            if isinstance(node, ast.Name) and node not in inner:
                names.setdefault(node.id, set()).add(None)
        return cls(tree, tuple(_imports(nodes)), names)

    def text(self) -> str:
        """Return the code without comments and docstrings, its imports reduced to the names that it uses."""
        used = (each for each in self.imports if each.name in self.names and not each.for_types)
        imports = sorted({f"{each.name} = {each.module}.{each.attribute}" for each in used})
        tree = _Undocumented().visit(self.tree)
        return "\n".join([*imports, *(ast.unparse(node) for node in tree.body if not isinstance(node, IMPORT))])


def _parsed(chapter: str) -> ast.Module:
    """Parse a percent script without its magic commands."""
    return ast.parse("\n".join(line for line in chapter.splitlines() if not line.lstrip().startswith(("%", "!"))))


def _is_source(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and ast.unparse(function) == "views.source"


def _name(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(nodes: Sequence[ast.AST]) -> Iterator[Import]:
    """Yield the names that the import statements of a file bind, also those inside functions."""
    for_types = {
        statement
        for node in nodes
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
    }
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"line {node.lineno}: {ast.unparse(node)}: name the whole path of the module")
            for alias in node.names:
                yield Import(alias.asname or alias.name, str(node.module), alias.name, node in for_types)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                if alias.asname or first == alias.name:
                    yield Import(alias.asname or first, alias.name, None, node in for_types)
                else:  # `import a.b` binds a
                    yield Import(first, first, None, node in for_types)
                    yield Import("*", alias.name, None, node in for_types)


class _Undocumented(ast.NodeTransformer):
    """Removes statements that are only a text: docstrings."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.body:
            node.body = [ast.Pass()]
        return node


def _reduce_table(tree: ast.Module, table: str, names: frozenset[str]) -> None:
    """Keep of a dict the entries whose keys are among `names`, or among the texts of entries that are kept."""
    for node in tree.body:
        target = (
            node.target
            if isinstance(node, ast.AnnAssign)
            else node.targets[0]
            if isinstance(node, ast.Assign)
            else None
        )
        if not isinstance(target, ast.Name) or target.id != table:
            continue
        if not isinstance(entries := node.value, ast.Dict):  # type: ignore[union-attr]
            raise ValueError(f"{table} is no dict that can be read without running it")
        kept, ahead = set[str](), set(names)
        values = {_key(key): value for key, value in zip(entries.keys, entries.values, strict=True)}
        while new := ahead & values.keys() - kept:
            kept |= new
            ahead = {
                str(each.value) for name in new for each in ast.walk(values[name]) if isinstance(each, ast.Constant)
            }
        pairs = [(key, value) for key, value in zip(entries.keys, entries.values, strict=True) if _key(key) in kept]
        entries.keys, entries.values = [key for key, _ in pairs], [value for _, value in pairs]


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return node.id if isinstance(node, ast.Name) else ""
