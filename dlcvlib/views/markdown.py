"""Markdown as HTML, for text that a view or the report shows itself; HTML within it is shown as text.

Mathematics between dollar signs becomes MathML.
"""

from __future__ import annotations

from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from dlcvlib.views.mathml import to_mathml


def _formula(latex: str, options: dict[str, Any]) -> str:
    return to_mathml(latex, "block" if options["display_mode"] else "inline")


MARKDOWN = MarkdownIt("commonmark", {"html": False}).use(dollarmath_plugin, renderer=_formula, double_inline=True)


def inline_html(text: str) -> str:
    """HTML of one paragraph, without its `<p>`.

    Raises:
        ValueError: a formula is not well formed.
    """
    html: str = MARKDOWN.renderInline(text)
    return html
