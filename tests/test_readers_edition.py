"""The reader's edition of every chapter runs to its end before the reader has written a line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import warm

from dlcvlib import exercises
from dlcvlib.exercises import mine

ROOT = Path(__file__).resolve().parent.parent
RUN = """
import sys
from pathlib import Path
from book.chapters import execute
chapter, folder = Path(sys.argv[1]), Path(sys.argv[2])
execute(chapter, folder / "out.ipynb", folder / "work.ipynb", {"profile": "smoke", "seed": 0})
"""


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the reader's edition."""
    folder = tmp_path_factory.mktemp("notebooks") / "mine"
    mine.renew(ROOT / "notebooks", folder)
    return folder


@pytest.mark.timeout(900)
@pytest.mark.parametrize("chapter", exercises.CHAPTERS)
def test_the_readers_edition_runs_with_the_librarys_functions(
    trained: tuple[Path, str], edition: Path, tmp_path: Path, chapter: str
) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DLCV_HOME": str(trained[0]), "DLCV_PROGRESS": "off"}
    for name in ("DLCV_DATA", "DLCV_RUNS"):
        environment.pop(name, None)
    done = warm.run(["-c", RUN, str(edition / f"{chapter}.py"), str(tmp_path)], env=environment, timeout=600)
    assert done.returncode == 0, done.stderr[-5000:]
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    shown = "".join(
        "".join(output.get("data", {}).get("text/plain", "")) for cell in cells for output in cell.get("outputs", [])
    )
    asked = exercises.of_chapter(chapter).exercises
    assert shown.count("is not written yet") >= len(asked) > 0 and " is right." not in shown
