"""Writing a run record: each file atomically, after its digest."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save
from torch import Tensor

from dlcvlib.data import palette
from dlcvlib.files import digests
from dlcvlib.files.atomic import json_text, whole_folder, write_bytes
from dlcvlib.memory import is_out_of_memory
from dlcvlib.runs.info import DamagedRecordError
from dlcvlib.runs.run import Run, weights_file

CHECKPOINT = "checkpoint.pt"
PREVIOUS = "checkpoint.previous.pt"
STATISTICS = ("running_mean", "running_var")
"""Ends of the names of batch-norm statistics."""


def as_json(value: Any) -> Any:
    """Return `value` as JSON would give it back: tuples as lists, keys as strings."""
    return json.loads(json.dumps(value))


def write_info(run: Run, info: Mapping[str, Any]) -> None:
    """Write `run.json`."""
    _write(run, {"run.json": json_text(dict(info)).encode()})


def write_history(run: Run, rows: list[dict[str, float]]) -> None:
    """Write `history.csv`, one row per epoch, with all digits."""
    _write(run, {"history.csv": pd.DataFrame(rows).to_csv(index=False).encode()})


def write_snapshot(run: Run, epoch: int, arrays: dict[str, np.ndarray]) -> None:
    """Write the arrays of the snapshot at `epoch` as a compressed `.npz`; see `Run.snapshot`."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    _write(run, {f"snapshots/epoch_{epoch:04d}.npz": buffer.getbuffer()})


def write_masks(run: Run, epoch: int, masks: Mapping[str, np.ndarray]) -> None:
    """Write the label maps of the snapshot at `epoch` as palette PNGs, all or none.

    Args:
        run: the record.
        epoch: 0 is the network before training.
        masks: image name to uint8 (H, W), class ids 0 to 6.
    """
    _write_label_maps(run, f"snapshots/epoch_{epoch:04d}", masks)


def write_best_masks(run: Run, masks: Mapping[str, np.ndarray]) -> None:
    """Write the label maps of the best epoch as palette PNGs, all or none."""
    _write_label_maps(run, "best_masks", masks)


def write_weights(run: Run, weights: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write `model.safetensors`; `metadata` names the epoch."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    _write(run, {"model.safetensors": save(tensors, metadata)})


def write_weights_at(run: Run, epoch: int, weights: Mapping[str, Tensor]) -> None:
    """Write the weights of the network that was evaluated at `epoch`; see `Run.weights_at` for their dtypes."""
    tensors = {name: _compact(name, tensor.detach().cpu()).contiguous() for name, tensor in weights.items()}
    _write(run, {weights_file(epoch): save(tensors, {"epoch": str(epoch)})})


def write_checkpoint(run: Run, state: dict[str, Any]) -> None:
    """Write `checkpoint.pt`, which holds tensors, numbers, strings and containers of them only.

    The old one becomes `checkpoint.previous.pt`, to resume from if the new one is damaged.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    if (run.path / CHECKPOINT).is_file():
        known = digests.read(run.path).get(CHECKPOINT)
        if known is not None:
            digests.announce(run.path, {PREVIOUS: known[0]})
        (run.path / CHECKPOINT).replace(run.path / PREVIOUS)
    _write(run, {CHECKPOINT: buffer.getbuffer()})


def resumable_checkpoint(run: Run) -> str | None:
    """Return the name of the newest checkpoint to resume from; None if there is none.

    Damaged checkpoints are skipped, with a message on stderr. So is a checkpoint after the best epoch if the weights of
    the best epoch, which it does not hold, are damaged.
    """
    skipped = []
    for name in (CHECKPOINT, PREVIOUS):
        if not (run.path / name).exists():
            continue
        try:
            progress = read_checkpoint(run, name)["progress"]
            if progress["best_epoch"] != progress["epoch"] and not run.is_intact("model.safetensors"):
                raise DamagedRecordError(f"{run.path / 'model.safetensors'}, of the best epoch so far, is damaged")
        except DamagedRecordError as error:
            skipped.append(str(error))
            continue
        _report(skipped, f"resuming after epoch {progress['epoch']}, from {name}")
        return name
    _report(skipped, "training from the first epoch")
    return None


def read_checkpoint(run: Run, name: str) -> dict[str, Any]:
    """Read a checkpoint to the CPU, executing no code in it.

    Raises:
        DamagedRecordError: the checkpoint is damaged.
        OSError, MemoryError: it cannot be read now but may be intact, so it must not be overwritten.
    """
    file = run.path / name
    content = io.BytesIO(run.content(name))
    try:
        state = torch.load(content, map_location="cpu", weights_only=True)
        state["progress"]["epoch"], state["task"]
    except Exception as error:  # on a damaged file, torch raises almost anything
        if is_out_of_memory(error):
            raise
        raise DamagedRecordError(f"{file} is damaged ({type(error).__name__})") from error
    return dict(state)


def drop_previous_checkpoint(run: Run) -> None:
    """Remove `checkpoint.previous.pt`."""
    (run.path / PREVIOUS).unlink(missing_ok=True)


def _compact(name: str, tensor: Tensor) -> Tensor:
    """Return a float tensor in half precision, unless its values need more."""
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    overflows = bool((half.isinf() & tensor.isfinite()).any())
    return tensor.float() if overflows or name.endswith(STATISTICS) else half


def _report(skipped: list[str], outcome: str) -> None:
    if skipped:
        print(f"{'; '.join(skipped)}; {outcome}", file=sys.stderr)


def _write(run: Run, contents: Mapping[str, bytes | memoryview]) -> None:
    """Write files of a record by name, their digests first."""
    digests.announce(run.path, {name: digests.digest(content) for name, content in contents.items()})
    for name, content in contents.items():
        write_bytes(run.path / name, content)


def _write_label_maps(run: Run, folder: str, masks: Mapping[str, np.ndarray]) -> None:
    files = {f"{name}.png": palette.png(ids) for name, ids in masks.items()}
    digests.announce(run.path, {f"{folder}/{name}": digests.digest(content) for name, content in files.items()})
    with whole_folder(run.path / folder) as new:
        for name, content in files.items():
            (new / name).write_bytes(content)
