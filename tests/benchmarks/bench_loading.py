"""Decoding once against ImageFolder and DataLoader: images a second, from files to normalised batches, and memory.

Run as `python tests/benchmarks/bench_loading.py`, or with `--quick` for a single round. The images are those of the
classification train set that `dlcvlib.data.find` finds: `$DLCV_DATA`, else the toy world. No file is read from a cold
disk: all are read once before.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dlcvlib import augment, data
from dlcvlib.bench.other_loops import TO_NORMALISED
from dlcvlib.data import ImageSet, Split

BATCH_SIZE = 128
PROCESS = Path("/proc/self")

Batches = Iterable[tuple[Tensor, Tensor]]


class DecodedOnce:
    """Batches as our training draws them: rows of the decoded images, normalised all at once."""

    def __init__(self, image_set: ImageSet) -> None:
        self.decoded = data.decode(image_set)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for rows in torch.randperm(len(self.decoded.names)).split(BATCH_SIZE):
            images = self.decoded.images[rows]
            yield augment.prepare(images, images.shape[-1], {}), self.decoded.labels[rows]


def class_folders(split: Split, root: Path) -> Path:
    """A tree of links to the images of `split`, one folder for each class, as ImageFolder wants."""
    if split.labels is None:
        raise ValueError("the images have no labels")
    for file, label in zip(split.files, split.labels, strict=True):
        folder = root / f"{label:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).symlink_to(file.absolute())
    return root


def loader(folders: Path, workers: int) -> Batches:
    images = ImageFolder(folders, Compose(TO_NORMALISED))
    return DataLoader(images, BATCH_SIZE, shuffle=True, num_workers=workers)


def ways_to_load(image_set: ImageSet, folders: Path) -> dict[str, Callable[[], Batches]]:
    """Name to what opens the images; what it returns gives one epoch each time it is gone through."""
    return {
        "ImageFolder, 0 workers": lambda: loader(folders, 0),
        "ImageFolder, 2 workers": lambda: loader(folders, 2),
        "decode once": lambda: DecodedOnce(image_set),
    }


def seconds_of_epoch(batches: Batches, count: int) -> float:
    """Time to go once through all images."""
    start = time.perf_counter()
    seen = sum(len(labels) for _, labels in batches)
    if seen != count:
        raise RuntimeError(f"{seen} images came in an epoch, but the set has {count}")
    return time.perf_counter() - start


@contextmanager
def peak_memory_noted(noted: list[float]) -> Iterator[None]:
    """Append how far this process's memory rises inside above what it was before, in MB; nothing where not Linux."""
    if not (PROCESS / "status").is_file():
        yield
        return
    (PROCESS / "clear_refs").write_text("5")  # the peak is counted from here
    before = resident_memory("VmRSS")
    yield
    noted.append(resident_memory("VmHWM") - before)


def resident_memory(field: str) -> float:
    """`VmRSS`, this process's memory now, or `VmHWM`, its peak, in MB."""
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(field))


def measure(image_set: ImageSet, folders: Path, rounds: int, later_epochs: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of first and of later epochs, and the first epochs' memory in MB, of each way in turn."""
    count = len(image_set.train.files)
    ways = ways_to_load(image_set, folders)
    taken: dict[str, dict[str, list[float]]] = {name: {"first": [], "later": [], "memory": []} for name in ways}
    for _ in range(rounds):
        opened: dict[str, Batches] = {}
        with tempfile.TemporaryDirectory() as empty:
            os.environ["DLCV_RUNS"] = empty  # nothing is decoded there yet
            for name, open_images in ways.items():
                with peak_memory_noted(taken[name]["memory"]):
                    start = time.perf_counter()
                    opened[name] = open_images()
                    opening = time.perf_counter() - start
                    taken[name]["first"].append(opening + seconds_of_epoch(opened[name], count))
            for _ in range(later_epochs):
                for name, batches in opened.items():
                    taken[name]["later"].append(seconds_of_epoch(batches, count))
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of one first and one later epoch")
    parser.add_argument("--rounds", type=int, default=3, help="first epochs of each way")
    parser.add_argument("--later-epochs", type=int, default=3, help="later epochs of each way in a round")
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.later_epochs) < 1:
        parser.error("--rounds and --later-epochs must be at least 1")
    rounds, later_epochs = (1, 1) if arguments.quick else (arguments.rounds, arguments.later_epochs)

    image_set = data.find().classification
    if image_set is None:
        sys.exit("the data hold no classification set; `dlcv data check` says what was found there")
    count = len(image_set.train.files)
    for file in image_set.train.files:
        file.read_bytes()
    with tempfile.TemporaryDirectory() as folders:
        taken = measure(image_set, class_folders(image_set.train, Path(folders)), rounds, later_epochs)

    print(f"{count:,} images in batches of {BATCH_SIZE}, {os.cpu_count()} processors; medians of images a second,")
    print("of ratios to the first row in the same round, and of the first epoch's memory in the main process")
    print(("{:<23}" + "{:>14}" * 5).format("", "first epoch", "ratio", "later epochs", "ratio", "extra MB"))
    reference = next(iter(taken.values()))
    for name, seconds in taken.items():
        shown = []
        for part in ("first", "later"):
            ratios = [theirs / ours for theirs, ours in zip(reference[part], seconds[part], strict=True)]
            shown += [count / statistics.median(seconds[part]), statistics.median(ratios)]
        memory = f"{statistics.median(seconds['memory']):.0f}" if seconds["memory"] else "-"
        print(("{:<23}" + "{:>14,.0f}{:>13.2f}x" * 2 + "{:>14}").format(name, *shown, memory))


if __name__ == "__main__":
    main()
