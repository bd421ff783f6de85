"""The small world that every command of a campaign runs in: data, recipes, records, files of the user."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dlcvlib import recipes

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import training_worlds as small

OWN = "students-own.txt"
"""Name of a file of the user, one in every folder."""
BYOL = small.small_pretraining("byol", epochs=2)
FROM_BYOL = {
    "dataset": "office",
    "model": "resnet18",
    "model_options": {"width": 8},
    "head": "linear",
    "image_size": 24,
    "start": "ssl",
    "pretraining": BYOL.name,
    "mixup_alpha": 0.0,
    "cutmix_alpha": 0.0,
    "weight_average": 0.0,
}
RECIPES = (
    small.small_recipe(epochs=3),
    small.small_recipe(name="halfway", epochs=3, weight_average=0.6),  # with equal settings it would be the same run
    small.small_recipe(name="given", start="pretrained", epochs=1),
    small.small_recipe(name="tuned", epochs=1, **FROM_BYOL),
    small.small_recipe(name="probed", epochs=1, trains="classifier", **FROM_BYOL),
    small.small_segmentation(epochs=2),
    BYOL,
    small.small_pretraining("dino", epochs=2),
)
PROFILE = "smoke"


def register_recipes() -> None:
    """Register the small recipes by name."""
    recipes.RECIPES.update({recipe.name: recipe for recipe in RECIPES})


def environment(world: Path) -> dict[str, str]:
    """Return the environment variables that make commands use the world's folders."""
    return {
        "DLCV_HOME": str(world / "home"),
        "DLCV_RUNS": str(world / "runs"),
        "DLCV_DATA": str(world / "data"),
        "TMPDIR": str(world / "tmp"),
        "OMP_NUM_THREADS": "1",
    }


def make(world: Path, run: Callable[[list[str]], None]) -> None:
    """Write the data and train the records from the command line; `run` runs a command in a new process."""
    for name in ("home/book/results", "runs", "tmp", "out/handin", "out/masks"):
        (world / name).mkdir(parents=True)
    small.write_classification(world / "data", per_class=6)
    small.write_mini_and_office(world / "data")
    small.write_satellite(world / "data" / "p3_data", pairs=3)
    lines = (world / "data/p2_data/office/val.csv").read_text().splitlines()
    asked = [lines[0], *(f"{line.rpartition(',')[0]},None" for line in lines[1:])]
    (world / "out/asked.csv").write_text("\n".join(asked) + "\n")
    (world / "out/bands.yaml").write_text("r4_vgg13_bn: {val_accuracy: [0.1, 0.9]}\n")
    _write_archive(world / "out/archive.zip")
    run(["train", "small", "probed", "small_segmentation", "small_dino", "--profile", PROFILE])
    shutil.copyfile(world / "runs" / PROFILE / "small/seed0/model.safetensors", world / "out/weights.safetensors")
    state = {name: torch.zeros(2, 2) for name in ("a", "b")}
    torch.save(state, world / "out/other.pt")
    for folder in [world / "data", *(entry for entry in (world / "out").rglob("*") if entry.is_dir()), world / "out"]:
        (folder / OWN).write_text(f"notes of {folder.name}")


def _write_archive(file: Path) -> None:
    picture = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save(picture, "PNG")
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(3):
            archive.writestr(f"hw1_data/p1_data/train_50/{number}_0.png", picture.getvalue())
            archive.writestr(f"hw1_data/p1_data/val_50/{number}_1.png", picture.getvalue())


def own_files(world: Path) -> dict[str, str]:
    """Return the content of every file of the user."""
    return {str(file.relative_to(world)): file.read_text() for file in world.rglob(OWN)}


TIMES = ("timings", "device")


def content(path: Path) -> dict[str, str]:
    """Return a digest of each file below `path`, or of `path` itself, without times, locks and checkpoints."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    found = {}
    for file in files:
        name = file.name
        if name.startswith((".", "checkpoint")) or name == OWN or name.endswith(".lock") or "/." in str(file):
            continue
        data = file.read_bytes()
        if name == "run.json" or (file.suffix == ".json" and b'"timings"' in data):
            values = {key: value for key, value in json.loads(data).items() if key not in TIMES}
            data = json.dumps(values, sort_keys=True).encode()
        if file.suffix == ".npz":  # the archive holds the time when it was written
            with np.load(io.BytesIO(data)) as arrays:
                data = b"".join(name.encode() + arrays[name].tobytes() for name in sorted(arrays.files))
        found[str(file.relative_to(path)) or name] = hashlib.sha256(data).hexdigest()[:16]
    return found


def copy(world: Path, to: Path) -> Path:
    """Copy the world with its file times, which are part of cache keys."""
    shutil.copytree(world, to, copy_function=shutil.copy2, symlinks=True)
    return to


def age_parts(world: Path) -> None:
    """Make the temporary files of killed writers old enough to be removed."""
    for part in world.rglob(".*.part"):
        os.utime(part, (0, 0))


def parts(world: Path) -> list[Path]:
    """Return the temporary files and folders that are left over."""
    return [part for part in world.rglob(".*.part")]
