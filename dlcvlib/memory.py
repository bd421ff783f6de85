"""How an error says that memory ran out."""

from __future__ import annotations

import errno
import sys

SAID = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED", "bad_alloc")
"""Words by which torch and the libraries below it say so; torch on the CPU has no error of its own for it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return True where `error` says that memory ran out, of the machine or of a GPU.

    torch is not imported for it: the command line asks where torch may be missing.
    """
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in SAID)
