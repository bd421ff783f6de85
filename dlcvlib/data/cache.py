"""Cache of decoded arrays: one folder each, verified whenever it is opened.

Reading needs no lock and no write access. `decoded.json`, written last, holds the size and a checksum of every array
file; a damaged folder is made again.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from dlcvlib import paths
from dlcvlib.files.atomic import read_regular, sweep, whole_folder, write_json
from dlcvlib.files.digests import digest

MARKER = "decoded.json"


def open_or_make(name: str, make: Callable[[Path], dict[str, Any]]) -> tuple[Path, dict[str, Any]]:
    """Return a cached folder of arrays; call `make` if it does not exist or is damaged.

    If two processes call this at once, one makes the folder and the other waits.

    Args:
        name: name of the folder in `paths.cache_home()`; it must change with everything that the arrays depend on.
        make: writes `.npy` files into a folder and returns a description of them for JSON.

    Returns:
        the folder, and the description.

    Raises:
        OSError: neither the cache nor the temporary folder can be written.
    """
    cached = paths.cache_home() / name
    facts = _read(cached)
    if facts is not None:
        sweep(cached)  # no later writer would
        return cached, facts
    folder = _writable_home() / name
    with FileLock(f"{folder}.lock"):
        facts = _read(folder)
        if facts is None:
            if os.path.lexists(folder):
                print(f"{folder} is damaged, or of an older version; it is made again", file=sys.stderr)
            with whole_folder(folder, alone=True) as beside:
                facts = make(beside)
                sums = {file.name: [file.stat().st_size, checksum(file)] for file in sorted(beside.glob("*.npy"))}
                write_json(beside / MARKER, _sealed({"facts": facts, "files": sums}))
    return folder, facts


def checksum(file: Path) -> int:
    """Sum of a file's 64-bit words modulo 2**64; fast, and different after a change of any single byte."""
    content = np.memmap(file, np.uint8, mode="r")
    words = content.size // 8 * 8
    rest = int.from_bytes(content[words:].tobytes(), "little")
    return (int(content[:words].view("<u8").sum(dtype=np.uint64)) + rest) % 2**64


def _sealed(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "digest": digest(json.dumps(content).encode())}


def _read(folder: Path) -> dict[str, Any] | None:
    """Return the description of a folder; None if it is missing or a file in it is damaged."""
    try:
        marker = json.loads(read_regular(folder / MARKER))
        content: dict[str, Any] = {"facts": marker["facts"], "files": marker["files"]}
        if _sealed(content) != marker:
            return None
        if not all((folder / name).is_file() for name in content["files"]):  # opening a pipe would wait for ever
            return None
        sums = {name: [(folder / name).stat().st_size, checksum(folder / name)] for name in content["files"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # missing, or not the expected JSON
        return None
    facts: dict[str, Any] = content["facts"]
    return facts if sums == content["files"] else None


def _writable_home() -> Path:
    """Return the cache folder; if it cannot be written, the user's temporary folder."""
    home = paths.cache_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if os.access(home, os.W_OK | os.X_OK):
            return home
    except OSError:
        pass
    spare = Path(tempfile.gettempdir()) / f"dlcv-cache-{os.getuid() if hasattr(os, 'getuid') else 'of-user'}"
    spare.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and spare.lstat().st_uid != os.getuid():
        raise PermissionError(f"{home} cannot be written, and {spare} belongs to another user; set TMPDIR elsewhere")
    print(f"{home} cannot be written; decoded images are cached in {spare}", file=sys.stderr)
    return spare
