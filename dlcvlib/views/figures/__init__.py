"""Script and style that draw the plotly figures of a page, in the book and in an exported report."""

from __future__ import annotations

from pathlib import Path

from dlcvlib.views.scrubbers.bundle import bundle

HERE = Path(__file__).parent
SCRIPT = f"{bundle('draw.js', HERE)}.drawFigures(document.currentScript?.src);\n"
STYLE = (HERE / "figures.css").read_text(encoding="utf-8")
