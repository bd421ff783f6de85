"""Run one chapter: NN_name.py -> jupytext -> papermill -> NN_name.ipynb, executed.

python -m book.chapters notebooks/04_byol.py OUT.ipynb --profile quick --seed 0     # one job of a cluster
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlcvlib.files import generated


def execute(chapter: Path, executed: Path, work: Path, parameters: dict[str, Any]) -> None:
    """Run a chapter and put its notebook in place of the old one.

    Args:
        chapter: its percent script; it runs in the folder of it.
        executed: the notebook to write.
        work: file for the notebook while it is running; it stays if the chapter fails.
        parameters: values for the cell tagged `parameters`.

    Raises:
        papermill.PapermillExecutionError: a cell raised an error.
        ForeignFileError: the notebook was changed by hand.
    """
    import jupytext
    import papermill

    from book.kernels import ForkedKernelManager

    weights = executed.resolve().parent / "live" / executed.stem  # of networks that run in the page
    os.environ |= {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "DLCV_LIVE": str(weights)}
    manager = ForkedKernelManager()  # before anything else runs
    try:
        papermill.execute_notebook(
            jupytext.read(chapter),
            work,
            parameters,
            kernel_name="python3",
            language="python",
            cwd=chapter.parent,
            progress_bar=False,
            km=manager,
        )
    finally:
        manager.fork.kill()
        manager.fork.wait()
    generated.put(work, executed)
    _remove_old_weights(weights, executed)


def _remove_old_weights(folder: Path, executed: Path) -> None:
    """Remove scripts with weights that the chapter's notebook names no more."""
    text = executed.read_text(encoding="utf-8")
    for script in folder.glob("[0-9a-f]" * 16 + ".js"):  # of `dlcvlib.live.weights_script`, nothing else
        if script.stem not in text:
            script.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chapter that the command line names."""
    parser = argparse.ArgumentParser(prog="chapters", description="Runs one chapter.")
    parser.add_argument("chapter", type=Path)
    parser.add_argument("executed", type=Path)
    parser.add_argument("--work", type=Path, required=True, metavar="FILE", help="the notebook while it runs")
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--seed", default=0, type=int)
    parser.add_argument("--data", default="", metavar="FOLDER")
    given = parser.parse_args(arguments)
    parameters = {"profile": given.profile, "seed": given.seed} | ({"data_root": given.data} if given.data else {})
    execute(given.chapter, given.executed, given.work, parameters)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
