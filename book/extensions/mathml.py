"""Mathematics as MathML, which browsers draw without a script, a font or a network.

latex2mathml passes unknown commands through as text; here that is a warning, which fails the build.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)
CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2, "msubsup": 3, "munderover": 3, "mroot": 2}
# Names that latex2mathml lacks, and what means the same to it. `align*` is `aligned` for a block of its own.
KNOWN_AS = [
    (re.compile(r"\\(begin|end)\{(?:aligned|split|align)\}"), r"\\\1{align*}"),
    (re.compile(r"\\(arg|Pr)(?![A-Za-z])"), r"\\operatorname{\1}"),
]


def to_mathml(latex: str, display: str) -> str:
    """Convert LaTeX to a `<math>` element.

    Args:
        latex: without its dollar signs.
        display: "inline" or "block".

    Raises:
        ValueError: `latex` is not well formed, or uses a command that is not known.
    """
    for pattern, replacement in KNOWN_AS:
        latex = pattern.sub(replacement, latex)
    if latex.count("{") - latex.count(r"\{") != latex.count("}") - latex.count(r"\}"):
        raise ValueError("a brace is not closed, or closes nothing")
    try:
        mathml = convert(latex, display=display)
        tree = ElementTree.fromstring(mathml)
    except Exception as error:  # its errors share no class but this one
        raise ValueError(f"{type(error).__name__}: {error}") from error
    for element in tree.iter():
        name = element.tag.rpartition("}")[2]
        text = element.text or ""
        if text.startswith("\\") and len(text) > 1:
            raise ValueError(f"the command {text} is not known")
        if len(element) != CHILDREN.get(name, len(element)):
            raise ValueError(f"an argument is missing (in <{name}>)")
    return mathml


def _written(node: nodes.Element, display: str) -> str:
    latex = node.astext()
    try:
        return to_mathml(latex, display)
    except ValueError as error:
        logger.warning("mathematics %r: %s", latex, error, location=node, type="mathml")
        return f"<code>{nodes.unescape(latex)}</code>"


def visit_inline(translator: Any, node: nodes.Element) -> None:
    """Write mathematics within a line."""
    translator.body.append(f'<span class="math">{_written(node, "inline")}</span>')
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.Element) -> None:
    """Write mathematics on a line of its own, with its number if it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node.get("number"):
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})</span>')
    translator.body.append(_written(node, "block") + "</div>\n")
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
