"""The course's mean IoU against its definition in plain NumPy: seconds, and memory on top of the maps.

Run as `python tests/benchmarks/bench_course_iou.py`, or with `--quick` for a small case; `--json FILE` keeps the
numbers. The maps are drawn, as many and as large as the course's validation masks (257 of 512 x 512 pixels): regions
with smooth edges, and the same with 15 % of the pixels wrong by chance, which is harder to count fast.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dlcvlib.bench.measuring import machine, peak_megabytes
from dlcvlib.files.atomic import write_json
from dlcvlib.metrics import course_iou

Score = Callable[[np.ndarray, np.ndarray], float]


def plain(pred: np.ndarray, target: np.ndarray) -> float:
    """The definition as it is written: masks of each class over all pooled pixels."""
    scores = []
    for i in range(6):
        hits = np.sum((pred == i) & (target == i))
        with np.errstate(invalid="ignore"):
            scores.append(hits / (np.sum(pred == i) + np.sum(target == i) - hits))
    return float(np.mean(scores))


def ours(pred: np.ndarray, target: np.ndarray) -> float:
    return course_iou(pred, target).mean


ROWS: dict[str, Score] = {"plain NumPy": plain, "course_iou": ours}


def smooth(number: int, size: int, cell: int, generator: torch.Generator) -> torch.Tensor:
    coarse = torch.randn(number, 7, size // cell, size // cell, generator=generator)
    return functional.interpolate(coarse, size=(size, size), mode="bilinear")


def drawn_maps(number: int, size: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pairs of prediction and target, uint8 (number, size, size), by name."""
    generator = torch.Generator().manual_seed(0)
    preds, targets = [], []
    for _ in range(number):  # scores of all images at once would fill the memory
        scores = smooth(1, size, 32, generator)
        targets.append(scores.argmax(1).byte())
        preds.append((scores + 0.4 * smooth(1, size, 8, generator)).argmax(1).byte())
    pred, target = torch.cat(preds), torch.cat(targets)
    by_chance = torch.randint(7, target.shape, generator=generator, dtype=torch.uint8)
    wrong = torch.rand(target.shape, generator=generator) < 0.15
    return {
        "smooth": (pred.numpy(), target.numpy()),
        "noisy": (torch.where(wrong, by_chance, target).numpy(), target.numpy()),
    }


def seconds_in_turn(pred: np.ndarray, target: np.ndarray, rounds: int) -> dict[str, list[float]]:
    """Seconds of every row in every round, so that whatever else slows the machine slows all rows."""
    seconds: dict[str, list[float]] = {name: [] for name in ROWS}
    for _ in range(rounds):
        for name, score in ROWS.items():
            start = time.perf_counter()
            score(pred, target)
            seconds[name].append(time.perf_counter() - start)
    return seconds


def extra_memory(name: str, file: Path) -> float:
    """Megabytes that a row takes on top of the maps, in a process of its own, whose peak nothing else has raised.

    It is forked from a server that has imported this script, and torch with it, once for all rows.
    """
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        return pool.apply(_growth_of_peak, (name, file))


def _growth_of_peak(name: str, file: Path) -> float:
    pred, target = np.load(file)
    ROWS[name](pred[:1, :8, :8], target[:1, :8, :8])  # what the libraries load on their first call is not the row's
    before = peak_megabytes()
    ROWS[name](pred, target)
    return peak_megabytes() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 maps of 64 x 64 instead of 257 of 512 x 512")
    parser.add_argument("--rounds", type=int, default=5, help="rounds in which each row has its turn")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, versions and numbers to FILE")
    arguments = parser.parse_args()
    number, size = (3, 64) if arguments.quick else (257, 512)

    print(f"{number} maps of {size} x {size}, uint8, {torch.get_num_threads()} threads of torch; medians of")
    print(f"{arguments.rounds} rounds, each row in turn")
    print(("{:<22}" + "{:>14}" * 4).format("", "seconds", "speed-up", "MB on top", "mean IoU"))
    table = {}
    for kind, (pred, target) in drawn_maps(number, size).items():
        seconds = seconds_in_turn(pred, target, arguments.rounds)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "maps.npy"
            np.save(file, np.stack([pred, target]))
            memory = {name: extra_memory(name, file) for name in ROWS}
        for name, score in ROWS.items():
            ratios = [theirs / mine for theirs, mine in zip(seconds["plain NumPy"], seconds[name], strict=True)]
            row = {
                "seconds": statistics.median(seconds[name]),
                "speed_up": statistics.median(ratios),
                "megabytes_on_top": memory[name],
                "mean_iou": score(pred, target),
            }
            table[f"{kind}, {name}"] = row
            shown = "{:<22}{:>14.4f}{:>13.1f}x{:>14.1f}{:>14.4f}"
            print(shown.format(f"{kind}, {name}", *row.values()))

    if arguments.json:
        settings = {"maps": number, "size": size, "rounds": arguments.rounds}
        write_json(arguments.json, {"machine": machine(torch.device("cpu")), "settings": settings, "rows": table})


if __name__ == "__main__":
    main()
