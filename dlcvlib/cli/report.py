"""Command `dlcv report`."""

from __future__ import annotations

import argparse
from pathlib import Path

from dlcvlib.course import EDITIONS
from dlcvlib.recipes import PROFILES


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `report`."""
    parser = commands.add_parser("report", help="write the report as one HTML file, from the records that exist")
    parser.add_argument("out", type=Path, metavar="OUT.html")
    parser.add_argument("--edition", type=int, choices=EDITIONS, help="follow the order of this edition's questions")
    parser.add_argument("--profile", choices=PROFILES, default="quick")
    parser.add_argument("--data", type=Path, metavar="ROOT", help="report on the records made on these data")
    parser.add_argument("--maps", action="store_true", help="compute missing PCA and t-SNE maps")
    parser.add_argument("--replace", action="store_true", help="replace OUT.html even if dlcv did not write it")
    parser.set_defaults(run=_report)


def _report(arguments: argparse.Namespace) -> int:
    from dlcvlib import report

    sources = report.find_sources(arguments.profile, arguments.data)
    out = report.export(
        arguments.out, sources, edition=arguments.edition, make_maps=arguments.maps, replace=arguments.replace
    )
    print(f"{out}: {report.tally(sources, arguments.edition)}")
    return 0
