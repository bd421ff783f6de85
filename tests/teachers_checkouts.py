"""A small checkout of a teacher: two chapters, a library that knows half of a solution, and answers."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SECRET = "pairs = functional.one_hot(target * 7 + pred)"
"""Line of the solution that stands nowhere else."""
KNOWN = ("overlap = confusion.diagonal()", "union = confusion.sum(0) + confusion.sum(1)", "union -= overlap * 1")
"""Lines of the solution that stand in the library, too."""
WRONG = "same = pred == target\n    share = same.float()\n    return share.mean().item()"
"""Lines of a wrong answer."""

CHAPTER = f'''# %% [markdown]
# ## Exercise: the mean IoU
#
# <details><summary>Hint 1</summary>Pool the pixels first.</details>

# %% tags=["exercise", "hide-input"]
import torch  # given


def mean_iou(pred, target):
    """Mean over the classes."""
    {SECRET}
    confusion = pairs.sum(0)  # given, as a hint  # given
    {KNOWN[0]}
    {KNOWN[1]}
    {KNOWN[2]}
    return 0


# %%
mean_iou = exercises.check(mean_iou)

# %% tags=["teacher"]
classic = "for teachers"

# %% [markdown]
# The end.
'''
OTHER = "# %% [markdown]\n# # Skips\n\n# %%\nskips = 3\n"
LIBRARY = (
    f'"""Scores."""\n\n\ndef iou(confusion):\n    {KNOWN[0]}\n    {KNOWN[1]}\n    {KNOWN[2]}\n    return overlap\n'
)
ANSWERS = f"# %%\nimport torch\n\n# %% wrong: mean_iou, accuracy\n\n\ndef mean_iou(pred, target):\n    {WRONG}\n"


def teachers_checkout(folder: Path) -> Path:
    """Write the checkout; return `folder`."""
    for name, text in {
        "notebooks/07_fcn.py": CHAPTER,
        "notebooks/08_unet.py": OTHER,
        "notebooks/bands.yaml": "claims: []\n",
        "notebooks/answers/07_fcn.py": ANSWERS,
        "dlcvlib/metrics.py": LIBRARY,
        "dlcvlib/exercises/fingerprints/07_fcn.json": "{}\n",
        "data/README.md": "# Data\n",
        "Makefile": "lab:\n",
        "tests/test_scores.py": f"# {SECRET}\n",
        "runs/notes.md": SECRET,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shutil.copy(ROOT / "notebooks" / "jupytext.toml", folder / "notebooks")
    return folder
