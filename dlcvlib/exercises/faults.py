"""Random faults: small changes of a right answer's syntax tree, to see whether the cases reject them.

Operators, comparisons, numbers, names of arguments and truth values are exchanged and statements left out, one change
each. Some changes give an equal program; these survive rightly, and are listed.
"""

from __future__ import annotations

import ast
import copy
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from dlcvlib.exercises.answers import Written, defined
from dlcvlib.exercises.exercise import Answer

SECONDS = 5
"""Time of the processor that all cases of an answer may take; a fault may make a loop endless."""
OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip
METHODS = {"sum": "mean", "mean": "sum", "max": "min", "min": "max", "argmax": "argmin", "floor": "ceil"}


class Endless(BaseException):
    """An answer took longer than its time; no `except Exception` of its own holds it."""


@dataclass(frozen=True)
class Fault:
    """A right answer with one change."""

    written: Written
    change: str
    """Line and what was changed, in words."""
    source: str

    def function(self) -> Answer:
        """The changed function."""
        try:
            return defined(self.written.exercise, self.source, self.written.shared)
        except Exception as error:  # the change fails at once, and is rejected as such
            return _raising(error)


def faults_of(written: Written) -> Iterator[Fault]:
    """Yield each single change of an answer."""
    tree = ast.parse(written.source)
    for index, node in enumerate(ast.walk(tree)):
        for number, (change, _) in enumerate(_changes(node)):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[index]
            _, apply = list(_changes(target))[number]
            apply()
            line = getattr(node, "lineno", "?")
            yield Fault(written, f"line {line}: {change}", ast.unparse(ast.fix_missing_locations(changed)))


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[], Any]]]:
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in OPERATORS:
        new = OPERATORS[type(node.op)]
        yield f"{type(node.op).__name__} to {new.__name__}", lambda: setattr(node, "op", new())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        other = OPERATORS[type(node.ops[0])]
        yield f"{type(node.ops[0]).__name__} to {other.__name__}", lambda: setattr(node, "ops", [other()])
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} to {not node.value}", lambda: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        larger = node.value + 1
        yield f"{node.value} to {larger}", lambda: setattr(node, "value", larger)
    if isinstance(node, ast.Attribute) and node.attr in METHODS:
        method = METHODS[node.attr]
        yield f"{node.attr} to {method}", lambda: setattr(node, "attr", method)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "minus left out", lambda: setattr(node, "op", ast.UAdd())
    if isinstance(node, ast.Call) and len(node.args) > 1 and not any(isinstance(arg, ast.Starred) for arg in node.args):
        yield "first two arguments exchanged", lambda: node.args.__setitem__(slice(0, 2), node.args[1::-1])
    if isinstance(node, ast.Call) and node.keywords:
        yield f"argument {node.keywords[0].arg} left out", lambda: node.keywords.pop(0)
    body = getattr(node, "body", None)
    if isinstance(body, list) and len(body) > 1:
        for position, statement in enumerate(body):
            if isinstance(statement, ast.Assign | ast.AugAssign) or (
                isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Constant)
            ):
                yield f"left out: {ast.unparse(statement)[:50]}", partial(body.pop, position)


def _raising(error: Exception) -> Answer:
    def answer(*_: Any, **__: Any) -> Any:
        raise error

    return answer


@contextmanager
def time_limit(seconds: float = SECONDS) -> Iterator[None]:
    """Raise `Endless` in the block once it has used the processor for `seconds`, and every second from then on.

    Time of the processor, not of the clock: a busy machine makes no answer wrong. Windows has no such timer.
    """
    if not hasattr(signal, "SIGPROF"):
        yield
        return

    def stop(*_: Any) -> None:
        raise Endless(f"longer than {seconds} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
