"""Sentences of chapters and pages that stand fixed, and the words in them that tell how something came out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FEWEST_WORDS = 4  # a string of code with fewer is a name or a title, not prose
COMPUTED = "{}"
"""Stands in a sentence for a value that the run computes."""

COMPARED = """
    better best worse worst higher highest lower lowest larger largest smaller smallest more most mostly less
    least fewer fewest faster fastest slower slowest sharper sharpest tighter tightest longer longest shorter
    shortest stronger strongest weaker weakest easier easiest harder hardest cheaper cheapest closer closest
    wider widest narrower farther clearer richer poorer bigger biggest
"""
HAPPENS = """
    beat beats beaten bring brings brought carries carry carried collapse collapses collapsed confuse confuses
    confused cost costs disappear disappears disappeared dominate dominates dominated fail fails failed
    flatter flatters gain gains gained harm harms help helps helped hurt hurts ignore ignores ignored improve
    improves improved improvement lose loses lost mislead misleads miss misses missed neglect neglects prevent
    prevents prevented recognise recognises recognised recover recovers recovered succeed succeeds suffer
    suffers tend tends vanish vanishes win wins
"""
HOW_OFTEN = """
    always cannot clear clearly enough hardly never often perfect perfectly rarely seldom useless usually
"""
PHRASES = (
    r"\*\*Notice\*\*",  # what is to be noticed has to be there
    r"too (?:few|many|low|high|small|large|little|much)",
    r"(?:is|are) true",
    r"only difference",
    r"(?:do|does|did|will) not",
)
NO_OUTCOME = re.compile(r"at (?:most|least)\b", re.IGNORECASE)
WORDS = "|".join([*(COMPARED + HAPPENS + HOW_OFTEN).split(), *PHRASES])
OUTCOME = re.compile(rf"(?<![\w`-])(?:{WORDS})(?![\w`-])", re.IGNORECASE)


@dataclass(frozen=True)
class Sentence:
    """A sentence and the line on which its paragraph begins; `COMPUTED` stands for a value."""

    line: int
    text: str

    @property
    def outcome_words(self) -> tuple[str, ...]:
        """Words that compare or judge; words in `code` are names."""
        return tuple(dict.fromkeys(word.lower() for word in OUTCOME.findall(NO_OUTCOME.sub("", self.text))))


def sentences(file: Path) -> list[Sentence]:
    """Return all sentences of a chapter or a module (.py), or of a page (.md), in order of their lines."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        return list(_of_markdown(enumerate(text.splitlines(), 1)))
    found = [*_of_markdown(_markdown_lines(text)), *_of_code(ast.parse(text))]
    return sorted(found, key=lambda sentence: sentence.line)


def _markdown_lines(script: str) -> Iterator[tuple[int, str]]:
    """Yield the numbered lines of the Markdown cells of a percent script, a blank one after each cell."""
    inside = False
    for number, line in enumerate(script.splitlines(), 1):
        if line.startswith("# %%"):
            inside = "[markdown]" in line
            yield number, ""
        elif inside:
            yield number, line.removeprefix("#").removeprefix(" ")


def _of_markdown(lines: Iterator[tuple[int, str]]) -> Iterator[Sentence]:
    """Yield the sentences of paragraphs, items, headings and rows of tables; fenced code has none."""
    first, paragraph, fenced = 0, "", False
    for number, line in [*lines, (0, "")]:
        fence = line.lstrip().startswith("```")
        begins = re.match(r"\s*([-*] |[0-9]+\. |#+ |\|)", line)
        if paragraph and (begins or fence or not line.strip()):
            yield from _split(first, paragraph)
            paragraph = ""
        fenced ^= fence
        if fenced or fence:
            continue
        if not paragraph:
            first = number
        paragraph += " " + (line[begins.end() :] if begins else line)


class _Strings(ast.NodeVisitor):
    """Prose in code: captions and sentences, but no docstring, no error, and no branch of `a if run else b`."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.found.append((node.lineno, node.value))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = [part.value if isinstance(part, ast.Constant) else COMPUTED for part in node.values]
        self.found.append((node.lineno, "".join(map(str, parts))))
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.visit(part.value)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.test)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Skip messages of errors, which no page shows."""

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.visit(node.value)


def _of_code(tree: ast.AST) -> Iterator[Sentence]:
    strings = _Strings()
    strings.visit(tree)
    for line, text in strings.found:
        if len(text.split()) >= FEWEST_WORDS:
            yield from _split(line, text)


def _split(line: int, text: str) -> Iterator[Sentence]:
    text = re.sub(r"\$\$.*?\$\$", "$$", text, flags=re.DOTALL)
    for sentence in re.split(r"(?<=[.?!])\**\s+(?=[\"“*`$A-Z0-9{])", " ".join(text.split())):
        if sentence:
            yield Sentence(line, sentence)
