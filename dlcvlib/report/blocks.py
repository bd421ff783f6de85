"""Blocks that the report is made of: texts in Markdown, pictures, and blocks that are folded until they are opened."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, TypeAlias

from dlcvlib.views import Picture
from dlcvlib.views.markdown import MARKDOWN


@dataclass(frozen=True)
class Folded:
    """Blocks below a line that opens them; a notebook shows it as the value of a cell."""

    summary: str
    blocks: tuple[Block, ...]

    @property
    def html(self) -> str:
        """The `<details>` element."""
        inside = "\n".join(map(block_html, self.blocks))
        return f'<details class="dlcv-folded">\n<summary>{escape(self.summary)}</summary>\n{inside}\n</details>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": self.summary, "text/html": self.html}


Block: TypeAlias = "str | Picture | Folded"


def block_html(block: Block) -> str:
    """Return the HTML of a block."""
    return MARKDOWN.render(block) if isinstance(block, str) else block.html
