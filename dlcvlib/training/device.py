"""Device and precision of a training, and the device's name in a record."""

from __future__ import annotations

import os
import platform
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

import torch

from dlcvlib.counting import counted

Precision = Literal["bf16", "fp32"]
PRECISIONS: dict[str, Precision] = {"bf16": "bf16", "fp32": "fp32"}


def choose_device() -> torch.device:
    """Return a CUDA device if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_precision(device: torch.device) -> Precision:
    """Return bf16 if the device multiplies it natively, where it is faster (`make bench` measures it), else fp32.

    `$DLCV_PRECISION` overrides.

    Raises:
        ValueError: `$DLCV_PRECISION` is neither "bf16" nor "fp32".
    """
    if named := os.environ.get("DLCV_PRECISION"):
        if named not in PRECISIONS:
            raise ValueError(f"DLCV_PRECISION is {named!r}; it must be one of {', '.join(PRECISIONS)}")
        return PRECISIONS[named]
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    able = torch.cpu.get_capabilities()
    return "bf16" if able.get("avx512_bf16") or able.get("amx_bf16") else "fp32"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[None]:
    """Run convolutions and matrix products in bf16 inside; fp16 made small-data training nan, bf16 does not."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def hardware(device: torch.device) -> str:
    """Return the name of the GPU, or of the processor with the number of threads used."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()}, {counted(torch.get_num_threads(), 'thread')}"


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
