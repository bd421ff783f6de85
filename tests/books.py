"""The small book of the tests: every chapter in the profile smoke, built as `make book` builds it; and visits to it."""

from __future__ import annotations

import io
import os
import shutil
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import warm

from dlcvlib import cli, recipes

ROOT = Path(__file__).resolve().parent.parent
RUN_CHAPTERS = """
import sys
from pathlib import Path
from book.schedule import Schedule
from book.settings import Settings
Schedule(Settings("smoke", cores="1", out=Path(sys.argv[2])), Path(sys.argv[1])).run()
"""


def train_every_system(home: Path) -> str:
    """Train every recipe below `home`, a `$DLCV_HOME` with a toy world; return what the training says."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as said:
        patch.setenv("DLCV_HOME", str(home))
        patch.delenv("DLCV_DATA", raising=False)
        patch.delenv("DLCV_RUNS", raising=False)
        assert cli.main(["train", *recipes.RECIPES, "--profile", "smoke"]) == 0, said.getvalue()
    return said.getvalue()


def build(home: Path, folder: Path) -> Path:
    """Build the book of the tests' chapters and of every chapter there is; return the folder of its pages."""
    chapters, book, html = folder / "notebooks", folder / "book", folder / "html"
    shutil.copytree(ROOT / "book", book, ignore=shutil.ignore_patterns("_build", "chapters", "__pycache__"))
    chapters.mkdir()
    for file in [*(ROOT / "notebooks").glob("[0-9][0-9]_*.py"), *(ROOT / "tests" / "chapters").glob("*.py")]:
        shutil.copy(file, chapters)
    shutil.copy(ROOT / "notebooks" / "jupytext.toml", chapters)

    environment = os.environ | {"PYTHONPATH": str(ROOT), "DLCV_HOME": str(home)}
    environment = {name: value for name, value in environment.items() if name not in ("DLCV_DATA", "DLCV_RUNS")}
    for command in (
        ["-c", RUN_CHAPTERS, str(chapters), str(book / "chapters")],
        ["-m", "sphinx", "-E", "-W", "--keep-going", "-q", str(book), str(html)],
        [str(book / "check_pages.py"), str(book), str(html)],
    ):
        done = warm.run(command, env=environment, timeout=1200)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-5000:]}\n{done.stderr[-10000:]}"
    return html


class Visit:
    """A page opened from disk with the network cut; keeps what it asked for and what it complained of."""

    def __init__(self, browser: Any, file: Path, theme: str = "light", width: int = 1280, **context: Any) -> None:
        self.outside: list[str] = []
        self.complaints: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme, **context)
        self.page.route("**/*", self.answer)
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url[:200]}"))
        self.page.goto(file.as_uri(), timeout=120_000)
        self.page.wait_for_load_state("load")

    def answer(self, route: Any) -> None:
        if route.request.url.startswith(("file:", "data:", "blob:")):
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()

    def heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def draw_all(self) -> int:
        """Scroll through the page until every plotly figure is drawn; their number."""
        figures = self.page.locator(".dlcv-plotly")
        for index in range(figures.count()):
            figures.nth(index).scroll_into_view_if_needed()
            figures.nth(index).locator(".main-svg").first.wait_for(timeout=60_000)
        return figures.count()

    def value(self, expression: str) -> Any:
        return self.page.evaluate(expression)


def all_pages(pages: Path) -> list[Path]:
    """Every page; of those that show a source file, which are alike, only the first."""
    files = sorted(file for file in pages.rglob("*.html") if "_static" not in file.relative_to(pages).parts)
    sources = [file for file in files if "_modules" in file.relative_to(pages).parts]
    return [file for file in files if file not in sources[1:]]
