"""Search of an archive for lines of solutions: in names and contents of all members, however they are wrapped.

Text is compared without white space. Searched for are
- each line of a solution of at least `TELLING` characters that does not stand in the library, nor in a stub as a given
  line, signature or docstring: what is handed out openly tells nothing (`dlcvlib/exercises/` is not such a part);
- each run of `RUN` lines of a solution that are not given (of a shorter one, all), even if the library has them: they
  may stand in a row in the library only.
Other right and wrong answers are searched for by runs of `RUN` lines only, and so are shorter lines (`return loss`).
"""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

TELLING = 16
"""Fewest characters, without white space, of a line that is searched for alone."""
RUN = 3
COMMONPLACE = frozenset({"optimizer.zero_grad()", "loss.backward()", "optimizer.step()"})
"""Lines of every training loop: they count as given."""
PICTURES = (".png", ".woff2")
"""Members that need not be text; their bytes are searched."""
DEPTH = 4
"""Deepest nesting of archives and encodings that is followed; what lies deeper is an error."""
ENCODED = re.compile(r"[A-Za-z0-9+/\s]{16,}={0,2}")
DATA = re.compile(r"base64,([A-Za-z0-9+/]{16,}={0,2})")
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))")
UNESCAPED = {"n": " ", "t": " ", "r": " "}
TAG = re.compile(r"<[^<>]*>")


class LeakError(ValueError):
    """An archive holds a line of a solution; the message names both."""


@dataclass(frozen=True)
class Wanted:
    """Text that must not be in an archive, without white space."""

    lines: frozenset[str]
    runs: frozenset[str]
    """Searched for outside the library only."""


def wanted(
    solutions: Iterable[Sequence[str]],
    given: Iterable[str],
    library: Iterable[str],
    answers: Iterable[Sequence[str]] = (),
) -> Wanted:
    """Return what to search for.

    Args:
        solutions: the lines of each, in their order.
        given: sources that the readers are handed: stubs.
        library: sources of the library.
        answers: further right and wrong answers, of which only runs are searched for.
    """
    open_lines = COMMONPLACE | {bare(line) for source in given for line in source.splitlines()}
    in_library = "\n".join(map(bare, library))
    solutions = list(solutions)
    lines = {line for solution in solutions for line in map(bare, solution) if len(line) >= TELLING}
    runs = {run for solution in solutions for run in _runs(solution, open_lines, whole=True)}
    runs |= {run for answer in answers for run in _runs(answer, open_lines, whole=False)}
    lines = {line for line in lines - open_lines if line not in in_library}
    return Wanted(frozenset(lines), frozenset(runs))


def _runs(solution: Sequence[str], open_lines: frozenset[str] | set[str], *, whole: bool) -> Iterator[str]:
    """Yield the runs of lines that are not open; with `whole`, all of a solution that is shorter."""
    own = [line for line in map(bare, solution) if line and line not in open_lines]
    starts = range(max(int(whole), len(own) - RUN + 1))
    windows = ("".join(own[start : start + RUN]) for start in starts)
    yield from (window for window in windows if len(window) >= 2 * TELLING)


def of_library(name: str) -> bool:
    """Return True if a file of the checkout is part of the key: the library without its exercises, and its scripts."""
    return name.startswith(("dlcvlib/", "book/")) and not name.startswith("dlcvlib/exercises/")


def bare(text: str) -> str:
    """Return text without white space."""
    return "".join(text.split())


def search(archive: bytes, what: Wanted) -> list[str]:
    """Search a zip archive with one top folder; return a sentence for each member and line found."""
    found = []
    for name, content in _members(archive):
        pieces = what.lines if of_library(name.partition("/")[2]) else what.lines | what.runs
        for text in _texts(name, content):
            if text is None:
                found.append(f"{name}: neither text nor a picture, so it cannot be searched")
            else:
                found += [f"{name}: {piece}" for piece in pieces if piece in text]
    return sorted(set(found))


def refuse(archive: bytes, what: Wanted) -> None:
    """Raise an error if an archive holds a line of a solution.

    Raises:
        LeakError: the message names the member and the line.
    """
    if found := search(archive, what):
        more = f"\n  … and {len(found) - 5} more" if len(found) > 5 else ""
        listed = "".join(f"\n  {line}" for line in found[:5])
        raise LeakError(
            f"lines of solutions stand in the archive, so it was not written:{listed}{more}\nA line that readers may "
            "have ends in `# given` in the solution; any other has to leave the file"
        )


def _members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        yield "comment of the archive", members.comment
        for member in members.infolist():
            yield member.filename, b"\n".join([member.comment, members.read(member)])


def _texts(name: str, content: bytes) -> Iterator[str | None]:
    """Yield all that can be read of a member, without white space; None for what cannot be read."""
    yield bare(name)
    for text in _decoded(content, DEPTH):
        if text is None:
            if not name.endswith(PICTURES):
                yield None
            text = content.decode("utf-8", "ignore")
        yield bare(text)
        yield from (bare(other) for other in (_without_tags(text), _without_escapes(text)) if other != text)


def _without_tags(text: str) -> str:
    return html.unescape(TAG.sub("", text))


def _without_escapes(text: str) -> str:
    """Return the text of a script with its strings' escapes resolved; line breaks become spaces."""

    def resolved(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else UNESCAPED.get(match[3], match[3])

    return ESCAPE.sub(resolved, text)


def _decoded(content: bytes, depth: int) -> Iterator[str | None]:
    """Yield the texts of a content: itself, the members of an archive, the strings of JSON, and what they encode."""
    if not depth:
        yield None
    elif content[-22:].startswith(b"PK\5\6") or zipfile.is_zipfile(io.BytesIO(content)):
        for name, inner in _members(content):
            yield name
            yield from _decoded(inner, depth - 1)
    elif content.lstrip(b"\n").startswith(b"\x1f\x8b"):
        yield from _unpacked(content.lstrip(b"\n"), depth)
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            yield None
            return
        if "\0" in text:
            yield None
        yield text
        for string in _strings(text):
            yield string
            yield from _encoded(string, depth)
        for match in DATA.finditer(text):
            yield from _encoded(match[1], depth)


def _unpacked(content: bytes, depth: int) -> Iterator[str | None]:
    try:
        yield from _decoded(gzip.decompress(content), depth - 1)
    except (OSError, EOFError, zlib.error):
        yield None


def _encoded(string: str, depth: int) -> Iterator[str | None]:
    """Yield what a string encodes in base 64; most strings encode nothing, and pictures no text."""
    if not ENCODED.fullmatch(string):
        return
    try:
        content = base64.b64decode(string, validate=False)
    except (binascii.Error, ValueError):
        return
    yield from (text for text in _decoded(content, depth - 1) if text is not None)
    yield content.decode("utf-8", "ignore")


def _strings(text: str) -> Iterator[str]:
    """Yield the strings of a JSON document, keys too, and lists of strings joined as notebooks keep a cell's lines."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            if one and all(isinstance(part, str) for part in one):
                yield "".join(one)
            else:
                waiting += one
