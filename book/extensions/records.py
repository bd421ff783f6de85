"""Directives that write tables from records, so that no number of the book is typed.

- `recorded-results`: the recorded results (`book/results/*.json`, written by `dlcv runs --export`);
- `chapters-run`: the executed chapters with their profile, seed and minutes;
- `versions-used`: the versions in the run records of those chapters' profiles, and those that built the book.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from dlcvlib import paths, runs
from dlcvlib.course import MEASURES
from dlcvlib.recipes import RECIPES
from dlcvlib.report import reported_beside
from dlcvlib.views.table_html import table_html

BUILT_WITH = ("sphinx", "myst-nb", "sphinx-book-theme", "jupytext", "papermill", "snakemake", "plotly")

NOTHING = "–"


@contextmanager
def content_of(file: Path, written_by: str) -> Iterator[Any]:
    """Read a JSON file; an entry that is missing or of the wrong type raises an error with the file's name.

    Raises:
        ValueError: something was wrong inside.
    """
    try:
        yield json.loads(file.read_text(encoding="utf-8"))
    except (AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError) as error:
        raise ValueError(f"{file} is no result written by `{written_by}`: {error!r}") from error


def results(folder: Path) -> list[dict[str, str]]:
    """Return a row for each recorded result, in the order of recipe, data, profile and seed.

    Fine-tuning settings have tables of their own (recorded_settings.py).

    Raises:
        ValueError: a file in `folder` is no such result; the message names it.
    """
    rows = [_result(info) for info in runs.read_results(folder) if info["recipe"].get("setting") is None]
    return sorted(rows, key=lambda row: (row["recipe"], row["data"], row["profile"], int(row["seed"])))


def _result(info: Mapping[str, Any]) -> dict[str, str]:
    (group,) = runs.grouped([info])
    return {
        "recipe": info["recipe"]["name"],
        "report": info["recipe"]["report"],
        "profile": group.profile,
        "data": group.data,
        "metric": MEASURES[group.measure].name,
        "value": f"{group.mean:.4f}{group.mark}",
        "untrained": f"{info['before'][group.measure]:.4f}" if info.get("before") else NOTHING,
        "reported": reported(info["recipe"]["name"]),
        "best epoch": f"{info['best']['epoch']:.0f} of {info['recipe']['epochs']}",
        "seed": str(info["seed"]),
        "hardware": str(group.hardware),
        "minutes": f"{group.minutes:.1f}",
    }


def reported(name: str) -> str:
    """Return what the reports state for the row of a recipe, from the lowest to the highest; a dash for nothing."""
    values = reported_beside(RECIPES[name]) if name in RECIPES else {}
    if not values:
        return NOTHING
    low, high = number(min(values.values())), number(max(values.values()))
    return f"{low if low == high else f'{low} to {high}'} ({', '.join(values)})"


def number(value: float | None) -> str:
    """Return four decimals; a dash for None."""
    return NOTHING if value is None else f"{value:.4f}"


def chapters(folder: Path) -> list[dict[str, str]]:
    """Return a row for each chapter, from what papermill wrote into the executed notebook."""
    rows = []
    for file in sorted(folder.glob("*.ipynb")):
        with content_of(file, "papermill") as notebook:
            run = notebook["metadata"]["papermill"]
            given = run["parameters"]
            row = {
                "chapter": file.stem,
                "profile": str(given.get("profile", "–")),
                "seed": str(given.get("seed", "–")),
                "data": Path(given["data_root"]).name if given.get("data_root") else "as found, else the toy world",
                "minutes": f"{run['duration'] / 60:.1f}",
            }
        rows.append(row)
    return rows


def versions(records: Iterable[Path], profiles: set[str]) -> list[dict[str, str]]:
    """Return a row for each package: the versions in the run records of `profiles`."""
    seen: dict[str, set[str]] = {}
    for file in records:
        with content_of(file, "dlcv train") as info:
            if info["profile"] in profiles:
                for package, version in info["versions"].items():
                    seen.setdefault(package, set()).add(version)
    return [{"package": package, "in the run records": ", ".join(sorted(seen[package]))} for package in sorted(seen)]


def built_with() -> list[dict[str, str]]:
    """Return a row for each package that this page was made with."""
    rows = [{"package": "python", "built this book": platform.python_version()}]
    return rows + [{"package": name, "built this book": importlib.metadata.version(name)} for name in BUILT_WITH]


def table(rows: Sequence[Mapping[str, object]]) -> nodes.raw:
    """Return a table that fits its page; the first row's keys are its head."""
    return html(table_html(pd.DataFrame(rows)))


def folded(summary: str, inside: nodes.raw) -> nodes.raw:
    """Return a piece of HTML below a line that opens it."""
    return html(f'<details class="dlcv-folded"><summary>{escape(summary)}</summary>\n{inside.astext()}\n</details>')


def html(text: str) -> nodes.raw:
    """Return a piece of HTML of the page."""
    return nodes.raw("", text, format="html")


class Tables(SphinxDirective):
    """A directive without content that writes tables, or why there is nothing to show."""

    nothing = ""

    def tables(self) -> list[list[dict[str, Any]]]:
        """Return the rows of each table."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        found = [rows for rows in self.tables() if rows]
        return [table(rows) for rows in found] if found else [nodes.paragraph(text=self.nothing)]

    @property
    def book(self) -> Path:
        """Folder of the book; a page that looks there is read again by every build."""
        self.env.note_reread()  # what a table holds changes without its page
        return Path(self.env.srcdir)


class RecordedResults(Tables):
    """`recorded-results`: folded, since each training has a row."""

    nothing = "No result has been recorded yet; `dlcv runs --export RECORD` writes one."

    def run(self) -> list[nodes.Node]:
        rows = results(self.book / "results")
        return [folded("Each training", table(rows))] if rows else [nodes.paragraph(text=self.nothing)]


class ChaptersRun(Tables):
    """`chapters-run`."""

    nothing = "No chapter has been run."

    def tables(self) -> list[list[dict[str, str]]]:
        return [chapters(self.book / "chapters")]


class VersionsUsed(Tables):
    """`versions-used`."""

    def tables(self) -> list[list[dict[str, str]]]:
        profiles = {row["profile"] for row in chapters(self.book / "chapters")}
        # The cache of decoded images lies below the records, so look only where records are.
        root = paths.runs_home(paths.toy_home())
        records = [*root.glob("*/*/seed*/run.json"), *root.glob("on-*/*/*/seed*/run.json")]
        return [versions(records, profiles), built_with()]


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("recorded-results", RecordedResults)
    app.add_directive("chapters-run", ChaptersRun)
    app.add_directive("versions-used", VersionsUsed)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
