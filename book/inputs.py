"""What a job's result depends on, as one digest: settings, data, and the code that its imports lead to.

A job whose digest is as it was when it was last done is up to date.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from book.commands import ROOT
from book.dependencies import Library
from book.plan import Job
from dlcvlib import recipes
from dlcvlib.files import digests


class Inputs:
    """Digests of the jobs of one build.

    Args:
        notebooks: folder of the chapters.
        settings: what all jobs share: profile, seed, data and what lies in data/.
    """

    def __init__(self, notebooks: Path, settings: Mapping[str, Any], root: Path = ROOT) -> None:
        self.notebooks = notebooks
        self.settings = dict(settings)
        self.library = Library(root)

    def of_training(self, job: Job, needed: Iterable[str]) -> str:
        """Return the digest of a training, given those of the trainings that it starts from."""
        assert job.recipe is not None
        if job.recipe not in recipes.RECIPES:
            return ""
        recipe = recipes.get(job.recipe).for_profile(self.settings["profile"])
        names = {type(recipe).__name__, *_texts(recipe.as_dict())}
        if recipe.start == "pretrained":  # outside weights may be replaced by a training with labels
            names.add(recipes.ClassificationRecipe.__name__)
        code = self.library.digest(self.library.of_training(names), names)
        shared = {name: value for name, value in self.settings.items() if name != "seed"}
        return _digest(recipe.as_dict(), job.seed, shared, code, list(needed))

    def of_chapter(self, job: Job, needed: Iterable[str]) -> str:
        """Return the digest of a chapter, given those of the records and chapters that it shows."""
        text = (self.notebooks / f"{job.name}.py").read_text(encoding="utf-8")
        modules = self.library.of_chapter(text)
        # What it shows of the library's files counts with comments and docstrings.
        shown = modules if "import inspect" in text else self.library.shown_by_chapter(text)
        code = self.library.digest(modules) + _digest(
            [self.library.files[name].read_text("utf-8") for name in sorted(shown)]
        )
        claims = [digests.file_digest(file) for file in self.notebooks.glob("bands.yaml")]  # judged at its top
        # Scripts, styles and the kernel of networks in the page, which chapters show too.
        others = self.library.files and [
            file for file in sorted((ROOT / "dlcvlib").rglob("*")) if file.suffix in (".js", ".css", ".c", ".wasm")
        ]
        return _digest(text, self.settings, code, [digests.file_digest(file) for file in others], claims, list(needed))


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in nested settings, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _digest(*content: Any) -> str:
    return digests.digest(json.dumps(content, sort_keys=True, default=str).encode())
