"""The report as one HTML file that works offline: tables, pictures, and plotly.js once for all figures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from plotly.offline import get_plotlyjs

from dlcvlib.files.outputs import output_file
from dlcvlib.report.blocks import block_html
from dlcvlib.report.collect import Sources
from dlcvlib.report.compose import Section, by_edition, by_question
from dlcvlib.views import figures
from dlcvlib.views.markdown import MARKDOWN

DRAWN = 'class="dlcv-plotly"'


def export(
    out: str | Path, sources: Sources, *, edition: int | None = None, make_maps: bool = False, replace: bool = False
) -> Path:
    """Write the report to `out`, whole or not at all, and return `out`.

    Args:
        out: an `.html` file; its folder is made if it is missing.
        sources: records and results.
        edition: write the questions of this edition in their order; None writes every question.
        make_maps: make the maps that no record holds yet, which takes minutes.
        replace: replace a file at `out` that dlcv did not write, too.

    Raises:
        ValueError: `out` is no `.html` file, or there is no such edition.
        dlcvlib.files.outputs.ForeignFileError: a file stands at `out` that dlcv did not write.
    """
    out = Path(out)
    if out.suffix != ".html" or out.is_dir():
        raise ValueError(f"{out}: the report is one file, so give a name that ends in .html")
    with output_file(out, replace=replace) as file:
        if edition is None:
            title, sections = "The report", by_question(sources, make_maps=make_maps)
        else:
            title = f"The report, in the order of {edition}"
            sections = by_edition(sources, edition, make_maps=make_maps)
        file.write(page(title, _about(sources), sections).encode())
    return out


def page(title: str, about: str, sections: Sequence[Section]) -> str:
    """Return the HTML document; `about` is Markdown below the title."""
    body = "\n".join(_section(number, section) for number, section in enumerate(sections))
    entries = "".join(
        f'<li><a href="#part-{number}">{escape(section.title)}</a></li>' for number, section in enumerate(sections)
    )
    script = _own("page.js")
    if DRAWN in body:
        script = f"{get_plotlyjs()}\n</script>\n<script>\n{script}\n{figures.SCRIPT}"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{_own("page.css")}
{figures.STYLE}
</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{MARKDOWN.render(about)}
<nav aria-label="contents"><ol>{entries}</ol></nav>
{body}
</main>
<script>
{script}
</script>
</body>
</html>
"""


def _about(sources: Sources) -> str:
    images = "the toy world, drawn by this book" if sources.data.is_toy else f"the data in `{sources.data.root.name}`"
    return (
        f"Records made on **{images}**, with the profile **{sources.profile}**. *Reported* is what the students' "
        "reports state for their own full settings; *best known* is the best that others published on the course's "
        "validation images. Every value of ours names what it was made on."
    )


def _section(number: int, section: Section) -> str:
    blocks = "\n".join(map(block_html, section.blocks))
    return f'<h2 id="part-{number}">{escape(section.title)}</h2>\n{blocks}'


def _own(name: str) -> str:
    return (files("dlcvlib.report") / name).read_text(encoding="utf-8")
