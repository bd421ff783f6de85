"""What all tests share: one thread each, the order of the files, and one Chromium for each worker."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# Before torch is imported: as many workers as cores share a machine, and small tensors gain nothing from more threads.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from labs import Lab
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LONGEST = (
    "test_book.py",
    "test_pages_accessibility.py",
    "test_pages_layout.py",
    "test_faults.py",
    "test_benchmarks.py",
    "test_processes.py",
    "test_build.py",
    "test_toy_world.py",
    "test_notebooks.py",
    "test_scrubbers_browser.py",
    "test_cli.py",
)
"""Files of more than a minute, the longest first: begun last, one of them would keep a single worker busy."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order within a file stays."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def toy_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy world with a quarter of the images, one for all workers; not to be changed."""
    from dlcvlib.data import toy

    return toy.draw(of_all_workers(tmp_path_factory) / "toy" / "world", scale=0.25)


@pytest.fixture(scope="session")
def trained(toy_world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A `$DLCV_HOME` with a record of every system, made by one worker for all; and what the training said."""
    import books

    folder = of_all_workers(tmp_path_factory) / "small-book"
    said = folder / "trained.txt"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not said.exists():
            shutil.copytree(toy_world, folder / "home" / "data" / "toy", dirs_exist_ok=True)
            said.write_text(books.train_every_system(folder / "home"))
    return folder / "home", said.read_text()


@pytest.fixture(scope="session")
def pages(trained: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small book's pages (tests/books.py), built by one worker for all; not to be changed."""
    import books

    folder, (home, _) = of_all_workers(tmp_path_factory) / "small-book", trained
    with FileLock(folder / "lock"):
        if not (folder / "built").exists():
            books.build(home, folder)
            (folder / "built").touch()
    return folder / "html"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; playwright bears no second one beside it in a process. Without it the test is skipped."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (.ci/run installs it)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all tests of a worker; each opens a chapter of its own name."""
    from labs import jupyterlab

    with jupyterlab(tmp_path_factory.mktemp("lab")) as started:
        yield started
