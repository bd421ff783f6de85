"""Predictions of a run record for a folder of images, as the csv or the masks that the course asks for.

The course's graders pair predictions with labels by position: masks sorted by name, csv files row by row. An image that
cannot be read is reported, and gets the most frequent class of the others, so that no prediction is shifted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dlcvlib.data import DataError, palette
from dlcvlib.data.tables import csv_text
from dlcvlib.files.outputs import output_file, output_files
from dlcvlib.handin.batches import predictions
from dlcvlib.handin.destination import check_masks, check_table
from dlcvlib.handin.images import Faulty, Loaded, images_in, read_image, read_tile, rows_of, tiles_in
from dlcvlib.handin.network import Network, network_of, open_record
from dlcvlib.runs import Run


@dataclass(frozen=True)
class HandedIn:
    """Result of `predict`."""

    out: Path
    images: int
    faults: tuple[str, ...]
    """Messages for the images that could not be read."""
    filler: str
    """Class predicted for these images, the most frequent one; "" if there are none."""
    others: tuple[str, ...] = ()
    """Other masks in the output folder, which a grader would read too."""


def predict(
    run: Run | str | Path,
    images: str | Path,
    out: str | Path,
    *,
    csv_file: str | Path | None = None,
    device: str | None = None,
    batch_size: int | None = None,
    replace: bool = False,
) -> HandedIn:
    """Predict every image and write the course's csv or masks, all or nothing.

    A classification gives a csv `filename,label`; a fine-tuning on Office-Home a csv `id,filename,label` in the order
    of `csv_file`; a segmentation a folder of masks `NNNN_mask.png` in the course's colours, one per image NNNN_sat.

    Args:
        run: a finished record, or its folder.
        images: folder of the images.
        out: file of the csv, or folder of the masks. Files of an earlier call are replaced at the end; others stay.
        csv_file: csv of the course that lists the images; for a fine-tuning on Office-Home only.
        device: such as "cpu" or "cuda:1"; None uses a GPU if there is one.
        batch_size: halved when memory runs out; None means that of the validation during training, with which
            predictions are equal to the bit on the same machine.
        replace: replace files that dlcv did not write, but never in a data set.

    Raises:
        DataError: no image can be read, a file name is not as required, or the csv is unreadable.
        ValueError: the record cannot be used, or `csv_file` or `out` does not suit it.
        dlcvlib.files.outputs.ForeignFileError: a file that dlcv did not write would be replaced.
        MemoryError: a single image does not fit into memory.
    """
    network = network_of(open_record(run), device)
    images, out = Path(images), Path(out)
    course_csv = None if csv_file is None else Path(csv_file)
    _check_csv(network, course_csv)
    batch = network.batch_size if batch_size is None else batch_size
    if network.recipe.dataset == "satellite":
        return _write_masks(network, images, out, batch, replace=replace)
    return _write_table(network, images, out, course_csv, batch, replace=replace)


def _check_csv(network: Network, course_csv: Path | None) -> None:
    name, dataset = network.recipe.name, network.recipe.dataset
    if dataset == "office" and course_csv is None:
        raise ValueError(f"{name} is a fine-tuning; name the course's csv that lists the images with --csv")
    if dataset != "office" and course_csv is not None:
        raise ValueError(f"{name} is trained on the {dataset} set, which has no csv for --csv; leave --csv out")


def _write_table(
    network: Network, images: Path, out: Path, course_csv: Path | None, batch: int, *, replace: bool
) -> HandedIn:
    check_table(out, course_csv, replace=replace)
    header: tuple[str, ...] = ("filename", "label")
    if course_csv is None:
        files = images_in(images)
        columns: list[tuple[str, ...]] = [(file.name,) for file in files]
    else:
        rows = rows_of(course_csv, images)
        files = [row.file for row in rows]
        header, columns = ("id", *header), [(row.id, row.filename) for row in rows]
    with output_file(out, replace=replace) as file:  # opened first: fails before the network runs
        predicted = list(_predictions(network, files, batch, read_image))
        counts = Counter(int(label) for label in predicted if not isinstance(label, Faulty))
        filler = _most_frequent(counts, images)
        labels = [network.labels[filler if isinstance(label, Faulty) else int(label)] for label in predicted]
        text = csv_text(header, ((*row, label) for row, label in zip(columns, labels, strict=True)))
        file.write(text.encode())
    return _result(out, predicted, network.labels[filler])


def _write_masks(network: Network, images: Path, out: Path, batch: int, *, replace: bool) -> HandedIn:
    tiles = tiles_in(images)
    check_masks(out, images, tiles, replace=replace)
    others = {file.name for file in out.glob("*.png")} - tiles.keys()
    pixels = np.zeros(len(palette.CLASS_NAMES), dtype=np.int64)
    sizes: Counter[tuple[int, int]] = Counter()
    faults: dict[str, Faulty] = {}
    with output_files(out, replace=replace) as folder:
        for name, mask in zip(tiles, _predictions(network, list(tiles.values()), batch, read_tile), strict=True):
            if isinstance(mask, Faulty):
                faults[name] = mask
                continue
            (folder / name).write_bytes(palette.rgb_png(mask))
            pixels += np.bincount(mask.ravel(), minlength=len(pixels))
            sizes[mask.shape] += 1
        filler = _most_frequent(Counter(dict(enumerate(pixels.tolist()))), images)
        for name, fault in faults.items():
            size = fault.size or sizes.most_common(1)[0][0]
            (folder / name).write_bytes(palette.rgb_png(np.full(size, filler, dtype=np.uint8)))
    predicted = [faults.get(name) for name in tiles]
    return _result(out, predicted, palette.CLASS_NAMES[filler], tuple(sorted(others)))


def _predictions(
    network: Network, files: Sequence[Path], batch: int, read: Callable[..., Loaded | Faulty]
) -> Iterator[np.ndarray | Faulty]:
    read_one = partial(read, size=network.decoded_size)
    return predictions(files, read_one, network.predict, batch, network.recipe.name)


def _most_frequent(counts: Counter[int], images: Path) -> int:
    if not counts.total():
        raise DataError(f"{images}: none of the images can be read")
    return counts.most_common(1)[0][0]


def _result(out: Path, predicted: Sequence[object], filler: str, others: tuple[str, ...] = ()) -> HandedIn:
    faults = tuple(image.reason for image in predicted if isinstance(image, Faulty))
    return HandedIn(out, len(predicted), faults, filler if faults else "", others)
