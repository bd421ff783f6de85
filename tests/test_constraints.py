"""constraints.txt: one set of versions, inside every range that is asked for."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent


def read(lines: Iterable[str]) -> list[Requirement]:
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
ASKED = read([*(ROOT / "requirements.txt").read_text().splitlines(), *EXTRAS["test"], *EXTRAS["cluster"]])
CONSTRAINTS = read((ROOT / "constraints.txt").read_text().splitlines())


def pins() -> dict[str, Version]:
    found = {}
    for constraint in CONSTRAINTS:
        (specifier,) = constraint.specifier
        assert specifier.operator == "==" and not constraint.extras, f"pip reads no other constraint: {constraint}"
        found[canonicalize_name(constraint.name)] = Version(specifier.version)
    return found


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.name)
def test_every_range_holds_its_recorded_version(asked: Requirement) -> None:
    if asked.name != "dlcvlib":
        version = pins()[canonicalize_name(asked.name)]
        assert asked.specifier.contains(version), f"constraints.txt has {asked.name} {version}; asked for is {asked}"


def test_a_package_is_recorded_once_and_without_a_build_suffix() -> None:
    assert len(pins()) == len(CONSTRAINTS)
    assert [name for name, version in pins().items() if version.local] == []


def test_torch_is_of_the_build_that_torchvision_was_made_with() -> None:
    """torchvision 0.N is made with torch 2.(N - 15)."""
    torch, torchvision = pins()["torch"], pins()["torchvision"]
    assert (torch.major, torchvision.major, torch.minor + 15) == (2, 0, torchvision.minor)
    assert torch != Version("2.13.0")
