"""Editions from one source: what the reader's edition keeps of a solution, and that nothing else of it is left."""

from __future__ import annotations

from pathlib import Path

import jupytext
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcvlib.exercises import editions
from dlcvlib.exercises.editions import EditionError, readers_edition
from dlcvlib.exercises.stubs import HOLE, stub

ROOT = Path(__file__).resolve().parent.parent

CHAPTER = '''# %% [markdown]
# ## Exercise: the mean IoU
#
# Write `mean_iou(pred, target)`.
#
# <details><summary>Hint 1</summary>Pool the pixels first.</details>

# %% tags=["exercise", "hide-input"]
import torch  # given
from torch.nn import functional


def mean_iou(pred, target):
    """Mean over the classes."""
    pairs = functional.one_hot(target * 7 + pred)
    return pairs.diagonal().mean()


# %% tags=["parameters"]
profile = "quick"
seed = 0
data_root = None

# %%
from dlcvlib.exercises.fcn import exercises

mean_iou = exercises.check(mean_iou)

# %% tags=["teacher"]
classic = "averaged over the batch"

# %%
mean_iou(1, 2)
'''


def edition_of(text: str) -> str:
    made = readers_edition(jupytext.reads(text, fmt="py:percent"), "07_fcn")
    return editions.script(made, ROOT / "notebooks" / "07_fcn.py")


def test_a_solution_is_cut_down_to_given_imports_signature_and_docstring() -> None:
    text = edition_of(CHAPTER)
    assert (
        '''# %% tags=["exercise"]
import torch  # given


def mean_iou(pred, target):
    """Mean over the classes."""
    raise NotImplementedError  # your answer


'''
        in text
    )
    assert "one_hot" not in text and "functional" not in text and "diagonal" not in text
    assert "Hint 1" in text and "mean_iou = exercises.check(mean_iou)" in text


def test_cells_for_teachers_leave() -> None:
    assert "classic" in CHAPTER and "classic" not in edition_of(CHAPTER)


def test_what_a_page_folds_is_folded_in_jupyterlab_too_and_an_exercise_is_open() -> None:
    text = edition_of(CHAPTER.replace("# %%\nmean_iou(1, 2)", '# %% tags=["hide-input"]\nmean_iou(1, 2)'))
    made = jupytext.reads(text, fmt="py:percent")
    folded = [cell.source for cell in made.cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert folded == ["mean_iou(1, 2)"]


def test_the_edition_of_an_edition_is_the_same() -> None:
    once = edition_of(CHAPTER)
    assert edition_of(once) == once


def test_the_teachers_notebook_is_not_changed() -> None:
    notebook = jupytext.reads(CHAPTER, fmt="py:percent")
    readers_edition(notebook, "07_fcn")
    assert editions.script(notebook, ROOT / "notebooks" / "07_fcn.py").endswith(CHAPTER)


IN_JUPYTERLAB = ' jupyter={"source_hidden": true}'


@pytest.mark.parametrize("chapter", editions.chapters(ROOT / "notebooks"), ids=lambda file: file.stem)
def test_every_chapter_has_a_readers_edition_without_a_line_of_its_solutions(chapter: Path) -> None:
    notebook = editions.read(chapter)
    made = readers_edition(notebook, chapter.stem)
    left_out = {line.strip() for lines in editions.solutions(notebook) for line in lines}
    exercise_cells = [cell.source for cell in made.cells if "exercise" in editions.tags(cell)]
    assert not left_out & {line.strip() for source in exercise_cells for line in source.splitlines()}
    if not left_out and not any("teacher" in editions.tags(cell) for cell in notebook.cells):
        assert editions.script(made, chapter).replace(IN_JUPYTERLAB, "") == chapter.read_text()


FORGOTTEN = {
    "no tag at all": 'tags=["hide-input"]',
    "another tag": 'tags=["exercises", "hide-input"]',
}


@pytest.mark.parametrize("tags", FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_forgotten_tag_is_an_error_that_names_chapter_and_cell(tags: str) -> None:
    with pytest.raises(EditionError, match=r"chapter 07_fcn, cell 2 .*import torch.* defines mean_iou"):
        edition_of(CHAPTER.replace('tags=["exercise", "hide-input"]', tags))


HIDDEN = {
    "in the cell that checks it": ("exercises\n\nmean_iou =", "exercises\n\ndef mean_iou(): return 1\n\nmean_iou ="),
    "once more, below": ("mean_iou(1, 2)", "def mean_iou(pred, target):\n    return pairs.mean()"),
    "as a lambda": ('profile = "quick"', 'profile = "quick"\nmean_iou = lambda pred, target: pairs.mean()'),
    "within a condition": ("mean_iou(1, 2)", "if True:\n    def mean_iou(pred, target):\n        return 3"),
}


@pytest.mark.parametrize(("old", "new"), HIDDEN.values(), ids=HIDDEN)
def test_no_other_cell_may_define_what_is_checked(old: str, new: str) -> None:
    assert old in CHAPTER
    with pytest.raises(EditionError, match="defines mean_iou"):
        edition_of(CHAPTER.replace(old, new, 1))


def test_the_set_of_exercises_may_have_another_name() -> None:
    renamed = CHAPTER.replace("import exercises", "import exercises as tasks").replace("exercises.check", "tasks.check")
    with pytest.raises(EditionError, match="defines mean_iou"):
        edition_of(renamed.replace('tags=["exercise", "hide-input"]', ""))


def test_another_check_of_a_chapter_concerns_no_exercise() -> None:
    own = '# %%\ndef slope(w):\n    return w\n\n\n# %%\ncheck("slope", slope)\nenvironment.check(slope)\n'
    assert "return w" in edition_of(own)


def test_an_exercise_that_is_given_whole_is_an_error() -> None:
    given_whole = CHAPTER.replace("+ pred)\n", "+ pred)  # given\n").replace(".mean()\n", ".mean()  # given\n", 1)
    with pytest.raises(EditionError, match="nothing is left to write"):
        edition_of(given_whole)


def test_a_cell_that_is_not_python_is_an_error() -> None:
    with pytest.raises(EditionError, match=r"chapter 07_fcn, cell 6 .*not Python"):
        edition_of(CHAPTER.replace("mean_iou(1, 2)", "mean_iou(1, 2"))


STUBS = {
    "given lines stay, and one line stands for a run of others": (
        "def f(x):\n    a = x + 1  # given\n    b = a * 2\n\n    # then halve it\n    b /= 3\n    return b  # given\n",
        f"def f(x):\n    a = x + 1  # given\n    {HOLE}\n    return b  # given",
    ),
    "the body of a given loop is to be written": (
        "def f(x):\n    for one in x:  # given\n        if one:\n            yield one\n    return 3",
        f"def f(x):\n    for one in x:  # given\n        {HOLE}",
    ),
    "a statement of several lines is given by its last": (
        "def f(x):\n    y = max(\n        x,  # the first\n        3,\n    )  # given\n    return y",
        f"def f(x):\n    y = max(\n        x,  # the first\n        3,\n    )  # given\n    {HOLE}",
    ),
    "a mark within a statement gives nothing": (
        "def f(x):\n    return max(\n        x,  # given\n        3,\n    )",
        f"def f(x):\n    {HOLE}",
    ),
    "a text is no mark": ('def f(x):\n    return "# given"', f"def f(x):\n    {HOLE}"),
    "a signature of several lines stays, its last comment does not": (
        "def f(\n    x,  # (N, C)\n    y=2,\n):  # x times y\n    return x * y",
        f"def f(\n    x,  # (N, C)\n    y=2,\n):\n    {HOLE}",
    ),
    "a docstring of several lines stays": (
        'def f(x):\n    """Größe.\n\n    Args: x\n    """\n    return x',
        f'def f(x):\n    """Größe.\n\n    Args: x\n    """\n    {HOLE}',
    ),
    "a decorator is part of the answer": ("@torch.no_grad()\ndef f(x):\n    return x", f"def f(x):\n    {HOLE}"),
    "unless it is given": (
        "import torch\n\n\n@torch.no_grad()  # given\ndef f(x):\n    return x",
        f"@torch.no_grad()  # given\ndef f(x):\n    {HOLE}",
    ),
    "helpers, too, are to be written": (
        "def help(x):\n    return x\n\n\ndef f(x):\n    return help(x)",
        f"def help(x):\n    {HOLE}\n\n\ndef f(x):\n    {HOLE}",
    ),
    "comments above and below leave": ("# by halves\ndef f(x):\n    return x / 2\n# so", f"def f(x):\n    {HOLE}"),
    "a function within is part of the answer": (
        'def f(x):\n    def g(y):\n        """Twice."""\n        return 2 * y\n    return g',
        f"def f(x):\n    {HOLE}",
    ),
    "the methods of a class are to be written": (
        'class A(B):\n    """Of two parts."""\n\n    size = 3\n\n'
        "    def __init__(self):\n        super().__init__()  # given\n"
        "        self.a = 1\n\n    def forward(self, x):\n        return x * self.a",
        'class A(B):\n    """Of two parts."""\n    # your answer\n\n'
        "    def __init__(self):\n        super().__init__()  # given\n"
        f"        {HOLE}\n\n    def forward(self, x):\n        {HOLE}",
    ),
}


@pytest.mark.parametrize(("source", "expected"), STUBS.values(), ids=STUBS)
def test_what_a_stub_keeps(source: str, expected: str) -> None:
    made = stub(source)
    assert made.source == expected
    assert stub(expected).source == expected, "a stub's stub is the same"
    assert not set(made.solution) & set(made.source.splitlines())


REFUSED = {
    "scores = []\ndef f(x):\n    return x": "line 1 is no import",
    "def f(x): return x": "line 1 holds a signature and more",
    'def f(x):\n    """Doc."""; return x': "line 2 holds a docstring and more",
    'def f(x):\n    """Doc."""  # halve it\n    return x': None,
    "def f(x):\n    for one in x:\n        print(one)  # given": "give the line above them, too",
    "def f(x)\n    return x": "line 1 is not Python",
}


@pytest.mark.parametrize(("source", "message"), REFUSED.items())
def test_what_cannot_be_cut_is_refused(source: str, message: str | None) -> None:
    if message is None:
        assert stub(source).source == f'def f(x):\n    """Doc."""\n    {HOLE}'
        return
    with pytest.raises(ValueError, match=message):
        stub(source)


BODIES = st.lists(
    st.sampled_from(["a = x", "if x:\n        a = 2", "a += (\n        3\n    )", "# a note"]), max_size=5
)


@given(BODIES, st.lists(st.booleans(), min_size=6, max_size=6))
def test_no_line_stays_that_is_not_given(body: list[str], marks: list[bool]) -> None:
    marked = [text + "  # given" * mark for text, mark in zip([*body, "return a"], marks, strict=False)]
    source = "def f(x):\n    " + "\n    ".join(marked)
    try:
        made = stub(source)
    except ValueError:
        return
    kept = made.source.splitlines()[1:]
    assert all(row.endswith("# given") or row.strip() == HOLE or row.strip() in ("a += (", "3") for row in kept)
    assert [row for row in source.splitlines()[1:] if row not in kept] == [
        row for row in made.solution if row not in kept
    ]
