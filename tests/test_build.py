"""The book as `make book` builds it, from chapters to pages: a small one, in a folder with an awkward name."""

from __future__ import annotations

import html
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checkouts import AWKWARD, ROOT, copy_checkout, make, surroundings

from book import lock

BUSY = "another make book is at work"
WAITS = """
import pathlib, time
pathlib.Path({began!r}).touch()
while not pathlib.Path({go!r}).exists():
    time.sleep(0.1)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one chapter, which prints its data and shows a figure, and no reference of the library."""
    copied = copy_checkout(tmp_path / AWKWARD)
    reference = [*(copied / "book" / "api").glob("*.rst")]
    for file in [*(copied / "notebooks").glob("*.py"), copied / "notebooks" / "records.yaml", *reference]:
        file.unlink()
    (copied / "book" / "api" / "index.md").write_text("# Reference\n")
    chapter = (ROOT / "tests" / "chapters" / "91_parameters.py").read_text()
    (copied / "notebooks" / "01_parameters.py").write_text(chapter)
    return copied


def build(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return make(checkout, *arguments, "PROFILE=smoke", "GPUS=0", **environment)


def begun(checkout: Path, *arguments: str) -> subprocess.Popen[str]:
    """A build in a process group of its own."""
    command = [str(checkout / ".venv" / "bin" / "python"), "-m", "book.build", "--profile", "smoke", *arguments]
    return subprocess.Popen(command, cwd=checkout, env=surroundings(), start_new_session=True, text=True)


def wait(until: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def is_free(checkout: Path) -> bool:
    try:
        with lock.only_build(checkout / "book" / ".lock"):
            return True
    except lock.BusyError:
        return False


@pytest.fixture
def signals(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Files by which something says that it began, and is let go; it is let go in any case."""
    began, go = tmp_path / "began", tmp_path / "go"
    yield began, go
    go.touch()


def test_a_book_is_built_published_and_cleaned_up_and_nothing_of_the_users_is_replaced(checkout: Path) -> None:
    data = checkout.parent / "it's my $HOME data"
    data.mkdir()
    done = build(checkout, "book", f"DLCV_DATA=../{data.name}")
    assert done.returncode == 0, done.stdout + done.stderr
    page = checkout / "book" / "_build" / "html" / "chapters" / "01_parameters.html"
    first = page.read_text()
    assert f"data_root: {data}" in html.unescape(first)

    notes = page.with_name("notes.txt")
    notes.write_text("mine")
    refused = build(checkout, "book", "SEED=1")
    assert refused.returncode != 0 and str(notes) in refused.stderr and "not written by make" in refused.stderr
    assert notes.read_text() == "mine" and page.read_text() == first and "runs" not in refused.stdout

    notes.unlink()
    executed = checkout / "book" / "chapters" / "01_parameters.ipynb"
    executed.write_text(edited := executed.read_text() + "\n")
    refused = build(checkout, "book", "SEED=1")
    assert refused.returncode != 0 and str(executed) in refused.stderr and "Traceback" not in refused.stderr
    assert executed.read_text() == edited and page.read_text() == first

    cleaned = make(checkout, "clean")
    assert cleaned.returncode == 0 and f"{executed}: changed since" in cleaned.stdout
    assert executed.read_text() == edited and not (checkout / "book" / "_build").exists()
    executed.unlink()
    make(checkout, "clean")
    assert not executed.parent.exists()


def test_a_second_build_is_refused_at_once_while_the_first_makes_its_pages(
    checkout: Path, signals: tuple[Path, Path]
) -> None:
    began, go = signals
    settings = checkout / "book" / "conf.py"
    settings.write_text(settings.read_text() + WAITS.format(began=str(began), go=str(go)))
    first = begun(checkout)
    wait(lambda: began.exists() or first.poll() is not None, "Sphinx did not begin")
    assert first.poll() is None
    start = time.monotonic()
    for command in (["book"], ["chapters"], ["gpu-check"], ["clean"]):
        second = build(checkout, *command)
        assert second.returncode != 0 and BUSY in second.stderr, command
    assert time.monotonic() - start < 30
    go.touch()
    assert first.wait(timeout=120) == 0
    assert (checkout / "book" / "_build" / "html" / "index.html").is_file() and is_free(checkout)


def test_chapters_that_survive_a_killed_build_keep_others_out_until_they_end(
    checkout: Path, signals: tuple[Path, Path]
) -> None:
    began, go = signals
    chapter = checkout / "notebooks" / "01_parameters.py"
    chapter.write_text(chapter.read_text() + "\n# %%" + WAITS.format(began=str(began), go=str(go)))
    first = begun(checkout, "--chapters-only")
    wait(lambda: began.exists() or first.poll() is not None, "the chapter did not begin")
    os.kill(first.pid, signal.SIGKILL)  # the chapter lives on
    first.wait(timeout=30)
    assert not is_free(checkout)
    go.touch()
    wait(lambda: is_free(checkout), "the lock outlives the chapter")


def test_pages_can_be_read_while_a_chapter_runs_and_the_finished_book_replaces_them(
    checkout: Path, signals: tuple[Path, Path]
) -> None:
    began, go = signals
    first = checkout / "notebooks" / "01_parameters.py"
    for name in ("02_again", "03_slow"):
        (checkout / "notebooks" / f"{name}.py").write_text(first.read_text())
    slow = checkout / "notebooks" / "03_slow.py"
    slow.write_text(slow.read_text() + "\n# %%" + WAITS.format(began=str(began), go=str(go)))
    pages = checkout / "book" / "_build" / "html"
    process = begun(checkout, "--cores", "2")
    wait(lambda: (pages / "index.html").exists() or process.poll() is not None, "no page came early")
    assert process.poll() is None and "has not been run yet" in (pages / "chapters" / "03_slow.html").read_text()
    assert "dlcv-figure" in (pages / "chapters" / "01_parameters.html").read_text()
    go.touch()
    assert process.wait(timeout=120) == 0
    assert "dlcv-figure" in (pages / "chapters" / "03_slow.html").read_text()
    assert not list(pages.rglob(".early")) and not list((checkout / "book" / "chapters").glob("*.md"))

    before = (pages / "index.html").stat().st_ino
    again = build(checkout, "book")
    assert again.returncode == 0 and again.stdout == f"The book: {pages / 'index.html'}\n", again.stdout + again.stderr
    assert (pages / "index.html").stat().st_ino == before, "nothing has changed, so nothing is made"


def test_a_chapter_that_fails_is_told_with_its_error_and_leaves_the_others(checkout: Path) -> None:
    (checkout / "notebooks" / "02_fails.py").write_text(
        (checkout / "notebooks" / "01_parameters.py").read_text() + "\n1 / 0\n"
    )
    done = build(checkout, "chapters")
    assert done.returncode != 0 and "02_fails FAILED" in done.stdout
    assert "=== 02_fails failed ===" in done.stderr and "ZeroDivisionError: division by zero" in done.stderr
    assert [file.stem for file in (checkout / "book" / "chapters").glob("*.ipynb")] == ["01_parameters"]


def test_a_killed_build_leaves_no_lock(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    holds = "import sys, time; from pathlib import Path; from book.lock import only_build\n"
    holds += "with only_build(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", holds, str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(lock.BusyError, match=BUSY), lock.only_build(file):
        pass
    holder.kill()
    holder.communicate()
    with lock.only_build(file):
        pass


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["PROFILE=nope"], "nope"),
        (["DLCV_DATA=/no/such folder"], "/no/such folder is no folder"),
        (["SEED=one"], "one"),
        (["OUT=elsewhere"], "OUT="),
    ],
)
def test_a_mistaken_setting_is_named_before_anything_runs(checkout: Path, arguments: list[str], told: str) -> None:
    done = make(checkout, "book", *arguments)
    assert done.returncode != 0 and told in done.stderr and "Traceback" not in done.stderr
    assert not (checkout / "book" / "chapters").exists()


def test_a_folder_in_the_home_of_the_user_may_be_named_by_a_tilde(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    done = build(checkout, "chapters", "DLCV_DATA=~/x", "OUT=~/out", HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(tmp_path / "x") in (tmp_path / "out" / "01_parameters.ipynb").read_text()
