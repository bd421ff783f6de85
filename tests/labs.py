"""JupyterLab as `make lab` starts it, on copies of the tests' chapters, and its pages in a browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from book.lab import command

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "for-the-test"


@dataclass(frozen=True)
class Lab:
    """A JupyterLab: its address, and the folder that it shows."""

    address: str
    notebooks: Path


@contextmanager
def jupyterlab(folder: Path) -> Iterator[Lab]:
    """Start a JupyterLab on copies of the tests' chapters in `folder`/notebooks."""
    notebooks = folder / "notebooks"
    shutil.copytree(ROOT / "tests" / "chapters", notebooks, ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
    shutil.copy(ROOT / "notebooks" / "jupytext.toml", notebooks)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ours = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.token={TOKEN}"]
    home = {"JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces")}
    home |= {"PYTHONPATH": str(ROOT), "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")}
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [*command(notebooks), *ours], env=os.environ | home, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/api", server, folder / "lab.log")
            yield Lab(address, notebooks)
        finally:
            server.terminate()
            server.wait(timeout=60)


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    direct = build_opener(ProxyHandler({}))  # urlopen keeps the proxies of its first call, which may be another test's
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        try:
            direct.open(address, timeout=5).close()
            return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def run_all(browser: Browser, lab: Lab, chapter: str, outside: list[str]) -> Page:
    """Open a chapter's script by a double click and run all its cells; requests that leave the lab go to `outside`.

    JupyterLab opens again what was open in a workspace: each chapter has its own.
    """
    page = browser.new_page(viewport={"width": 1500, "height": 1500})
    page.set_default_timeout(90_000)
    page.on("request", lambda request: outside.append(request.url) if is_outside(request.url, lab) else None)
    page.goto(f"{lab.address}/lab/workspaces/{Path(chapter).stem}?token={TOKEN}")
    page.locator(".jp-DirListing-item", has_text=chapter).dblclick()
    page.locator(".jp-Notebook").wait_for()
    page.get_by_text("| Idle").wait_for()  # the kernel stands ready
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).first.click()
    return page


def is_outside(address: str, lab: Lab) -> bool:
    return not address.startswith((lab.address, lab.address.replace("http", "ws"), "data:", "blob:"))
