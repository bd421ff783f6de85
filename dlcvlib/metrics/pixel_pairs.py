"""Confusion counts over pixels, from which all segmentation metrics are computed."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from dlcvlib.data.palette import CLASS_NAMES

NUM_CLASSES = len(CLASS_NAMES)
OUTSIDE = NUM_CLASSES  # index of invalid ids in the table, checked later so that a device is not synchronised
SIDE = NUM_CLASSES + 1  # of the table: the classes and `OUTSIDE`; as a power of two it gives codes of six bits
CPU_CHUNK, DEVICE_CHUNK = 2**23, 2**22  # pixels counted at a time, which bounds the memory
SCARCELY_SUPPORTED = (torch.uint16, torch.uint32, torch.uint64)  # dtypes with few operations in torch
LANES = 1024  # tables that a device counts into in parallel


def count_pairs(pred: Tensor | np.ndarray, target: Tensor | np.ndarray) -> Tensor:
    """Count the pixels of each pair of classes, on the device of `pred` and without synchronising it.

    Args:
        pred: class ids 0..6, any integer dtype, (..., H, W).
        target: as `pred`; it is moved to the device of `pred`.

    Returns:
        int64 (8, 8) on the device of `pred`: entry (t, p) counts the pixels of class t predicted as p. The last row
        and column count invalid ids; on the CPU these raise an error.

    Raises:
        ValueError: a dtype is not integer, the shapes differ, or (on the CPU) an id lies outside 0 to 6.
    """
    pred, target = label_maps(pred, target)
    pred, target = pred.reshape(-1), target.reshape(-1)
    if pred.device.type == "cpu":
        return _count_on_cpu(pred, target).view(SIDE, SIDE)
    table = torch.zeros(SIDE**2, dtype=torch.int64, device=pred.device)
    for preds, targets in zip(pred.split(DEVICE_CHUNK), target.split(DEVICE_CHUNK), strict=True):
        table += _count_on_device(preds, targets)
    return table.view(SIDE, SIDE)


def label_maps(pred: Tensor | np.ndarray, target: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
    """Return two maps of class ids as tensors on the device of `pred`, without a copy if possible.

    Args:
        pred: any integer dtype, (..., H, W).
        target: as `pred`.

    Raises:
        ValueError: a dtype is not integer, there are fewer than two axes, or the shapes differ.
    """
    pred, target = _label_map("pred", pred), _label_map("target", target)
    if pred.shape != target.shape:
        raise ValueError(
            f"pred has shape {tuple(pred.shape)}, target {tuple(target.shape)}: they must be equal; "
            "resize the prediction to the masks, and squeeze out a channel axis of 1"
        )
    return pred, target.to(pred.device, non_blocking=True)


def _label_map(name: str, ids: Tensor | np.ndarray) -> Tensor:
    if isinstance(ids, np.ndarray):
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch: "not writable"; nothing writes
            ids = torch.as_tensor(np.ascontiguousarray(ids, ids.dtype.newbyteorder("=")))
    if ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        raise ValueError(
            f"{name} is {ids.dtype} of shape {tuple(ids.shape)}, but must be integer class ids of shape (..., H, W); "
            "of scores (N, 7, H, W) take scores.argmax(dim=1)"
        )
    if ids.ndim < 2:
        raise ValueError(f"{name} has shape {tuple(ids.shape)}, but must be a label map (..., H, W)")
    return ids.long() if ids.dtype in SCARCELY_SUPPORTED else ids


def _count_on_cpu(pred: Tensor, target: Tensor) -> Tensor:
    """Return counts (64,) of the pairs of two maps (n,), with one thread per core, as torch.bincount uses only one."""
    threads = min(torch.get_num_threads(), len(pred) // CPU_CHUNK)
    if threads < 2:
        return _count_in_one_thread(pred, target)
    with ThreadPoolExecutor(threads) as pool:
        counts = list(pool.map(_count_in_one_thread, pred.tensor_split(threads), target.tensor_split(threads)))
    return torch.stack(counts).sum(0)


def _count_in_one_thread(pred: Tensor, target: Tensor) -> Tensor:
    """Count chunk by chunk into one reused buffer: allocation would take as long as the counting."""
    counts = torch.zeros(SIDE**2, dtype=torch.int64)
    buffer = torch.empty(min(len(pred), CPU_CHUNK), dtype=torch.uint8)
    for preds, targets in zip(pred.split(CPU_CHUNK), target.split(CPU_CHUNK), strict=True):
        codes = buffer[: len(preds)]
        torch.add(_checked("pred", preds), _checked("target", targets), alpha=SIDE, out=codes)
        counts += _count_codes(codes)
    return counts


def _count_codes(codes: Tensor) -> Tensor:
    """Return the counts of the 64 codes in uint8 (n,), two pixels at a time, which takes half the time."""
    even = len(codes) // 2 * 2
    couples = torch.bincount(codes[:even].view(torch.int16), minlength=SIDE**2 * 256).view(SIDE**2, 256)
    counts = couples.sum(1) + couples.sum(0)[: SIDE**2]  # by either pixel of the couple
    return counts + torch.bincount(codes[even:], minlength=SIDE**2)


def _checked(name: str, ids: Tensor) -> Tensor:
    """Return the ids as uint8; raise a ValueError for an invalid one."""
    lowest, highest = (bound.item() for bound in ids.aminmax()) if len(ids) else (0, 0)
    if lowest < 0 or highest >= NUM_CLASSES:
        wrong = lowest if lowest < 0 else highest
        raise ValueError(
            f"{name} holds the class id {wrong}, outside 0 to {NUM_CLASSES - 1}; "
            "read mask files with dlcvlib.data.palette.class_ids"
        )
    return ids.to(torch.uint8)


def _count_on_device(pred: Tensor, target: Tensor) -> Tensor:
    """Return counts (64,) of the pairs of two chunks (n,). torch.bincount would synchronise to size its result."""
    codes = _marked(target) * SIDE + _marked(pred)
    # Neighbouring pixels mostly agree: in one table their atomic additions would be serialised.
    lanes = torch.arange(len(codes), device=codes.device) % LANES
    counts = torch.zeros(LANES * SIDE**2, dtype=torch.int64, device=codes.device)
    counts.scatter_add_(0, lanes * SIDE**2 + codes, torch.ones_like(codes))
    return counts.view(LANES, SIDE**2).sum(0)


def _marked(ids: Tensor) -> Tensor:
    """Return the ids as int64, with `OUTSIDE` for invalid ones."""
    ids = ids.long()
    return ids.masked_fill((ids < 0) | (ids >= NUM_CLASSES), OUTSIDE)
