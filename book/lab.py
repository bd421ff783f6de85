"""Open the chapters in JupyterLab (`make lab`).

A chapter's .py opens as a notebook, and no request leaves the machine: notebooks/.lab/overrides.json.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from book.commands import ROOT, surroundings


def command(notebooks: Path) -> list[str]:
    """Return the command that opens a folder of chapters."""
    settings = ROOT / "notebooks" / ".lab"
    return [
        sys.executable, "-m", "jupyterlab", f"--notebook-dir={notebooks}", f"--LabApp.app_settings_dir={settings}",
    ]  # fmt: skip


if __name__ == "__main__":
    os.execve(sys.executable, command(ROOT / "notebooks"), surroundings())
