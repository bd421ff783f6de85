"""Edition for a class: what it holds, and that no line of a solution hides anywhere in it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from teachers_checkouts import CHAPTER, KNOWN, ROOT, SECRET, WRONG, teachers_checkout

from dlcvlib.cli import main
from dlcvlib.exercises import handout, leaks
from dlcvlib.exercises.editions import EditionError
from dlcvlib.exercises.leaks import LeakError
from dlcvlib.files.outputs import ForeignFileError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return teachers_checkout(tmp_path / "home")


def contents(archive: Path) -> dict[str, str]:
    with zipfile.ZipFile(archive) as members:
        return {name.partition("/")[2]: members.read(name).decode() for name in members.namelist()}


def test_a_class_gets_stubs_notebooks_and_library_and_nothing_for_teachers(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "week 3.zip"
    assert handout.write(home, out) == sorted(contents(out))
    given = contents(out)
    assert {name for name in given if not name.startswith("dlcvlib/")} == {
        "Makefile", "README.md", "data/README.md", "notebooks/07_fcn.py", "notebooks/07_fcn.ipynb",
        "notebooks/08_unet.py", "notebooks/08_unet.ipynb", "notebooks/bands.yaml", "notebooks/jupytext.toml",
    }  # fmt: skip
    assert "dlcvlib/exercises/fingerprints/07_fcn.json" in given and "dlcvlib/metrics.py" in given
    assert "raise NotImplementedError  # your answer" in given["notebooks/07_fcn.py"]
    assert "for teachers" not in "".join(given.values()) and "is the key" in given["README.md"]
    assert not any(cell.get("outputs") for cell in json.loads(given["notebooks/07_fcn.ipynb"])["cells"])
    with zipfile.ZipFile(out) as members:
        assert all(name.startswith("week 3/") for name in members.namelist())


def test_lines_to_choose_from_are_kept_back_whatever_their_file_is_called(home: Path, tmp_path: Path) -> None:
    for name in ("fcn.py", "a_new_chapter.py", "more/deeper.py"):
        file = home / "dlcvlib" / "exercises" / "lines" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{SECRET}\n")
    assert not any("/lines/" in name for name in handout.write(home, tmp_path / "out.zip"))
    (home / "dlcvlib" / "exercises" / "straightened.py").write_text(f"{SECRET}\n")
    with pytest.raises(LeakError, match=r"exercises/straightened\.py"):
        handout.write(home, tmp_path / "another.zip")


def test_the_same_checkout_gives_the_same_scripts(home: Path, tmp_path: Path) -> None:
    handout.write(home, tmp_path / "a.zip")
    handout.write(home, tmp_path / "b.zip")
    one, other = contents(tmp_path / "a.zip"), contents(tmp_path / "b.zip")
    assert {name: one[name] for name in one if not name.endswith("ipynb")} == {
        name: other[name] for name in other if not name.endswith("ipynb")
    }


def test_a_file_that_dlcv_did_not_write_stays(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    out.write_text("mine")
    with pytest.raises(ForeignFileError):
        handout.write(home, out)
    assert out.read_text() == "mine"


def test_an_edition_for_readers_is_not_handed_out_again(home: Path, tmp_path: Path) -> None:
    handout.write(home, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path)
    with pytest.raises(ValueError, match="holds no solution"):
        handout.write(tmp_path / "out", tmp_path / "again.zip")


def test_a_forgotten_tag_stops_the_command_and_leaves_no_archive(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chapter = home / "notebooks" / "07_fcn.py"
    chapter.write_text(CHAPTER.replace('"exercise", ', ""))
    with pytest.raises(EditionError, match="07_fcn, cell 2"):
        handout.write(home, tmp_path / "out.zip")
    monkeypatch.setenv("DLCV_HOME", str(home))
    assert main(["exercises", "handout", str(tmp_path / "out.zip")]) != 0
    assert "defines mean_iou" in capsys.readouterr().err
    assert not (tmp_path / "out.zip").exists()


def notebook(**parts: object) -> bytes:
    cell = {"cell_type": "code", "source": ["x = 1\n"], "metadata": {}, "outputs": [], "execution_count": None}
    top = {"nbformat": 4, "nbformat_minor": 5, "metadata": parts.pop("notebook_metadata", {})}
    return json.dumps(top | {"cells": [cell | parts]}).encode()


def zipped(name: str, content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr(name, content)
    return archive.getvalue()


QUOTED = 'say("a<b", target * 7 + pred)'
"""A line that looks otherwise in JSON and in HTML."""
SPANS = (
    '<span class="n">say</span><span class="p">(</span><span class="s2">&quot;a&lt;b&quot;</span><span class="p">,'
    '</span> <span class="n">target</span> <span class="o">*</span> <span class="mi">7</span> <span class="o">+</span>'
    ' <span class="n">pred</span><span class="p">)</span>'
)
HIDING: dict[str, tuple[str, bytes]] = {
    "source of a cell": ("notebooks/a.ipynb", notebook(source=["x = 1\n", f"    {QUOTED}"])),
    "source of a cell, cut within the line": ("notebooks/a.ipynb", notebook(source=[QUOTED[:9], QUOTED[9:]])),
    "output of a cell": ("notebooks/a.ipynb", notebook(outputs=[{"data": {"text/html": SPANS}}])),
    "metadata of a cell": ("notebooks/a.ipynb", notebook(metadata={"solution": {"x": [1, QUOTED]}})),
    "metadata of a notebook": ("notebooks/a.ipynb", notebook(notebook_metadata={QUOTED: 1})),
    "attachment": (
        "notebooks/a.ipynb",
        notebook(attachments={"a.txt": {"text/plain": base64.b64encode(f"see {QUOTED}\n".encode()).decode()}}),
    ),
    "page": ("html/07_fcn.html", f"<pre>{SPANS}</pre>".encode()),
    "page, within a picture": (
        "html/a.html",
        b'<img src="data:image/svg+xml;base64,' + base64.b64encode(f"<!-- {QUOTED} -->".encode()) + b'">',
    ),
    "source of a page": ("html/_sources/07_fcn.ipynb.txt", notebook(source=QUOTED)),
    "search index": ("html/searchindex.js", f"Search.setIndex({json.dumps({'text': QUOTED})})".encode()),
    "archive within": ("data/more.zip", zipped("a.py", QUOTED.encode())),
    "archive within, under another name": ("data/more.txt", zipped("a.py", zipped("b.py", QUOTED.encode()))),
    "packed file": ("data/more.gz", gzip.compress(QUOTED.encode())),
    "text, spaced otherwise": ("data/README.md", QUOTED.replace(" ", "\n\t ").encode()),
    "text of another encoding": ("data/README.txt", QUOTED.encode("utf-16")),
    "picture": ("book/a.png", b"\x89PNG\r\n\x1a\n\xff\xfetEXt" + QUOTED.encode()),
    "name of a file": (f"data/{QUOTED}.md", b"nothing"),
    "library": ("dlcvlib/losses.py", QUOTED.encode()),
}


@pytest.mark.parametrize(("name", "content"), HIDING.values(), ids=HIDING)
def test_a_line_of_a_solution_is_found_wherever_it_hides(name: str, content: bytes) -> None:
    what = leaks.wanted([[QUOTED]], [], [])
    archive = zipped(f"out/{name}", content)
    assert any(line.startswith(f"out/{name}: ") for line in leaks.search(archive, what))
    harmless = leaks.wanted([["another = line + of * a.solution()"]], [], [])
    if "encoding" not in "".join(key for key, value in HIDING.items() if value == (name, content)):
        assert leaks.search(archive, harmless) == []


def test_a_line_in_the_comment_of_an_archive_is_found() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.comment = QUOTED.encode()
    assert leaks.search(archive.getvalue(), leaks.wanted([[QUOTED]], [], []))


HANDED_OUT: dict[str, Callable[[Path], object]] = {
    "a description of the data": lambda home: (home / "data" / "more.md").write_text(f"`{SECRET}`"),
    "another chapter": lambda home: (home / "notebooks" / "08_unet.py").write_text(f"# %% [markdown]\n# {SECRET}\n"),
    "a cell of the same chapter": lambda home: (home / "notebooks" / "07_fcn.py").write_text(
        f"{CHAPTER}\n# %%\ndef mean(pred, target):\n    {SECRET}\n"
    ),
    "an exercise's file": lambda home: (home / "dlcvlib" / "exercises" / "fcn.py").write_text(SECRET),
    "a claim": lambda home: (home / "notebooks" / "bands.yaml").write_text(f"# {SECRET}"),
    "a wrong answer": lambda home: (home / "data" / "more.md").write_text(WRONG),
    "the library's lines, elsewhere": lambda home: (home / "data" / "more.md").write_text("\n".join(KNOWN)),
    "the name of a file": lambda home: (home / "data" / f"{SECRET}.md").write_text(""),
}


@pytest.mark.parametrize("hide", HANDED_OUT.values(), ids=HANDED_OUT)
def test_the_command_announces_no_archive_with_a_leak(
    hide: Callable[[Path], object], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    hide(home)
    monkeypatch.setenv("DLCV_HOME", str(home))
    assert main(["exercises", "handout", str(tmp_path / "out.zip")]) != 0
    said = capsys.readouterr()
    assert "lines of solutions stand in the archive" in said.err and said.out == ""
    assert not list(tmp_path.glob("*.zip"))


def test_what_stands_openly_is_no_leak() -> None:
    what = leaks.wanted([[f"    {KNOWN[0]}", "return 0", SECRET]], [f"    {SECRET}  # given"[:-9]], ["\n".join(KNOWN)])
    assert what.lines == frozenset()
    assert leaks.search(zipped("out/notebooks/a.py", f"{KNOWN[0]}\n\nx = 1\nreturn 0\n".encode()), what) == []


def test_the_librarys_lines_in_a_row_may_stand_in_the_library_only() -> None:
    what = leaks.wanted([KNOWN], [], ["\n".join(KNOWN)])
    text = "\n".join(KNOWN).encode()
    assert leaks.search(zipped("out/dlcvlib/metrics.py", text), what) == []
    assert leaks.search(zipped("out/dlcvlib/exercises/fcn.py", text), what)
    assert leaks.search(zipped("out/notebooks/a.py", text), what)
    assert leaks.search(zipped("out/notebooks/a.py", "\n".join(KNOWN[:2]).encode()), what) == []


def test_of_other_answers_only_lines_in_a_row_are_searched_for() -> None:
    what = leaks.wanted([], [], [], [[*KNOWN, SECRET]])
    assert leaks.search(zipped("out/notebooks/a.py", SECRET.encode()), what) == []
    assert leaks.search(zipped("out/notebooks/a.py", "\n".join([*KNOWN[1:], SECRET]).encode()), what)


def test_the_three_lines_of_every_training_loop_tell_nothing() -> None:
    loop = ["optimizer.zero_grad()", "loss.backward()", "optimizer.step()"]
    assert leaks.wanted([loop], [], []) == leaks.Wanted(frozenset(), frozenset())


def test_a_leak_names_the_member_and_the_line() -> None:
    with pytest.raises(LeakError, match=r"out/a\.md: pairs=functional"):
        leaks.refuse(zipped("out/a.md", SECRET.encode()), leaks.wanted([[SECRET]], [], []))


def test_every_file_of_the_library_is_handed_out() -> None:
    listed = subprocess.run(["git", "ls-files", "dlcvlib"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    given = {name for name, _ in handout._files(ROOT)}
    assert {name for name in listed.stdout.split() if not name.startswith(handout.KEPT_BACK)} <= given
    assert not any(name.startswith(handout.KEPT_BACK) for name in given)
    assert not any(name.startswith(("tests/", "runs/", "notebooks/answers/", "notebooks/mine/")) for name in given)
