"""From a run record and a folder of images to the file or folder that the course asks for.

The course's graders pair predictions with the truth by their place: they read masks in the order of their names, and
csv files row by row. One that is missing would shift all that follow, so an image that cannot be read still gets its
row or mask, with the class that was predicted most often among the others; it is reported, never passed over.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from dlcvlib.data import DataError, palette
from dlcvlib.files.outputs import output_file, output_files
from dlcvlib.handin.batches import predictions
from dlcvlib.handin.destination import check_masks, check_table
from dlcvlib.handin.images import Faulty, Loaded, images_in, read_image, read_tile, rows_of, tiles_in
from dlcvlib.handin.network import Network, network_of, opened
from dlcvlib.runs import Run


@dataclass(frozen=True)
class HandedIn:
    """What was written."""

    out: Path
    images: int
    faults: tuple[str, ...]
    """Why an image could not be read; each names its file."""
    filler: str
    """The class that those were given: the one predicted most often; "" where there is none."""
    others: tuple[str, ...] = ()
    """Other masks that were in the folder and still are: a grader would count them in."""


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
    """Predict every image, and write the course's csv or masks, whole or not at all.

    A classification gives a csv `filename,label`; a fine-tuning on Office-Home, in the order of the given csv,
    `id,filename,label`; a segmentation a folder of `NNNN_mask.png` in the course's colours, one an image NNNN_sat.

    Args:
        run: a finished record, or its folder.
        images: folder.
        out: file of the csv; or folder of the masks. What an earlier call wrote there is replaced once all are
            computed, and other files stay.
        csv_file: the given csv, for a fine-tuning on Office-Home and nothing else.
        device: such as "cpu" or "cuda:1"; None takes a GPU where there is one.
        batch_size: images at once; halved when they do not fit. None takes as many as the training's own validation,
            with which predictions are the same to the bit on the same machine.
        replace: also files in the way that dlcv did not write; but never in a data set.

    Raises:
        DataError: no image can be read, a name is not as it should be, or the csv is unreadable.
        ValueError: the record cannot be used, or `csv_file` or `out` is not what this record asks for.
        dlcvlib.files.outputs.ForeignFileError: a file stands in the way that dlcv did not write.
        MemoryError: a single image does not fit into memory.
    """
    network = network_of(opened(run), device)
    images, out = Path(images), Path(out)
    given = None if csv_file is None else Path(csv_file)
    _refuse_other_csv(network, given)
    batch = network.batch_size if batch_size is None else batch_size
    if network.recipe.dataset == "satellite":
        return _masks(network, images, out, batch, replace=replace)
    return _table(network, images, out, given, batch, replace=replace)


def _refuse_other_csv(network: Network, given: Path | None) -> None:
    name, dataset = network.recipe.name, network.recipe.dataset
    if dataset == "office" and given is None:
        raise ValueError(f"{name} is a fine-tuning, whose csv follows the order of a given one: name it with --csv")
    if dataset != "office" and given is not None:
        raise ValueError(f"{name} is trained on the {dataset} set, for which no csv is given: leave --csv out")


def _table(network: Network, images: Path, out: Path, given: Path | None, batch: int, *, replace: bool) -> HandedIn:
    check_table(out, given, replace=replace)
    header: tuple[str, ...] = ("filename", "label")
    if given is None:
        files = images_in(images)
        begun: list[tuple[str, ...]] = [(file.name,) for file in files]
    else:
        rows = rows_of(given, images)
        files = [row.file for row in rows]
        header, begun = ("id", *header), [(row.id, row.filename) for row in rows]
    with output_file(
        out, replace=replace
    ) as file:  # opened first: what cannot be written is known before anything is computed
        found = list(_predicted(network, files, batch, read_image))
        counts = Counter(int(label) for label in found if not isinstance(label, Faulty))
        filler = _most_frequent(counts, images)
        labels = [network.labels[filler if isinstance(label, Faulty) else int(label)] for label in found]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows((*row, label) for row, label in zip(begun, labels, strict=True))
        file.write(text.getvalue().encode())
    return _handed_in(out, found, network.labels[filler])


def _masks(network: Network, images: Path, out: Path, batch: int, *, replace: bool) -> HandedIn:
    tiles = tiles_in(images)
    check_masks(out, images, tiles, replace=replace)
    others = {file.name for file in out.glob("*.png")} - tiles.keys()
    pixels = np.zeros(len(palette.CLASS_NAMES), dtype=np.int64)
    sizes: Counter[tuple[int, int]] = Counter()
    faults: dict[str, Faulty] = {}
    with output_files(out, replace=replace) as folder:
        for name, mask in zip(tiles, _predicted(network, list(tiles.values()), batch, read_tile), strict=True):
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
    found = [faults.get(name) for name in tiles]
    return _handed_in(out, found, palette.CLASS_NAMES[filler], tuple(sorted(others)))


def _predicted(
    network: Network, files: Sequence[Path], batch: int, read: Callable[..., Loaded | Faulty]
) -> Iterator[np.ndarray | Faulty]:
    read_one = partial(read, size=network.decoded_size)
    return predictions(files, read_one, network.predict, batch, network.recipe.name)


def _most_frequent(counts: Counter[int], images: Path) -> int:
    if not counts.total():
        raise DataError(f"{images}: none of the images asked for can be read, so there is nothing to predict")
    return counts.most_common(1)[0][0]


def _handed_in(out: Path, found: Sequence[object], filler: str, others: tuple[str, ...] = ()) -> HandedIn:
    faults = tuple(one.reason for one in found if isinstance(one, Faulty))
    return HandedIn(out, len(found), faults, filler if faults else "", others)
