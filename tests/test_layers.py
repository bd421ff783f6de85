"""Imports of the library point downward, by the same list that the book draws; every package has its page."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "dlcvlib"
sys.path.insert(0, str(ROOT / "book" / "extensions"))
from library_layers import FLOW, LAYERS, READERS, TRAINERS  # noqa: E402

RANK = {name: -index for index, (_, names) in enumerate(LAYERS) for name in names}
FILES = [file for file in sorted(LIBRARY.rglob("*.py")) if file != LIBRARY / "__init__.py"]
"""The first file of the library only hands on names, on first use."""


def part(file: Path) -> str:
    """Return the entry of LAYERS that a file belongs to."""
    return "cli" if file.stem == "__main__" else file.relative_to(LIBRARY).with_suffix("").parts[0]


def imports(source: str) -> Iterator[str]:
    """Yield the packages and modules just below `dlcvlib` that a file imports, within functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("dlcvlib."))


def faults(own: str, source: str) -> list[str]:
    """Return the imports that break the rule, in words."""
    found = []
    for name in imports(source):
        if name in RANK and name != own and RANK[name] >= RANK[own]:
            found.append(f"{own} imports {name}, which stands no lower")
        if own in READERS and name in TRAINERS:
            found.append(f"{own} only reads records, but imports {name}")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(LIBRARY)))
def test_imports_point_downward(file: Path) -> None:
    assert part(file) in RANK, f"{part(file)} has no layer yet: see LAYERS in book/extensions/library_layers.py"
    assert faults(part(file), file.read_text()) == []


@pytest.mark.parametrize(
    ("own", "source"),
    [
        ("data", "import dlcvlib.training.loop"),
        ("models", "def late():\n    from dlcvlib import ssl"),
        ("views", "from dlcvlib.ssl.byol import BYOL"),
        ("runs", "from dlcvlib import augment"),
        ("training", "from dlcvlib.cli import main"),
        ("augment", "from dlcvlib.models import build"),
    ],
)
def test_an_import_that_points_upward_or_aside_is_found(own: str, source: str) -> None:
    assert faults(own, source)


def test_the_layers_and_the_flow_name_what_there_is() -> None:
    names = {name for _, _, names, _, kind in FLOW if kind == "library" for name in names.split(", ")} | set(RANK)
    absent = [name for name in names if not (LIBRARY / name).is_dir() and not (LIBRARY / f"{name}.py").is_file()]
    assert absent == [], "an entry that is gone leaves LAYERS or FLOW"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "README.md", "book/how_it_is_built.md"])
def test_the_files_that_a_page_names_are_there(page: str) -> None:
    named = re.findall(r"`((?:dlcvlib|notebooks|book|tests)/[\w./]*)`", (ROOT / page).read_text())
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_package_with_public_names_has_its_page_of_the_reference() -> None:
    packages = {file.parent.name for file in LIBRARY.glob("*/__init__.py") if "\n__all__ = " in file.read_text()}
    pages = {page.stem for page in (ROOT / "book" / "api").glob("*.rst")}
    assert packages - pages == set(), "a page for each: copy book/api/data.rst"


def test_opening_records_and_drawing_them_loads_no_network() -> None:
    code = "import sys, dlcvlib.views; print([name for name in sys.modules if name.startswith('dlcvlib.models')])"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
