"""Code of the library as a chapter shows it: what runs, with its file and line."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Collection, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import PythonLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

import dlcvlib
from dlcvlib.counting import counted
from dlcvlib.views.display import Picture

LIBRARY = Path(dlcvlib.__file__).parent
ROOT = LIBRARY.parent
DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
OMITTED = "    ..."
LEVELS = 5
"""Highest level of indentation that source.css knows."""
WHAT_TO_PASS = "pass a function, class or method of dlcvlib itself, as in views.source(byol_loss)"


def source(
    shown: Any,
    *,
    only: Collection[str] | None = None,
    shapes: Mapping[str, str] | None = None,
    docstring: Literal["first line", "whole", "none"] = "first line",
) -> Picture:
    """Show the code of a function, class or method of this library.

    In the book the path leads to the page of the file (book/extensions/source_links.py).

    Args:
        shown: function, class, method or property of dlcvlib.
        only: names of the methods of a class to show, others replaced by "..."; None for all of it.
        shapes: shape of each tensor by its name in the code, listed below it, such as {"z1": "(N, 256)"}.
        docstring: what to keep of the docstrings.

    Raises:
        TypeError: `shown` is no function, class or method, or not one of dlcvlib.
        ValueError: a name in `only` or `shapes` does not occur in the code, or `only` with something else than a class.
    """
    found = _unwrapped(shown)
    lines, first = inspect.getsourcelines(found)
    code = dedent("".join(lines)).rstrip()
    if only is not None:
        code = _with_methods(code, found.__qualname__, only)
    if docstring != "whole":
        code = _with_docstrings(code, docstring)
    _check_names(shapes or {}, _variables(code), f"the code of {found.__qualname__} has no variable")
    file = Path(inspect.getfile(found)).relative_to(ROOT).as_posix()
    caption = f"{file}, line {first}: {found.__qualname__}"
    name = f'data-module="{found.__module__}" data-name="{found.__qualname__}"'
    body = f'<div class="dlcv-source" {name}>\n{_html(code, caption, PythonLexer())}{_shape_list(shapes or {})}</div>'
    return Picture(body, caption, alt=f"Code of {found.__qualname__}.", live={"text/plain": f"{code}\n\n{caption}"})


def source_file(path: str) -> Picture:
    """Show a whole file of this library that is not Python, in the colours of its language.

    Args:
        path: below dlcvlib, such as "live/kernel.c".

    Raises:
        FileNotFoundError: the library has no such file.
        ValueError: the path leads out of the library, or no language is known for the file's ending.
    """
    file = (LIBRARY / path).resolve()
    if not file.is_relative_to(LIBRARY):
        raise ValueError(f"{path!r} is no file below dlcvlib; pass a path such as 'live/kernel.c'")
    if not file.is_file():
        raise FileNotFoundError(f"dlcvlib has no file {path!r}; pass a path below dlcvlib such as 'live/kernel.c'")
    try:
        lexer = get_lexer_for_filename(file.name)
    except ClassNotFound as error:
        raise ValueError(f"no language is known for {path!r}; pass a file of code such as 'live/kernel.c'") from error
    code = file.read_text(encoding="utf-8").rstrip()
    caption = f"{file.relative_to(ROOT).as_posix()}, {counted(len(code.splitlines()), 'line')}"
    body = f'<div class="dlcv-source">\n{_html(code, caption, lexer)}</div>'
    return Picture(body, caption, alt=f"Code of {file.name}.", live={"text/plain": f"{code}\n\n{caption}"})


def _unwrapped(shown: Any) -> Any:
    """Return the function or class itself: without decorators, of a bound method or a property."""
    found = inspect.unwrap(getattr(shown, "fget", None) or getattr(shown, "__func__", shown))
    if not (inspect.isfunction(found) or inspect.isclass(found)):
        raise TypeError(f"source() cannot show {_described(shown)}; {WHAT_TO_PASS}")
    if found.__module__.partition(".")[0] != dlcvlib.__name__:
        raise TypeError(f"{found.__qualname__} is defined in {found.__module__}, not in dlcvlib; {WHAT_TO_PASS}")
    return found


def _described(shown: Any) -> str:
    text = repr(shown)
    return f"{type(shown).__name__} {text if len(text) <= 60 else text[:60] + '…'}"


def _with_methods(code: str, name: str, only: Collection[str]) -> str:
    """Return the code of a class with "..." in the place of the methods that are not asked for."""
    whole = ast.parse(code).body[0]
    if not isinstance(whole, ast.ClassDef):
        raise ValueError(f"only={sorted(only)} names methods of a class, but {name} is a function")
    methods = [node for node in whole.body if isinstance(node, DOCUMENTED)]
    _check_names(only, {node.name for node in methods}, f"{name} has no method")
    lines = code.split("\n")
    for node in reversed(methods):
        if node.name not in only:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            lines[first - 1 : node.end_lineno] = [OMITTED]
    return re.sub(rf"({re.escape(OMITTED)}\n+)+(?={re.escape(OMITTED)})", "", "\n".join(lines))


def _with_docstrings(code: str, how: str) -> str:
    """Return code with the first line of each docstring, or with none."""
    lines = code.split("\n")
    documented = [
        node for node in ast.walk(ast.parse(code)) if isinstance(node, DOCUMENTED) and ast.get_docstring(node)
    ]
    for node in sorted(documented, key=lambda node: node.lineno, reverse=True):
        text = node.body[0]
        first, last = text.lineno, text.end_lineno or text.lineno
        if how == "first line" and first != last:
            lines[first - 1 : last] = [lines[first - 1] + '"""']
        elif how == "none" and len(node.body) > 1:
            del lines[first - 1 : last + (lines[last] == "")]
    return "\n".join(lines)


def _variables(code: str) -> set[str]:
    """Return the names of the parameters and of what is assigned."""
    nodes = list(ast.walk(ast.parse(code)))
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.arg for node in nodes if isinstance(node, ast.arg)}


def _check_names(asked: Collection[str], there: Collection[str], what: str) -> None:
    if unknown := sorted(set(asked) - set(there)):
        raise ValueError(f"{what} {', '.join(unknown)}; it has {', '.join(sorted(there))}")


def _html(code: str, caption: str, lexer: Lexer) -> str:
    """Code with the classes that the book's theme and source.css colour; what is too long goes on below, indented."""
    coloured = highlight(code, lexer, HtmlFormatter(nowrap=True)).rstrip()
    lines = "\n</span>".join(map(_line, coloured.split("\n"))) + "</span>"
    label = escape(f"Code, {caption}")
    return (
        f"<style>{_style()}</style>\n"
        f'<div class="highlight"><pre role="region" aria-label="{label}">{lines}</pre></div>\n'
    )


def _line(coloured: str) -> str:
    """One line of code, in a `<span>` that is still open, with the class of its level of indentation."""
    plain = re.sub("<[^>]*>", "", coloured)
    level = min((len(plain) - len(plain.lstrip())) // 4, LEVELS)
    return f'<span class="in{level}">{coloured}'


@cache
def _style() -> str:
    return (files("dlcvlib.views") / "source.css").read_text(encoding="utf-8").strip()


def _shape_list(shapes: Mapping[str, str]) -> str:
    rows = "".join(f"<li><code>{escape(name)}</code> {escape(shape)}</li>" for name, shape in shapes.items())
    return f"<ul>{rows}</ul>\n" if rows else ""
