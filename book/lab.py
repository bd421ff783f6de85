"""Open the reader's edition of the chapters in JupyterLab (`make lab`); the teacher's is a folder above.

A chapter's .py opens as a notebook, and no request leaves the machine: notebooks/.lab/overrides.json.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from book.commands import ROOT, surroundings


def command(notebooks: Path, opened: str = "") -> list[str]:
    """Return the command that opens a folder of chapters, at a folder in it; jupytext.toml must lie in the former."""
    settings = ROOT / "notebooks" / ".lab"
    return [
        sys.executable, "-m", "jupyterlab", f"--notebook-dir={notebooks}", f"--LabApp.app_settings_dir={settings}",
        *([f"--LabApp.default_url=/lab/tree/{opened}"] if opened else []),
    ]  # fmt: skip


def main() -> int:
    """Renew the reader's edition and become JupyterLab; return an exit status only if that cannot be."""
    environment = surroundings()
    renewing = [sys.executable, "-m", "dlcvlib", "exercises", "mine"]
    if status := subprocess.run(renewing, env=environment).returncode:
        return status
    os.execve(sys.executable, command(ROOT / "notebooks", "mine"), environment)


if __name__ == "__main__":
    sys.exit(main())
