"""The chapter on Segment Anything, run without SAM's weights and with those of a tiny SAM."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import warm
from tiny_sam import write_tiny_sam

ROOT = Path(__file__).resolve().parent.parent
RUN = """
import sys
from pathlib import Path
from book.chapters import execute
folder, weights = Path(sys.argv[2]), sys.argv[3:]
parameters = {"profile": "smoke", "seed": 0} | ({"sam_weights": weights[0]} if weights else {})
execute(Path(sys.argv[1]), folder / "out.ipynb", folder / "work.ipynb", parameters)
"""


def shown(home: Path, folder: Path, *weights: str) -> str:
    """Run the chapter in the profile smoke; return all text and HTML that its cells show, without scripts."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DLCV_HOME": str(home)}
    for name in ("DLCV_WEIGHTS", "DLCV_DATA", "DLCV_RUNS"):
        environment.pop(name, None)
    chapter = str(ROOT / "notebooks" / "10_segment_anything.py")
    done = warm.run(["-c", RUN, chapter, str(folder), *weights], env=environment, timeout=600)
    assert done.returncode == 0, done.stderr[-5000:]
    notebook = json.loads((folder / "out.ipynb").read_text())
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    data = [output.get("data", {}) for output in outputs]
    text = "\n".join("".join(each.get(kind, "")) for each in data for kind in ("text/markdown", "text/html"))
    return re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


@pytest.mark.timeout(900)
def test_without_weights_the_page_says_so_and_how_to_get_them(trained: tuple[Path, str], tmp_path: Path) -> None:
    text = shown(trained[0], tmp_path)
    assert "made by **felzenszwalb**" in text and "sam_vit_b_01ec64.pth" in text and "DLCV_WEIGHTS" in text
    assert "by SAM" not in text and "of SAM " not in text and "Error" not in text
    assert "scale 50" in text, "one point has several answers"


@pytest.mark.timeout(900)
def test_with_weights_every_figure_is_of_sam(trained: tuple[Path, str], tmp_path: Path) -> None:
    write_tiny_sam(tmp_path / "tiny.pth")
    text = shown(trained[0], tmp_path, str(tmp_path / "tiny.pth"))
    assert "made by **SAM**" in text and "tiny.pth" in text
    assert "by felzenszwalb" not in text and "expected IoU" in text
