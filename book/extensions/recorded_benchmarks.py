"""Directive `recorded-benchmarks`: measurements of `dlcv bench --export` by machine (`book/results/bench/*.json`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from records import NOTHING, Tables, content_of, table

from dlcvlib.bench.comparison import Ratio, cells


def benchmarks(folder: Path) -> list[tuple[str, list[dict[str, str]]]]:
    """Return the titles and rows of the tables of every machine, in the order of the files' names.

    Raises:
        ValueError: a file in `folder` is no such result; the message names it.
    """
    found = []
    for file in sorted(folder.glob("*.json")):
        with content_of(file, "dlcv bench --export") as kept:
            machine = _machine(kept)
            tables = [*_workloads(kept), *_growth(kept), *_projection(kept)]
            found += [(f"{machine}: {title}", rows) for title, rows in tables]
    return found


def _machine(kept: Mapping[str, Any]) -> str:
    machine, data = kept["machine"], kept["data"]
    on = "the toy world" if data["is_toy"] else data["root"]
    return f"{machine['device']}, {machine['precision']}, torch {machine['versions']['torch']}, {on}"


def _workloads(kept: Mapping[str, Any]) -> list[tuple[str, list[dict[str, str]]]]:
    return [
        (f"{name}, {workload['words']}", [{"row": row} | each for row, each in cells(workload["rows"]).items()])
        for name, workload in kept.get("workloads", {}).items()
    ]


def _growth(kept: Mapping[str, Any]) -> list[tuple[str, list[dict[str, str]]]]:
    if "scale" not in kept:
        return []
    measured = kept["scale"]["over_sets"]["sets"]
    smallest = next(iter(measured.values()))["rounds"]
    sets = [
        {
            "images in the set": f"{int(count):,}{' (repeated)' if row['repeated'] else ''}",
            "images/s": f"{row['images_per_second']:,.1f}",
            "to the smallest": Ratio.of(row["rounds"], smallest).times,
        }
        for count, row in measured.items()
    ]
    peaks = kept["scale"]["over_epochs"]["peak_megabytes"]
    epochs = [{"epochs": count, "peak MB": f"{peak:,.1f}"} for count, peak in peaks.items()]
    recipe = kept["scale"]["over_epochs"]["recipe"]
    return [(f"cost over the size of the set, {kept['scale']['words']}", sets), (f"memory of {recipe}", epochs)]


def _projection(kept: Mapping[str, Any]) -> list[tuple[str, list[dict[str, str]]]]:
    if "projection" not in kept:
        return []
    projection = kept["projection"]
    rows = [
        {
            "recipe": name,
            "images/s": NOTHING if row["images_per_second"] is None else f"{row['images_per_second']:,.1f}",
            "epochs": str(row["epochs"]),
            "seeds": str(row["seeds"]),
            "minutes": f"{row['minutes']:,.2f}",
        }
        for name, row in projection["recipes"].items()
    ]
    total = dict.fromkeys(rows[0], "") | {"recipe": "all", "minutes": f"{projection['minutes']:,.2f}"} if rows else {}
    missing = f", {len(projection['left_out'])} recipes not measured" if projection["left_out"] else ""
    return [(f"the book's trainings, profile {projection['profile']}{missing}", [*rows, total] if rows else [])]


class RecordedBenchmarks(Tables):
    """`recorded-benchmarks`."""

    nothing = "No benchmark has been recorded yet; `dlcv bench --export` records one of the machine that it runs on."

    def run(self) -> list[nodes.Node]:
        found: list[nodes.Node] = []
        for title, rows in benchmarks(self.book / "results" / "bench"):
            if rows:
                found += [nodes.paragraph(text=title), table(rows)]
        return found or [nodes.paragraph(text=self.nothing)]


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("recorded-benchmarks", RecordedBenchmarks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
