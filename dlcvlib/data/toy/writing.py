"""Writing: the toy sets on disk, in the folders, file names and csv files of the course's 2023 edition."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from dlcvlib.data.palette import COLOURS
from dlcvlib.data.toy.landscapes import annotate, draw_cover, paint_cover, share_table
from dlcvlib.data.toy.objects import Concept, concepts, draw_object
from dlcvlib.data.toy.splits import WRONG_LABELS, Planned, plan
from dlcvlib.files import write_json, write_text
from dlcvlib.progress import progress_bar

VERSION = 1  # raised whenever the same seed would draw something else; older toy worlds are then drawn anew
MARKER = "toy.json"
NAMED_VALIDATION = (10, 13, 62, 65, 97, 104, 107)  # the images whose masks the editions ask to be shown
CLASSIFICATION, MINI, OFFICE, SATELLITE = range(4)  # every set draws from streams of its own
TRAIN, VALIDATION = range(2)
CONCEPTS = {CLASSIFICATION: concepts(0, 50), MINI: concepts(50, 64), OFFICE: concepts(114, 65)}


def is_drawn(root: str | Path) -> bool:
    """Whether a whole toy world of this version lies at `root`: its marker stands and no file has gone since."""
    marker = Path(root) / MARKER
    if not marker.is_file():
        return False
    try:
        said = json.loads(marker.read_text())
    except ValueError:  # not written by `draw`, which writes it whole or not at all
        return False
    return said.get("version") == VERSION and said.get("files") == _count_files(Path(root))


def draw(root: str | Path, seed: int = 0, scale: float = 1.0) -> Path:
    """Draw the toy world below `root`, which appears whole or not at all.

    It is drawn into a hidden folder beside `root`, which takes its place once everything is on disk. A toy world of
    this version, seed and scale that already stands is kept; any other toy world is replaced.

    Args:
        root: the folder to make; it then holds `p1_data`, `p2_data`, `p3_data` and the marker `toy.json`.
        seed: source of everything; the same seed gives the same bytes. At least 0.
        scale: part of the images to draw, in (0, 1]. At 1: 50 x (40 + 10) classification images of 32 px, 64 x 50 Mini
            images of 84 px, 65 x (12 to 20 + 4) Office images of 128 px, 60 + 20 satellite pairs of 256 px. Below,
            never fewer than 2 images a class and 4 + 7 pairs.

    Returns:
        `root`.

    Raises:
        ValueError: `seed` or `scale` is out of its range.
        FileExistsError: `root` holds something other than a toy world.
    """
    root = Path(root)
    if not 0 < scale <= 1:
        raise ValueError(f"scale is {scale}; it must be above 0 and at most 1")
    if seed < 0:
        raise ValueError(f"seed is {seed}; it must be at least 0")
    if _stands(root, seed, scale):  # asked before the lock too: a world in a read-only folder can still be used
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root.parent / f".{root.name}.lock"):  # of two chapters that start at once, the second waits
        if _stands(root, seed, scale):
            return root
        _refuse_foreign(root)
        for left_over in root.parent.glob(f".{root.name}.*.part"):  # of drawings that were killed
            shutil.rmtree(left_over)
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}.", suffix=".part") as beside:
            world = Path(beside) / "world"
            _draw_all(world, seed, scale)
            write_json(world / MARKER, {"seed": seed, "scale": scale, "version": VERSION, "files": _count_files(world)})
            if root.exists():
                root.rename(Path(beside) / "old")
            world.rename(root)
    return root


def _count_files(root: Path) -> int:
    """Files below `root`, the marker and hidden ones aside."""
    return sum(file.is_file() and not file.name.startswith(".") and file.name != MARKER for file in root.rglob("*"))


def _stands(root: Path, seed: int, scale: float) -> bool:
    """Whether just this toy world lies at `root`."""
    if not is_drawn(root):
        return False
    said = json.loads((root / MARKER).read_text())
    return (said["seed"], said["scale"]) == (seed, scale)


def _refuse_foreign(root: Path) -> None:
    """Never replace a folder that `draw` did not make."""
    if root.exists() and not (root / MARKER).is_file() and any(root.iterdir()):
        raise FileExistsError(
            f"{root} holds files but no {MARKER}, so it is no toy world; name another folder, or empty it"
        )


def _draw_all(world: Path, seed: int, scale: float) -> None:
    sets = (_classification, _mini, _office, _satellite)
    with progress_bar("drawing the toy world", None, "image") as progress:
        for draw_set in sets:
            for file, pixels in draw_set(world, seed, scale):
                _write_image(file, pixels)
                progress.update()


def _write_image(file: Path, pixels: np.ndarray) -> None:
    """Write an image; the folder as a whole is what appears at once, so no file needs care of its own."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, quality=90)  # PNG takes no notice of the quality


def _counts(kind: int, full: int, scale: float) -> np.ndarray:
    """Images a class, the same in every class."""
    return np.full(len(CONCEPTS[kind]), max(2, round(full * scale)))


def _write_csv(file: Path, header: str, rows: list[tuple[str, int | str]]) -> None:
    """Write rows of file name and label; a header that begins with `id` numbers them."""
    numbered = header.startswith("id,")
    lines = [f"{k},{name},{label}" if numbered else f"{name},{label}" for k, (name, label) in enumerate(rows)]
    write_text(file, "\n".join([header, *lines]) + "\n")


def _write_class_names(file: Path, classes: tuple[Concept, ...]) -> None:
    write_text(file, "".join(f"{concept.name}\n" for concept in classes))


def _pictures(
    kind: int, split: int, images: list[Planned], files: list[Path], size: int, seed: int
) -> Iterator[tuple[Path, np.ndarray]]:
    for k, (image, file) in enumerate(zip(images, files, strict=True)):
        yield file, draw_object(CONCEPTS[kind][image.shown], size, np.random.default_rng([seed, kind, split, k]))


def _classification(world: Path, seed: int, scale: float) -> Iterator[tuple[Path, np.ndarray]]:
    """`train_50/{class}_{id}.png`, `val_50/…`, `val_gt.csv`; ids of a class go on from train to val."""
    root, generator = world / "p1_data", np.random.default_rng([seed, CLASSIFICATION])
    counts = _counts(CLASSIFICATION, 40, scale)
    train = plan(counts, generator, wrong=WRONG_LABELS)
    val = plan(_counts(CLASSIFICATION, 10, scale), generator, first=counts)
    for split, folder, images in ((TRAIN, "train_50", train), (VALIDATION, "val_50", val)):
        files = [root / folder / f"{image.label}_{image.number}.png" for image in images]
        yield from _pictures(CLASSIFICATION, split, images, files, 32, seed)
    _write_csv(root / "val_gt.csv", "filename,label", [(f"{i.label}_{i.number}.png", i.label) for i in val])


def _mini(world: Path, seed: int, scale: float) -> Iterator[tuple[Path, np.ndarray]]:
    """`train/{wnid}{id}.jpg` and `train.csv`, whose labels look like WordNet ids."""
    root, generator = world / "p2_data" / "mini", np.random.default_rng([seed, MINI])
    images = plan(_counts(MINI, 50, scale), generator, wrong=WRONG_LABELS)
    wnids = [f"n{image.label:08d}" for image in images]
    files = [root / "train" / f"{wnid}{image.number:08d}.jpg" for wnid, image in zip(wnids, images, strict=True)]
    yield from _pictures(MINI, TRAIN, images, files, 84, seed)
    _write_csv(root / "train.csv", "id,filename,label", [(f.name, wnid) for f, wnid in zip(files, wnids, strict=True)])


def _office(world: Path, seed: int, scale: float) -> Iterator[tuple[Path, np.ndarray]]:
    """`{train,val}/{class}_{id}.jpg`, `{train,val}.csv`, `classes.txt`; classes differ in size, rows are shuffled."""
    root, generator = world / "p2_data" / "office", np.random.default_rng([seed, OFFICE])
    counts = np.maximum(2, np.rint(scale * generator.integers(12, 21, len(CONCEPTS[OFFICE])))).astype(int)
    train = plan(counts, generator, wrong=WRONG_LABELS)
    val = plan(_counts(OFFICE, 4, scale), generator, first=counts)
    for split, folder, images in ((TRAIN, "train", train), (VALIDATION, "val", val)):
        files = [root / folder / f"{image.label}_{image.number}.jpg" for image in images]
        yield from _pictures(OFFICE, split, images, files, 128, seed)
        rows: list[tuple[str, int | str]] = [(f"{i.label}_{i.number}.jpg", i.label) for i in images]
        _write_csv(root / f"{folder}.csv", "id,filename,label", [rows[k] for k in generator.permutation(len(rows))])
    _write_class_names(root / "classes.txt", CONCEPTS[OFFICE])


def _satellite(world: Path, seed: int, scale: float) -> Iterator[tuple[Path, np.ndarray]]:
    """`{train,validation}/{id:04d}_sat.jpg` and `_mask.png`; only training masks are traced hurriedly."""
    train = list(range(max(4, round(60 * scale))))
    others = [number for number in range(257) if number not in NAMED_VALIDATION]
    validation = [*NAMED_VALIDATION, *others[: max(0, round(20 * scale) - len(NAMED_VALIDATION))]]
    for split, folder, numbers in ((TRAIN, "train", train), (VALIDATION, "validation", validation)):
        table = share_table(len(numbers), np.random.default_rng([seed, SATELLITE, split]))
        richest_first = np.argsort(
            -(table > 0.03).sum(axis=1), kind="stable"
        )  # so that the named masks show most classes
        for number, shares in zip(numbers, table[richest_first], strict=True):
            generator = np.random.default_rng([seed, SATELLITE, split, number])
            cover = draw_cover(shares, 256, generator)
            place = world / "p3_data" / folder
            yield place / f"{number:04d}_sat.jpg", paint_cover(cover, generator)
            mask = annotate(cover, generator) if split == TRAIN else cover
            yield place / f"{number:04d}_mask.png", COLOURS[mask]
