"""Wheels of a few bytes, an index of them, and the backend that builds one of a project called dlcvlib."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any


def write_wheel(folder: Path, name: str, version: str, further: str = "", /, **modules: str) -> str:
    """Write a wheel that pip installs; return its name.

    Args:
        folder: to write into.
        name: of the package.
        version: with its build, if it has one.
        further: another line of the metadata.
        modules: source text of each module of the package.
    """
    wheel, about = f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    files = {f"{name}/{module}.py": text for module, text in modules.items()}
    files[f"{about}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{further}\n"
    files[f"{about}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{about}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def write_index(folder: Path, *releases: tuple[str, str], build: str = "") -> str:
    """Write or extend an index that holds releases of torch and torchvision in one build; return its address."""
    for torch, torchvision in releases:
        facts = f"cuda = {None if build else '13.0'!r}\n"
        _add(folder / "torch", torch + build, version=facts)
        _add(folder / "torchvision", torchvision + build, f"Requires-Dist: torch=={torch}")
    return folder.as_uri()


def _add(folder: Path, version: str, further: str = "", /, **modules: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wheel = write_wheel(folder, folder.name, version, further, **modules)
    with (folder / "index.html").open("a") as page:
        page.write(f'<a href="{wheel.replace("+", "%2B")}">{wheel}</a>\n')


def get_requires_for_build_editable(settings: Any = None) -> list[str]:
    return []


def build_editable(folder: str, settings: Any = None, metadata: Any = None) -> str:
    return write_wheel(Path(folder), "dlcvlib", "1", "Provides-Extra: test")
