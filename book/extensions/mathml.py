"""Mathematics as MathML, in the font of book/_static/fonts.

What `to_mathml` refuses is a warning, which fails the build.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from dlcvlib.views.mathml import to_mathml

logger = logging.getLogger(__name__)


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
