"""Commands of a campaign, with the files that each reads and writes."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from forks import Work, command
from PIL import Image
from worlds import PROFILE

from dlcvlib.files.atomic import read_regular

RUNS = f"runs/{PROFILE}"


@dataclass(frozen=True)
class Case:
    """A command, and the files that it reads and writes, relative to the world."""

    name: str
    work: Callable[[Path], Work]
    reads: tuple[str, ...]
    """Patterns of files to damage before it runs."""
    leaves: tuple[str, ...]
    """Files and folders of its result."""
    writes: bool = True
    """True if it is also killed and run on a full disk."""
    together: bool = True
    """True if several copies may run at once."""


def _dlcv(*arguments: str) -> Callable[[Path], Work]:
    """Run the command line; WORLD in an argument stands for the folder of the world."""
    return lambda world: command([argument.replace("WORLD", str(world)) for argument in arguments])


def _train(*arguments: str) -> Callable[[Path], Work]:
    return _dlcv("train", *arguments, "--profile", PROFILE)


def _called(work: Callable[[Path], object]) -> Callable[[Path], Work]:
    """Call a function of the library, and print its errors as the command line does."""
    from dlcvlib.cli import errors

    def run(world: Path) -> int:
        try:
            work(world)
        except Exception as error:
            if not errors.expected(error):
                raise
            print(f"dlcv: {errors.message(error)}")
            return 2
        return 0

    return lambda world: lambda: run(world)


def _draw_toy(world: Path) -> None:
    from dlcvlib.data import toy

    toy.draw(world / "out/toy", seed=1, scale=0.02)


def _download(world: Path) -> None:
    from dlcvlib.data.download import download

    def fetch(_: str, path: Path) -> int:  # in place of the server
        path.write_bytes(read_regular(world / "out/archive.zip"))
        return path.stat().st_size

    download(2023, world / "out/fetched", fetch=fetch)


def _embed(world: Path) -> None:
    from dlcvlib import embedding
    from dlcvlib.runs import load

    series = embedding.embed(load(world / RUNS / "small/seed0"), "pca")
    np.save(world / "out/maps.npy", series.coordinates)


CLASSIFICATION = ("data/p1_data/*/*.png", "data/p1_data/*.csv")
OFFICE = ("data/p2_data/office/*/*.jpg", "data/p2_data/office/*.csv")
MINI = ("data/p2_data/mini/train/*.jpg", "data/p2_data/mini/*.csv")
SATELLITE = ("data/p3_data/*/*_sat.jpg", "data/p3_data/*/*_mask.png")


def _record(name: str) -> tuple[str, ...]:
    return tuple(
        f"{RUNS}/{name}/seed0/{file}" for file in ("run.json", "history.csv", "*.safetensors", ".digests.json")
    )


def _cache(name: str) -> tuple[str, ...]:
    return (f"runs/cache/{name}-*/*",)


CASES = (
    Case(
        "resume",
        _train("halfway"),
        (f"{RUNS}/halfway/seed0/*", f"{RUNS}/halfway/seed0/.digests.json", *_cache("classification")),
        (f"{RUNS}/halfway",),
    ),
    Case(
        "train classification",
        _train("small", "--seed", "1"),
        (*CLASSIFICATION, *_cache("classification")),
        (f"{RUNS}/small/seed1",),
    ),
    Case(
        "train segmentation",
        _train("small_segmentation", "--seed", "1"),
        (*SATELLITE, *_cache("satellite")),
        (f"{RUNS}/small_segmentation/seed1",),
    ),
    Case("train byol", _train("small_byol", "--seed", "1"), (*MINI, *_cache("mini")), (f"{RUNS}/small_byol/seed1",)),
    Case("train dino", _train("small_dino", "--seed", "1"), _cache("mini"), (f"{RUNS}/small_dino/seed1",)),
    Case(
        "fine-tune",
        _train("tuned"),
        (*_record("small_byol"), *OFFICE, *_cache("office")),
        (f"{RUNS}/tuned",),
    ),
    Case(
        "probe", _train("probed", "--seed", "1"), (*_record("small_byol"), *_cache("office")), (f"{RUNS}/probed/seed1",)
    ),
    Case(
        "train from weights",
        _train("given", "--weights", "WORLD/out/weights.safetensors"),
        ("out/weights.safetensors",),
        (f"{RUNS}/given",),
    ),
    Case("finished", _train("small"), _record("small"), (f"{RUNS}/small/seed0/history.csv",), writes=False),
    Case("runs", _dlcv("runs"), (*_record("small"), f"{RUNS}/halfway/seed0/*"), (), writes=False),
    Case(
        "export",
        _dlcv("runs", "--export", f"WORLD/{RUNS}/small/seed0"),
        _record("small"),
        ("home/book/results",),
    ),
    Case(
        "bands",
        _dlcv("runs", "--bands", "WORLD/out/bands.yaml"),
        ("out/bands.yaml", *_record("small")),
        (),
        writes=False,
    ),
    Case(
        "predict",
        _dlcv("predict", f"WORLD/{RUNS}/small/seed0", "WORLD/data/p1_data/val_50", "WORLD/out/labels.csv"),
        (*_record("small"), "data/p1_data/val_50/*"),
        ("out/labels.csv",),
    ),
    Case(
        "predict office",
        _dlcv(
            "predict",
            f"WORLD/{RUNS}/probed/seed0",
            "WORLD/data/p2_data/office/val",
            "WORLD/out/office.csv",
            "--csv",
            "WORLD/out/asked.csv",
        ),
        (*_record("probed"), "out/asked.csv"),
        ("out/office.csv",),
    ),
    Case(
        "predict masks",
        _dlcv("predict", f"WORLD/{RUNS}/small_segmentation/seed0", "WORLD/data/p3_data/validation", "WORLD/out/masks"),
        (*_record("small_segmentation"), "data/p3_data/validation/*_sat.jpg"),
        ("out/masks",),
    ),
    Case(
        "hand in",
        _dlcv(
            "handin", "2024", "WORLD/out/handin", f"WORLD/{RUNS}/probed/seed0", f"WORLD/{RUNS}/small_segmentation/seed0"
        ),
        (*_record("probed"), *_record("small_segmentation")),
        ("out/handin",),
    ),
    Case(
        "report",
        _dlcv("report", "WORLD/out/report.html", "--profile", PROFILE, "--edition", "2021"),
        (
            "home/book/results/*",
            *(f"{RUNS}/r4_vgg13_bn/seed0/{part}" for part in ("*", "snapshots/*", ".digests.json")),
        ),
        ("out/report.html",),
    ),
    Case(
        "check data",
        _dlcv("data", "check", "WORLD/data"),
        (*CLASSIFICATION, *OFFICE, *MINI, *SATELLITE),
        (),
        writes=False,
    ),
    Case("toy", _called(_draw_toy), (), ("out/toy",)),
    Case("download", _called(_download), ("out/archive.zip",), ("out/fetched",)),
    Case(
        "maps",
        _called(_embed),
        (f"{RUNS}/small/seed0/snapshots/*", f"{RUNS}/small/seed0/embeddings/*", *_record("small")),
        ("out/maps.npy",),
        together=False,
    ),
    Case("environment", _dlcv("check"), (*CLASSIFICATION[1:],), (), writes=False),
)


def readable(file: Path) -> bool:
    """Return True if an independent reader can read the file, so that it is valid but different input."""
    if not file.is_file():
        return False
    try:
        if file.suffix in (".png", ".jpg"):
            with Image.open(file) as image:
                image.load()
        elif file.suffix == ".csv":
            rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
            return len({len(row) for row in rows if row}) == 1
        elif file.suffix == ".zip":
            return zipfile.ZipFile(file).testzip() is None
        elif file.suffix == ".yaml":
            return isinstance(yaml.safe_load(file.read_text()), dict)
        elif file.suffix == ".safetensors":
            from safetensors.numpy import load

            return all(np.isfinite(array).all() for array in load(file.read_bytes()).values())
        else:
            return False
    except Exception:
        return False
    return True


def of_the_user(file: Path, world: Path) -> bool:
    """Return True if a file came from the user rather than from dlcv."""
    return file.is_relative_to(world / "data") or file.is_relative_to(world / "out")
