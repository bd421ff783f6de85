"""What a page needs besides the plan: the kernel, and the weights of an epoch as a script file.

A page opened from disk may not fetch files; a classic script beside it may hand over data (`loading.js`).
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent
"""Folder of the engine's modules; `network.js` and `loading.js` are the ones to import."""


def kernel() -> bytes:
    """Return the bytes of `kernel.wasm`."""
    return (FOLDER / "kernel.wasm").read_bytes()


def weights_script(packed: bytes) -> tuple[str, str]:
    """Return name and text of a script that hands over packed weights to `readWeights` of `loading.js`.

    The name is a hash of the weights, so pages that show the same epoch share one file, `_static/live/<name>.js`.

    Args:
        packed: of `Plan.pack`.
    """
    name = hashlib.sha256(packed).hexdigest()[:16]
    return name, f'(window.dlcvWeights ??= {{}})["{name}"] = "{base64.b64encode(packed).decode()}";\n'
