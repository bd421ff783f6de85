"""Observation of a call: what a function gave, or the error that it raised, in a form that can be compared and stored.

Whatever a case returns (tensors, numbers, texts, tables, or dicts and tuples of these) becomes a list of leaves. A leaf
has a form ("numbers (2, 3)", "text", "nothing") and values. Values of a long leaf are *summarised* for the file of
fingerprints: eight sums with fixed weights, which two different arrays hardly ever share. Beside the result, an
observation tells two habits that a result alone does not show: arguments changed in place, and a signature that does
not take the arguments.
"""

from __future__ import annotations

import enum
import functools
import inspect
import math
import random
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

LONGEST = 12  # values that are stored as they are
SUMS = 8
CHANGEABLE = (Tensor, np.ndarray, pd.DataFrame, pd.Series, list, dict, set)
"""Arguments that an answer may change in place; networks are not looked into."""
RELATIVE, ABSOLUTE = 1e-4, 1e-6  # tolerance of float32 sums taken in another order, on another machine


@dataclass(frozen=True, eq=False)
class Leaf:
    """A part of a result: where it is, its form, and its values (float64, flat)."""

    where: str
    form: str
    values: np.ndarray

    def equals(self, other: Leaf) -> bool:
        """Equal in place and form, and in all values within the tolerance; nan equals nan."""
        return (self.where, self.form) == (other.where, other.form) and close(self.values, other.values)

    def summary(self) -> list[float | str]:
        """Values for a JSON file: all of a short leaf, `SUMS` weighted sums of a long one; nan and infinity as text."""
        values = self.values
        if values.size > LONGEST:
            weights = np.cos(np.outer(np.arange(1, SUMS + 1), np.arange(values.size) + 1.0) ** 1.1)
            with np.errstate(invalid="ignore"):
                values = weights @ values
        return [float(f"{value:.6g}") if math.isfinite(value) else str(value) for value in values.tolist()]


@dataclass(frozen=True, eq=False)
class Observation:
    """Leaves of a result, or the error in place of it."""

    leaves: tuple[Leaf, ...] = ()
    error: BaseException | None = None
    changed: str = ""
    """Name of an argument that the answer changed in place."""
    misfit: bool = False
    """The answer's signature does not take the arguments."""

    def equals(self, other: Observation) -> bool:
        """Equal in every leaf, in whatever order a dict holds them; errors are equal if they are of one class."""
        if self.error is not None or other.error is not None:
            return type(self.error).__name__ == type(other.error).__name__
        own, others = sorted(self.leaves, key=_place), sorted(other.leaves, key=_place)
        return len(own) == len(others) and all(map(Leaf.equals, own, others))

    def fingerprint(self) -> list[Any]:
        """Form and summary of each leaf, or the name of the error's class, for a JSON file."""
        if self.error is not None:
            return [f"raises {type(self.error).__name__}"]
        return [[leaf.where, leaf.form, leaf.summary()] for leaf in self.leaves]

    def to_data(self) -> dict[str, Any]:
        """All of it as JSON can hold it, for another process."""
        error = None
        if self.error is not None:
            error = [type(self.error).__name__, f"{self.error}{_line(self.error)}" if str(self.error) else ""]
        leaves = [[leaf.where, leaf.form, leaf.values.tolist()] for leaf in self.leaves]
        return {"leaves": leaves, "error": error, "changed": self.changed, "misfit": self.misfit}

    @classmethod
    def from_data(cls, data: Any) -> Observation:
        """Return the observation that another process sent.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        leaves = (Leaf(str(where), str(form), np.asarray(values, np.float64)) for where, form, values in data["leaves"])
        error = None
        if data["error"] is not None:
            name, message = map(str, data["error"])
            error = type(name, (Exception,), {})(message)
        return cls(tuple(leaves), error, str(data["changed"]), bool(data["misfit"]))

    def in_words(self) -> str:
        """One line: the values of a short result, the forms of a long one, or the error with its line."""
        if self.error is not None:
            return f"{type(self.error).__name__}: {self.error}{_line(self.error)}"
        return "; ".join(f"{leaf.where}{' ' if leaf.where else ''}{_shown(leaf)}" for leaf in self.leaves)


def observe(case: Callable[[Callable[..., Any]], Any], answer: Callable[..., Any]) -> Observation:
    """Run a case on an answer, from the same random state each time.

    The caller's random state, gradient mode and default dtype are left as they were.
    """
    states, dtype = (random.getstate(), np.random.get_state()), torch.get_default_dtype()
    watch = Watch()
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        try:
            return Observation(tuple(_leaves("", case(watch.watched(answer)))), None, watch.changed, watch.misfit)
        except (Exception, SystemExit) as error:  # whatever the reader's code raises is an answer
            return Observation((), error, watch.changed, watch.misfit)
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_default_dtype(dtype)


class Watch:
    """Notes what calls of an answer do beside giving a result."""

    def __init__(self) -> None:
        self.changed, self.misfit = "", False

    def watched(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that calls the answer and notes; a class is returned as it is."""
        if not inspect.isroutine(answer):
            return answer

        @functools.wraps(answer)
        def call(*arguments: Any, **named: Any) -> Any:
            given = self._by_name(answer, arguments, named)
            before = _leaves("", given)
            try:
                return answer(*arguments, **named)
            finally:
                after = _leaves("", given)
                same = len(before) == len(after) and all(map(Leaf.equals, before, after))
                if not same and not self.changed:
                    pairs = zip(before, after, strict=False)
                    self.changed = next((one.where for one, other in pairs if not one.equals(other)), "argument")

        return call

    def _by_name(self, answer: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        try:
            given = dict(inspect.signature(answer).bind(*arguments, **named).arguments)
        except (TypeError, ValueError) as error:  # ValueError: a function written in C tells no signature
            self.misfit = self.misfit or isinstance(error, TypeError)
            given = {str(index): argument for index, argument in enumerate(arguments)} | named
        return {name: argument for name, argument in given.items() if isinstance(argument, CHANGEABLE)}


def close(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal within the tolerance, relative to the largest value; nan and infinities in the same entries."""
    if one.shape != other.shape:
        return False
    scale = np.abs(other[np.isfinite(other)]).max(initial=0.0)
    return bool(np.allclose(one, other, rtol=RELATIVE, atol=ABSOLUTE + RELATIVE * 0.01 * scale, equal_nan=True))


def _leaves(where: str, result: Any) -> list[Leaf]:
    if isinstance(result, pd.DataFrame):
        result = {str(name): result[name] for name in result.columns} if result.columns.is_unique else result.to_numpy()
    if isinstance(result, Mapping):
        return [leaf for name, part in result.items() for leaf in _leaves(f"{where}.{name}".lstrip("."), part)]
    if isinstance(result, pd.Series) or (isinstance(result, np.ndarray) and result.dtype == object):
        result = np.asarray(result).tolist()
    if isinstance(result, set | frozenset):
        result = sorted(result, key=repr)
    if isinstance(result, list | tuple):
        if not all(_number(part) for part in result):
            return [leaf for index, part in enumerate(result) for leaf in _leaves(f"{where}[{index}]", part)]
        result = [part.detach().item() if isinstance(part, Tensor) else part for part in result]
    if result is None:
        return [Leaf(where, "nothing", np.empty(0))]
    if isinstance(result, PurePath | enum.Enum | torch.dtype | torch.device | type):
        result = str(result)
    if isinstance(result, str | bytes):
        content = result.encode(errors="surrogatepass") if isinstance(result, str) else result
        return [Leaf(where, f"text {content[:200]!r}", np.frombuffer(content, np.uint8).astype(float))]
    try:
        values = np.asarray(_dense(result) if isinstance(result, Tensor) else result)
        if np.iscomplexobj(values):
            return _leaves(where, {"real": values.real, "imag": values.imag})
        values = values.astype(np.float64)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return [Leaf(where, f"a {type(result).__name__}", np.empty(0))]
    return [Leaf(where, f"numbers {values.shape}", values.reshape(-1))]


def _dense(values: Tensor) -> Tensor:
    """Values that numpy can hold, whatever the tensor's gradient, device, layout or dtype."""
    values = values.detach().cpu()
    values = values.to_dense() if values.layout is not torch.strided else values
    return values.float() if values.dtype == torch.bfloat16 else values.resolve_conj().resolve_neg()


def _place(leaf: Leaf) -> str:
    return leaf.where


def _number(part: Any) -> bool:
    return isinstance(part, bool | int | float | np.number) or (isinstance(part, Tensor) and part.ndim == 0)


def _shown(leaf: Leaf) -> str:
    if not leaf.form.startswith("numbers"):
        return leaf.form
    numbers = ", ".join(f"{value:.4g}" for value in leaf.values[:6].tolist())
    if leaf.values.size == 1 and leaf.form == "numbers ()":
        return numbers
    return f"{leaf.form.replace('numbers', 'shape')}: {numbers}{', …' if leaf.values.size > 6 else ''}"


def _line(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" (line {frames[-1].lineno} of {frames[-1].name})" if len(frames) > 2 else ""
