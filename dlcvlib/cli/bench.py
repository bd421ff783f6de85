"""Command `dlcv bench`."""

from __future__ import annotations

import argparse
from pathlib import Path

from dlcvlib import paths
from dlcvlib.bench.names import SIZES, WORKLOAD_NAMES
from dlcvlib.recipes import PROFILES


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `bench`."""
    parser = commands.add_parser(
        "bench",
        help="time our training against other ways to train, and against the networks' arithmetic",
        description="One table of four workloads; --scale and --project measure something else, --table also that.",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: a GPU where there is one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, settings and numbers to FILE")
    parser.add_argument("--replace", action="store_true", help="also a FILE that dlcv did not write")
    parser.add_argument("--export", action="store_true", help="write them to book/results/bench/, named by the machine")
    parser.add_argument("--data", type=Path, metavar="ROOT", help="default: $DLCV_DATA, then data/, then the toy world")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOAD_NAMES, default=list(WORKLOAD_NAMES), metavar="NAME")
    parser.add_argument("--sizes", choices=SIZES, help="default: card on a GPU, cores on a CPU")
    parser.add_argument("--minutes", type=float, help="for the table and for each other part: 8 on a GPU, 30 on a CPU")
    parser.add_argument("--rounds", type=int, default=3, help="rounds in which each row has its turn")
    parser.add_argument("--steps", type=int, help="timed steps a turn: 50 on a GPU, 5 on a CPU")
    workers = "of the others' DataLoaders; default: 0 and 2, on a GPU as many as cores, at most 16"
    parser.add_argument("--workers", type=int, nargs="+", metavar="NUMBER", help=workers)
    parser.add_argument("--quick", action="store_true", help="one round of one step, without peak memory")
    parser.add_argument("--table", action="store_true", help="the table, where another part is asked for too")
    parser.add_argument("--scale", action="store_true", help="cost over the size of the set and the number of epochs")
    parser.add_argument("--project", choices=PROFILES, help="minutes of the trainings that RECORDS lists")
    records = paths.home() / "notebooks" / "records.yaml"
    parser.add_argument("--records", type=Path, default=records, help="default: notebooks/records.yaml")
    parser.set_defaults(run=_bench)


def _bench(asked: argparse.Namespace) -> int:
    from dlcvlib.bench.run import run

    run(asked)
    return 0
