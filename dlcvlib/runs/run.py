"""The run record: the folder a training leaves behind, from which every figure is drawn.

A record is `runs/{profile}/{recipe}/seed{n}/` with

- `run.json`: recipe, seed, versions, device, fingerprint of the data, timings; its `status` says whether the record
  is complete;
- `history.csv`: one row an epoch;
- `snapshots/epoch_0000.npz`: features of a fixed sample (epoch 0 is the network before training), or
  `snapshots/epoch_0000/*.png`: label maps of a few images;
- `best_masks/*.png`: label maps of all validation images by the best epoch;
- `embeddings/`: maps made from the snapshots;
- `model.safetensors`: the weights of the best epoch;
- `checkpoint.pt` and, while it trains, `checkpoint.previous.pt`: everything needed to resume;
- `.digests.json`: a digest of each of these files, by which a damaged one is told (`dlcvlib.files.digests`).

Every file appears whole or not at all; none is a pickle that a reader must trust.
"""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from dlcvlib.files import digests
from dlcvlib.data import palette
from dlcvlib.runs.info import DamagedRecordError, Info, parse_info

TRAIN_ANEW = "copy it anew from where the record was made, or remove the record and train it anew"
LEAVE_OUT = f"{TRAIN_ANEW}; a snapshot that is deleted is left out"


@dataclass(frozen=True)
class Run:
    """One record on disk; reading it needs neither the data nor a GPU.

    Whatever reads a file of it raises `DamagedRecordError` where the file is not what was written.
    """

    path: Path

    @property
    def info(self) -> Info:
        """Content of `run.json`; empty before the first epoch was begun."""
        file = self.path / "run.json"
        return parse_info(file, self.content("run.json")) if file.exists() or file.is_symlink() else Info()

    @property
    def finished(self) -> bool:
        """Whether the training came to its planned end."""
        return self.info.get("status") == "finished"

    @property
    def epochs_done(self) -> int:
        """Rows of `history.csv`, after which the training resumes; 0 where there is none."""
        return len(self.history) if (self.path / "history.csv").is_file() else 0

    @property
    def history(self) -> pd.DataFrame:
        """One row an epoch, column `epoch` first; the rest are the task's own (losses, accuracies in [0, 1], …)."""
        file = self._file("history.csv")
        try:
            rows = pd.read_csv(io.BytesIO(self.content("history.csv")), float_precision="round_trip")
        except ValueError as error:  # empty, or no table
            raise DamagedRecordError(f"{file} is damaged ({error}): {TRAIN_ANEW}") from error
        if "epoch" not in rows.columns:
            raise DamagedRecordError(f"{file} is damaged (it has no column `epoch`): {TRAIN_ANEW}")
        return rows

    @property
    def snapshot_epochs(self) -> list[int]:
        """Epochs with a snapshot, ascending; 0 is the network before training."""
        return sorted(
            int(name[1])
            for entry in (self.path / "snapshots").glob("epoch_*")
            if (name := re.fullmatch(r"epoch_([0-9]+)(\.npz)?", entry.name))
        )

    def snapshot(self, epoch: int) -> dict[str, np.ndarray]:
        """Arrays kept at `epoch`.

        Returns:
            for classification: `features` (N, D) float16, `labels` (N,) int64, `indices` (N,) int64 into the split,
            `predicted` (N,) int64, `confidence` (N,) float16 in [0, 1]. The sample is the same at every epoch.

        Raises:
            FileNotFoundError: no snapshot of this epoch; the message names those there are.
            DamagedRecordError: the file is damaged.
        """
        name = f"snapshots/epoch_{epoch:04d}.npz"
        file = self.path / name
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is not there; this record has snapshots of the epochs {self.snapshot_epochs}"
            )
        try:
            with np.load(io.BytesIO(self.content(name, LEAVE_OUT)), allow_pickle=False) as arrays:
                return {array: arrays[array] for array in arrays.files}
        except DamagedRecordError:
            raise
        except (ValueError, OSError, EOFError, BadZipFile, zlib.error, AttributeError) as error:  # or no .npz at all
            raise DamagedRecordError(f"{file} cannot be read ({error}): {LEAVE_OUT}") from error

    def masks(self, epoch: int) -> dict[str, np.ndarray]:
        """Label maps kept at `epoch`: from an image's name to uint8 (H, W), class ids 0 to 6.

        Raises:
            FileNotFoundError: none were kept at this epoch; the message names the epochs with a snapshot.
            DamagedRecordError: one is damaged.
        """
        return self._read_label_maps(self.mask_files(epoch))

    def mask_files(self, epoch: int) -> dict[str, Path]:
        """Files of the label maps kept at `epoch`, by image's name, in the order of the names.

        Raises:
            FileNotFoundError: none were kept at this epoch; the message names the epochs with a snapshot.
        """
        folder = self.path / "snapshots" / f"epoch_{epoch:04d}"
        return _label_maps(folder, f"this record has snapshots of the epochs {self.snapshot_epochs}")

    def best_masks(self) -> dict[str, np.ndarray]:
        """Label maps of all validation images by the best epoch, otherwise as `masks`.

        Raises:
            FileNotFoundError: the record is not finished, or was made before these were kept.
            DamagedRecordError: one is damaged.
        """
        otherwise = "they are written when a segmentation ends: remove the record, then train it anew"
        return self._read_label_maps(_label_maps(self.path / "best_masks", otherwise))

    def first_middle_last(self) -> tuple[int, int, int]:
        """First, middle and last epoch with a snapshot after training began: the three that the reports ask for."""
        epochs = [epoch for epoch in self.snapshot_epochs if epoch > 0]
        if not epochs:
            raise FileNotFoundError(
                f"{self.path / 'snapshots'} holds no snapshot of a trained epoch: has the training begun?"
            )
        return epochs[0], epochs[len(epochs) // 2], epochs[-1]

    def weights(self) -> dict[str, Tensor]:
        """Weights of the best epoch, on the CPU."""
        file = self._file("model.safetensors")
        try:
            return load_safetensors(self.content("model.safetensors"))
        except (SafetensorError, ValueError, KeyError) as error:  # also a type of numbers that torch has not
            if isinstance(error, DamagedRecordError):
                raise
            raise DamagedRecordError(f"{file} cannot be read as weights ({error}): {TRAIN_ANEW}") from error

    def verify(self) -> None:
        """Make certain that what every reader of a finished record needs is what was written.

        Raises:
            DamagedRecordError: its history or its weights are not.
        """
        for name in ("history.csv", "model.safetensors"):
            self._file(name)
            self.content(name)

    def is_sound(self, name: str) -> bool:
        """Whether a file of the record is there and is what was written."""
        try:
            self.content(name)
        except (DamagedRecordError, FileNotFoundError):
            return False
        return True

    def _file(self, name: str) -> Path:
        file = self.path / name
        if not file.exists():
            raise FileNotFoundError(
                f"{file} is not there: the record has not got so far (status: {self.info.get('status', 'not begun')})"
            )
        return file

    def content(self, name: str, cure: str = TRAIN_ANEW) -> bytes:
        """Return the bytes of a file, once it is certain that they are those that were written.

        A file without a digest, as records of older versions have them, is trusted.

        Raises:
            DamagedRecordError: they are others; the message ends in `cure`.
        """
        content = _read(self.path / name, cure)
        # Only now: a training that goes on meanwhile notes a digest before it writes the file.
        return _verified(self.path / name, content, digests.read(self.path).get(name), cure)

    def _read_label_maps(self, files: dict[str, Path]) -> dict[str, np.ndarray]:
        contents = {image: _read(file, LEAVE_OUT) for image, file in files.items()}
        known = digests.read(self.path)
        for image, file in files.items():
            _verified(file, contents[image], known.get(file.relative_to(self.path).as_posix()), LEAVE_OUT)
        return {image: palette.read_png_bytes(contents[image], file) for image, file in files.items()}


def _read(file: Path, cure: str) -> bytes:
    if file.exists() and not file.is_file():
        raise DamagedRecordError(f"{file} is no regular file: {cure}")
    return file.read_bytes()


def _verified(file: Path, content: bytes, known: list[str] | None, cure: str) -> bytes:
    if known is not None and digests.digest(content) not in known:
        raise DamagedRecordError(f"{file} is damaged: it is not what was written. {cure[0].upper()}{cure[1:]}")
    return content


def _label_maps(folder: Path, otherwise: str) -> dict[str, Path]:
    files = sorted(folder.glob("*.png"))
    if not files:
        raise FileNotFoundError(f"{folder} holds no label maps; {otherwise}")
    return {file.stem: file for file in files}


def path_of(root: Path, profile: str, recipe: str, seed: int) -> Path:
    """Folder of one record below the runs folder `root`."""
    return Path(root) / profile / recipe / f"seed{seed}"


def load(path: str | Path) -> Run:
    """Open the record at `path`.

    Raises:
        FileNotFoundError: there is no `run.json`.
        DamagedRecordError: it is damaged.
    """
    run = Run(Path(path))
    if not run.info:
        raise FileNotFoundError(
            f"{run.path} holds no run.json, so it is no run record; `dlcv runs` lists those there are"
        )
    return run


def list_runs(root: str | Path) -> list[Run]:
    """Return every record below `root`, damaged ones too, in the order of their paths."""
    folders = sorted(Path(root).glob("*/*/seed*"))
    return [Run(folder) for folder in folders if (folder / "run.json").exists() or (folder / "run.json").is_symlink()]


def readable_runs(root: str | Path) -> tuple[list[Run], list[DamagedRecordError]]:
    """Return the records below `root` whose `run.json` can be read, and what is wrong with each of the others."""
    found: list[Run] = []
    damaged: list[DamagedRecordError] = []
    for run in list_runs(root):
        try:
            if run.info:
                found.append(run)
        except DamagedRecordError as error:
            damaged.append(error)
    return found, damaged
