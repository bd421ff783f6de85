"""The run record: the folder with everything that a training run writes.

A record is `runs/{profile}/{recipe}/seed{n}/` with

- `run.json`: recipe, seed, versions, device, fingerprint of the data, timings, and the `status`;
- `history.csv`: one row per epoch;
- `snapshots/epoch_0000.npz`: features of a fixed sample (epoch 0 is the network before training), or
  `snapshots/epoch_0000/*.png`: predicted label maps of a few images;
- `best_masks/*.png`: predicted label maps of all validation images at the best epoch;
- `embeddings/`: maps computed from the snapshots;
- `model.safetensors`: the weights of the best epoch;
- `weights/epoch_0007.safetensors`: the weights of some epochs, for recipes with `kept_weights`;
- `checkpoint.pt` and, during training, `checkpoint.previous.pt`: the state to resume from;
- `.digests.json`: a digest of each of these files, to detect damage (`dlcvlib.files.digests`).

Every file is written atomically, and no code is executed when one is read.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from dlcvlib.data import palette
from dlcvlib.files import digests
from dlcvlib.runs.info import DamagedRecordError, Info, parse_info

TRAIN_AGAIN = "copy it again from where the record was made, or remove the record and train again"
LEAVE_OUT = f"{TRAIN_AGAIN}; figures leave out a snapshot that is deleted"


def weights_file(epoch: int | None) -> str:
    """Name of the file with the weights of an epoch in a record; None for the best one's, in full precision."""
    return "model.safetensors" if epoch is None else f"weights/epoch_{epoch:04d}.safetensors"


@dataclass(frozen=True)
class Run:
    """A record on disk. Methods that read a file raise `DamagedRecordError` if it is damaged."""

    path: Path
    labels: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Settings without influence, such as name and title, of another recipe that the record is read as; see
    `dlcvlib.runs.record_of`."""

    @property
    def info(self) -> Info:
        """Content of `run.json`; empty before the first epoch. "trained_as" names the recipe if read as another."""
        file = self.path / "run.json"
        info = parse_info(file, self.content("run.json")) if file.exists() or file.is_symlink() else Info()
        if self.labels and info:
            info["trained_as"] = info["recipe"]["name"]
            info["recipe"].update(self.labels)
        return info

    @property
    def finished(self) -> bool:
        """True if the training run is complete."""
        return self.info.get("status") == "finished"

    @property
    def epochs_done(self) -> int:
        """Number of rows of `history.csv`; 0 if it does not exist."""
        return len(self.history) if (self.path / "history.csv").is_file() else 0

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch: column `epoch`, then those of the task (losses, accuracies in [0, 1], …).

        Epochs after which the network was not evaluated have a training loss only, and nan for the rest.
        """
        file = self._file("history.csv")
        content = self.content("history.csv")
        try:
            rows = pd.read_csv(io.BytesIO(content), float_precision="round_trip")
        except ValueError as error:  # empty or not a table
            raise DamagedRecordError(f"{file} is damaged ({error}): {TRAIN_AGAIN}") from error
        if "epoch" not in rows.columns:
            raise DamagedRecordError(f"{file} is damaged (it has no column `epoch`): {TRAIN_AGAIN}")
        return rows

    @property
    def snapshot_epochs(self) -> list[int]:
        """Epochs with a snapshot, in ascending order; 0 is the network before training."""
        return sorted(
            int(name[1])
            for entry in (self.path / "snapshots").glob("epoch_*")
            if (name := re.fullmatch(r"epoch_([0-9]+)(\.npz)?", entry.name))
        )

    def snapshot(self, epoch: int) -> dict[str, np.ndarray]:
        """Arrays of the snapshot at `epoch`.

        Returns:
            for classification: `features` (N, D) float16, `labels` (N,) int64, `indices` (N,) int64 into the split,
            `predicted` (N,) int64, `confidence` (N,) float16 in [0, 1]. The sample is the same at every epoch.

        Raises:
            FileNotFoundError: no snapshot of this epoch; the message names the epochs with one.
            DamagedRecordError: the file is damaged.
        """
        name = f"snapshots/epoch_{epoch:04d}.npz"
        file = self.path / name
        if not file.is_file():
            raise FileNotFoundError(f"{file} does not exist; there are snapshots of the epochs {self.snapshot_epochs}")
        try:
            with np.load(io.BytesIO(self.content(name, LEAVE_OUT)), allow_pickle=False) as arrays:
                return {array: arrays[array] for array in arrays.files}
        except DamagedRecordError:
            raise
        except (ValueError, OSError, EOFError, BadZipFile, zlib.error, AttributeError) as error:  # or no .npz at all
            raise DamagedRecordError(f"{file} cannot be read ({error}): {LEAVE_OUT}") from error

    def masks(self, epoch: int) -> dict[str, np.ndarray]:
        """Predicted label maps at `epoch`: image name to uint8 (H, W), class ids 0 to 6.

        Raises:
            FileNotFoundError: no label maps at this epoch; the message names the epochs with a snapshot.
            DamagedRecordError: one is damaged.
        """
        return self._read_label_maps(self.mask_files(epoch))

    def mask_files(self, epoch: int) -> dict[str, Path]:
        """Files of the label maps at `epoch` by image name, sorted.

        Raises:
            FileNotFoundError: no label maps at this epoch; the message names the epochs with a snapshot.
        """
        folder = self.path / "snapshots" / f"epoch_{epoch:04d}"
        return _label_maps(folder, f"there are snapshots of the epochs {self.snapshot_epochs}")

    def best_masks(self) -> dict[str, np.ndarray]:
        """Predicted label maps of all validation images at the best epoch, in the form of `masks`.

        Raises:
            FileNotFoundError: the record is not finished, or of an older version that did not write them.
            DamagedRecordError: one is damaged.
        """
        cure = "they are written at the end of training: remove the record and train again"
        return self._read_label_maps(_label_maps(self.path / "best_masks", cure))

    def first_middle_last(self) -> tuple[int, int, int]:
        """First, middle and last epoch with a snapshot, without epoch 0."""
        epochs = [epoch for epoch in self.snapshot_epochs if epoch > 0]
        if not epochs:
            raise FileNotFoundError(f"{self.path / 'snapshots'} holds no snapshot of a trained epoch; train first")
        return epochs[0], epochs[len(epochs) // 2], epochs[-1]

    def weights(self) -> dict[str, Tensor]:
        """Weights of the best epoch, on the CPU."""
        self._file("model.safetensors")
        return self._read_weights("model.safetensors")

    @property
    def weight_epochs(self) -> list[int]:
        """Epochs whose weights are kept, in ascending order."""
        return sorted(
            int(name[1])
            for file in (self.path / "weights").glob("epoch_*.safetensors")
            if (name := re.fullmatch(r"epoch_([0-9]+)\.safetensors", file.name))
        )

    def weights_at(self, epoch: int) -> dict[str, Tensor]:
        """Weights of the network that was evaluated at `epoch`, on the CPU.

        Returns:
            name to tensor: float16; float32 for batch-norm statistics (`running_mean`, `running_var`) and for a tensor
            with values beyond float16's range; integers as they are.

        Raises:
            ValueError: no weights of this epoch are kept; the message names the epochs with weights.
            DamagedRecordError: the file is damaged.
        """
        name = weights_file(epoch)
        if not (self.path / name).exists():
            kept = ", ".join(map(str, self.weight_epochs))
            cure = f"weights are kept of the epochs {kept}: choose one of these" if kept else "no weights are kept here"
            raise ValueError(
                f"{self.path / name} does not exist; {cure}, or remove the record and train with another `kept_weights`"
            )
        return self._read_weights(name)

    def verify(self) -> None:
        """Check the history and the weights of a finished record.

        Raises:
            DamagedRecordError: one of them is damaged.
        """
        for name in ("history.csv", "model.safetensors"):
            self._file(name)
            self.content(name)

    def _read_weights(self, name: str) -> dict[str, Tensor]:
        content = self.content(name)
        try:
            return load_safetensors(content)
        except (SafetensorError, ValueError, KeyError) as error:  # KeyError: a dtype that torch does not have
            raise DamagedRecordError(
                f"{self.path / name} cannot be read as weights ({error}): {TRAIN_AGAIN}"
            ) from error

    def is_intact(self, name: str) -> bool:
        """Return True if the file exists and is not damaged."""
        try:
            self.content(name)
        except (DamagedRecordError, FileNotFoundError):
            return False
        return True

    def _file(self, name: str) -> Path:
        file = self.path / name
        if not file.exists():
            raise FileNotFoundError(
                f"{file} does not exist yet (status: {self.info.get('status', 'not begun')}); `dlcv train` resumes it"
            )
        return file

    def content(self, name: str, cure: str = TRAIN_AGAIN) -> bytes:
        """Return the content of a file after comparing its digest; old records without digests are not compared.

        Raises:
            DamagedRecordError: the file is damaged; the message ends in `cure`.
        """
        content = _read(self.path / name, cure)
        # Read the digests last: a training run in progress updates them before it writes a file.
        return _verified(self.path / name, content, digests.read(self.path).get(name), cure)

    def _read_label_maps(self, files: dict[str, Path]) -> dict[str, np.ndarray]:
        contents = {image: _read(file, LEAVE_OUT) for image, file in files.items()}
        known = digests.read(self.path)
        for image, file in files.items():
            _verified(file, contents[image], known.get(file.relative_to(self.path).as_posix()), LEAVE_OUT)
        return {image: palette.read_png_bytes(contents[image], file) for image, file in files.items()}


def _read(file: Path, cure: str) -> bytes:
    if file.exists() and not file.is_file():
        raise DamagedRecordError(f"{file} is not a regular file: {cure}")
    return file.read_bytes()


def _verified(file: Path, content: bytes, known: list[str] | None, cure: str) -> bytes:
    if known is not None and digests.digest(content) not in known:
        raise DamagedRecordError(f"{file} is damaged (its digest does not match): {cure}")
    return content


def _label_maps(folder: Path, cure: str) -> dict[str, Path]:
    files = sorted(folder.glob("*.png"))
    if not files:
        raise FileNotFoundError(f"{folder} holds no label maps; {cure}")
    return {file.stem: file for file in files}
