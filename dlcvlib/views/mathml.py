"""LaTeX as MathML, which browsers draw without a script or a network.

latex2mathml passes unknown commands through as text; here that is an error.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from latex2mathml.converter import convert

CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2, "msubsup": 3, "munderover": 3, "mroot": 2}
# Names that latex2mathml lacks, and what means the same to it. `align*` is `aligned` for a block of its own.
KNOWN_AS = [
    (re.compile(r"\\(begin|end)\{(?:aligned|split|align)\}"), r"\\\1{align*}"),
    (re.compile(r"\\(arg|Pr)(?![A-Za-z])"), r"\\operatorname{\1}"),
]

FUNCTION = re.compile(r"<mi>(log|ln|exp|sin|cos|tanh)</mi>")
SPACED = r'<mo form="prefix" lspace="0.167em" rspace="0.167em">\1</mo>'  # as TeX sets them: log x, not logx


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
        mathml = FUNCTION.sub(SPACED, convert(latex, display=display))
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
