"""Recognising out-of-memory errors."""

from __future__ import annotations

import errno
import sys

MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED", "bad_alloc")
"""Parts of messages of torch and its libraries; on the CPU, torch has no error class for it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return True if `error` says that the memory of the machine or of a GPU ran out.

    It does not import torch, which may be missing when the command line calls it.
    """
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in MESSAGES)
