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
- `checkpoint.pt`: everything needed to go on, read with `weights_only=True`.

Every file appears whole or not at all; none is a pickle that a reader must trust.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from dlcvlib.data import palette
from dlcvlib.files import whole_file, whole_folder, write_json, write_text


@dataclass(frozen=True)
class Run:
    """One record on disk; reading it needs neither the data nor a GPU."""

    path: Path

    @property
    def info(self) -> dict[str, Any]:
        """What `run.json` says; an empty dict before the first epoch was begun."""
        file = self.path / "run.json"
        return json.loads(file.read_text()) if file.is_file() else {}

    @property
    def finished(self) -> bool:
        """Whether the training came to its planned end."""
        return self.info.get("status") == "finished"

    @property
    def epochs_done(self) -> int:
        """Rows of `history.csv`, after which the training goes on; 0 where there is none."""
        return len(self.history) if (self.path / "history.csv").is_file() else 0

    @property
    def history(self) -> pd.DataFrame:
        """One row an epoch, column `epoch` first; the rest are the task's own (losses, accuracies in [0, 1], …)."""
        file = self._file("history.csv")
        return pd.read_csv(file, float_precision="round_trip")

    @property
    def snapshot_epochs(self) -> list[int]:
        """Epochs with a snapshot, ascending; 0 is the network before training."""
        return sorted(
            int(entry.stem.removeprefix("epoch_"))
            for entry in (self.path / "snapshots").glob("epoch_*")
            if not entry.name.startswith(".")
        )

    def snapshot(self, epoch: int) -> dict[str, np.ndarray]:
        """Arrays kept at `epoch`.

        Returns:
            for classification: `features` (N, D) float16, `labels` (N,) int64, `indices` (N,) int64 into the split,
            `predicted` (N,) int64, `confidence` (N,) float16 in [0, 1]. The sample is the same at every epoch.

        Raises:
            FileNotFoundError: no snapshot of this epoch; the message names those there are.
            ValueError: the file is spoilt.
        """
        file = self.path / "snapshots" / f"epoch_{epoch:04d}.npz"
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is not there; this record has snapshots of the epochs {self.snapshot_epochs}"
            )
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (ValueError, EOFError, BadZipFile, zlib.error) as error:
            raise ValueError(
                f"{file} cannot be read ({error}): copy it anew from where the record was made, or train this record "
                "anew; a snapshot that is deleted is left out"
            ) from error

    def masks(self, epoch: int) -> dict[str, np.ndarray]:
        """Label maps kept at `epoch`: from an image's name to uint8 (H, W), class ids 0 to 6.

        Raises:
            FileNotFoundError: none were kept at this epoch; the message names the epochs with a snapshot.
        """
        return {name: palette.read_png(file) for name, file in self.mask_files(epoch).items()}

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
        """
        otherwise = "they are written when a segmentation ends: remove the record, then train it anew"
        files = _label_maps(self.path / "best_masks", otherwise)
        return {name: palette.read_png(file) for name, file in files.items()}

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
        with safe_open(self._file("model.safetensors"), framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (safe_open is no dict)

    def _file(self, name: str) -> Path:
        file = self.path / name
        if not file.is_file():
            raise FileNotFoundError(
                f"{file} is not there: the record has not got so far (status: {self.info.get('status', 'not begun')})"
            )
        return file


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
    """
    run = Run(Path(path))
    if not run.info:
        raise FileNotFoundError(
            f"{run.path} holds no run.json, so it is no run record; `dlcv runs` lists those there are"
        )
    return run


def list_runs(root: str | Path) -> list[Run]:
    """Every record below `root`, in the order of their paths."""
    return [Run(file.parent) for file in sorted(Path(root).glob("*/*/seed*/run.json"))]


def as_json(value: Any) -> Any:
    """`value` as it comes back from a JSON file: tuples as lists, keys as strings."""
    return json.loads(json.dumps(value))


def write_info(run: Run, info: dict[str, Any]) -> None:
    """Write `run.json`."""
    write_json(run.path / "run.json", info)


def write_history(run: Run, rows: list[dict[str, float]]) -> None:
    """Write `history.csv`, one row an epoch; floats keep all their digits."""
    write_text(run.path / "history.csv", pd.DataFrame(rows).to_csv(index=False))


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write named arrays as a compressed `.npz`."""
    with whole_file(path) as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def write_snapshot(run: Run, epoch: int, arrays: dict[str, np.ndarray]) -> None:
    """Write the arrays kept at `epoch`; see `Run.snapshot`."""
    write_arrays(run.path / "snapshots" / f"epoch_{epoch:04d}.npz", arrays)


def write_masks(run: Run, epoch: int, masks: Mapping[str, np.ndarray]) -> None:
    """Write the label maps kept at `epoch` as palette PNG, all or none.

    Args:
        run: the record.
        epoch: 0 is the network before training.
        masks: from an image's name to uint8 (H, W), class ids 0 to 6.
    """
    _write_label_maps(run.path / "snapshots" / f"epoch_{epoch:04d}", masks)


def write_best_masks(run: Run, masks: Mapping[str, np.ndarray]) -> None:
    """Write the label maps of `Run.best_masks`, all or none."""
    _write_label_maps(run.path / "best_masks", masks)


def _write_label_maps(folder: Path, masks: Mapping[str, np.ndarray]) -> None:
    with whole_folder(folder) as beside:
        for name, ids in masks.items():
            (beside / f"{name}.png").write_bytes(palette.png(ids))


def write_weights(run: Run, weights: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write `model.safetensors`; `metadata` says which epoch they are of."""
    with whole_file(run.path / "model.safetensors") as file:
        file.write(save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, metadata))


def write_checkpoint(run: Run, state: dict[str, Any]) -> None:
    """Write `checkpoint.pt`: tensors, numbers, strings and containers of them only."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with whole_file(run.path / "checkpoint.pt") as file:
        file.write(buffer.getbuffer())


def read_checkpoint(run: Run) -> dict[str, Any] | None:
    """Read `checkpoint.pt` to the CPU; None where there is none."""
    file = run.path / "checkpoint.pt"
    return torch.load(file, map_location="cpu", weights_only=True) if file.is_file() else None


def result(run: Run) -> dict[str, Any]:
    """What the book keeps of a finished record: numbers only, no weights.

    Raises:
        ValueError: the record is not finished.
    """
    info = run.info
    if info.get("status") != "finished":
        raise ValueError(f"{run.path} is not finished (status: {info.get('status')}); `dlcv train` goes on with it")
    kept: tuple[str, ...] = (
        "recipe",
        "profile",
        "seed",
        "start",
        "device",
        "precision",
        "data",
        "versions",
        "parameters",
        "best",
        "last",
    )
    kept += tuple(name for name in ("before", "trained_parameters", "collapse") if name in info)
    timings = {name: info["timings"][name] for name in ("started", "finished", "minutes")}
    return {name: info[name] for name in kept} | {"timings": timings, "history": run.history.to_dict("list")}


def export_result(run: Run, folder: Path) -> Path:
    """Write `result(run)` into `folder`, named after the data, recipe, profile and seed.

    Returns:
        the file written.
    """
    kept = result(run)
    name = "-".join([kept["data"]["root"], kept["recipe"]["name"], kept["profile"], f"seed{kept['seed']}"])
    file = Path(folder) / f"{name}.json"
    write_json(file, kept)
    return file
