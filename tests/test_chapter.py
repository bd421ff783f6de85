"""What a chapter's first cells accept and refuse, by hand and under papermill."""

from __future__ import annotations

from pathlib import Path

import jupytext
import numpy as np
import papermill
import pytest
import warm
from PIL import Image

from dlcvlib import paths, recipes
from dlcvlib.chapter import open_chapter
from dlcvlib.data import DataError

ROOT = Path(__file__).resolve().parent.parent
PARAMETERS_CELL = 'profile = "quick"\nseed: int = 0\ndata_root = None\nneighbours = 5'
CHAPTER = f"""
# %% tags=["parameters"]
{PARAMETERS_CELL}

# %%
from dlcvlib import open_chapter

chapter = open_chapter(globals())
print(chapter.profile, chapter.seed, len(chapter.data.classification.train.files))
"""


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """Two classes of three images, in the course's layout."""
    generator = np.random.default_rng(0)
    for folder in ("train_50", "val_50"):
        for name in ("0_1", "0_2", "0_3", "1_1", "1_2", "1_3"):
            file = tmp_path / "set" / "p1_data" / folder / f"{name}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file)
    return tmp_path / "set"


def run_chapter(folder: Path, **given: object) -> str:
    """Run `CHAPTER` under papermill with the values `given`; its printed text, or papermill's error as raised."""
    notebook = jupytext.reads(CHAPTER, fmt="py:percent")
    jupytext.write(notebook, folder / "chapter.ipynb")
    done = papermill.execute_notebook(
        folder / "chapter.ipynb",
        folder / "out.ipynb",
        given,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        cwd=ROOT,
    )
    outputs = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def test_papermill_gives_a_chapter_its_values(tmp_path: Path, data_root: Path) -> None:
    assert run_chapter(tmp_path, profile="smoke", seed=3, data_root=str(data_root)) == "smoke 3 6\n"


def test_a_misspelt_parameter_stops_the_chapter(tmp_path: Path) -> None:
    with pytest.raises(papermill.PapermillExecutionError, match=r"'proflie' is unknown.*did you mean 'profile'"):
        run_chapter(tmp_path, proflie="smoke")


def test_the_cells_run_so_far_tell_what_papermill_gave(data_root: Path) -> None:
    values = {"profile": "smoke", "seed": 1, "data_root": str(data_root)}
    cells = ["", "%matplotlib inline", PARAMETERS_CELL, "# Parameters\nseed = 1\nneighbours = 3\n"]
    assert open_chapter(values | {"In": cells}).seed == 1
    with pytest.raises(NameError, match="'sead' is unknown; this chapter has data_root, neighbours, profile, seed"):
        open_chapter(values | {"In": [*cells[:-1], "# Parameters\nsead = 1"]})
    with pytest.raises(NameError, match="not run before"):
        open_chapter(values | {"In": ["", "# Parameters\nseed = 1"]})


def test_a_plain_script_can_be_a_chapter(data_root: Path) -> None:
    script = CHAPTER.replace("data_root = None", f"data_root = {str(data_root)!r}")
    shown = warm.run(["-c", script])
    assert shown.stdout == "quick 0 6\n", shown.stderr


def test_records_lie_where_the_data_say(data_root: Path) -> None:
    chapter = open_chapter({"profile": "smoke", "seed": 0, "data_root": data_root})
    assert chapter.runs == paths.runs_home(chapter.data.root)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"profile": "smok"}, ValueError, "'smok' is unknown; there are smoke, quick"),
        ({"seed": "0"}, ValueError, "seed must be a whole number"),
        ({"seed": True}, ValueError, "seed must be a whole number"),
        ({"seed": -1}, ValueError, "seed must be a whole number"),
        ({"data_root": "nowhere/at/all"}, DataError, "nowhere/at/all is not a folder"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(given: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        open_chapter({"profile": "smoke", "seed": 0, "data_root": None} | given)


def test_a_chapter_without_its_parameters_says_which_cell_to_run() -> None:
    with pytest.raises(NameError, match="seed is not set: run the cell tagged `parameters`"):
        open_chapter({"profile": "smoke", "data_root": None})


def test_a_chapter_trains_with_its_own_profile_seed_and_data(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, dict]] = []
    monkeypatch.setattr(
        "dlcvlib.training.train", lambda recipe, **given: calls.append((recipe, given)) or given["seed"]
    )
    chapter = open_chapter({"profile": "smoke", "seed": 4, "data_root": data_root})
    assert chapter.train("r1_small_cnn") == 4
    recipe = recipes.get("r1_small_cnn")
    assert chapter.train(recipe, seeds=2) == [4, 5] and chapter.train(recipe, seeds=1) == [4]
    assert calls[0] == ("r1_small_cnn", {"profile": "smoke", "seed": 4, "data": chapter.data})
    assert calls[1][0] is recipe
