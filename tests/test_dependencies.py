"""What a chapter and a training depend on: the files that the names they use come from, and no others."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from book.commands import ROOT
from book.dependencies import LIBRARY, Library
from book.inputs import Inputs, _texts
from book.plan import Job
from dlcvlib import recipes
from dlcvlib.models.registry import FAMILIES


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library of a package with two views, one of which uses a third file, only inside a function."""
    files = {
        "__init__.py": "",
        "views/__init__.py": "from dlcvlib.views.curves import curves\nfrom dlcvlib.views.maps import maps\n",
        "views/curves.py": "def curves():\n    from dlcvlib.style import colour\n    return colour()\n",
        "views/maps.py": "if TYPE_CHECKING:\n    from dlcvlib.style import colour\nmaps = 1\n",
        "style.py": "def colour():\n    return 'red'\n",
    }
    for name, text in files.items():
        file = tmp_path / LIBRARY / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from dlcvlib import views\nviews.curves()", {"views.curves", "style"}),
        ("from dlcvlib import views\nviews.maps", {"views.maps"}),
        ("from dlcvlib.views import maps as drawn\ndrawn", {"views.maps"}),
        ("import dlcvlib.style\ndlcvlib.style.colour()", {"style"}),
        ("%time\nfrom dlcvlib import views\nprint(views)", {"views", "views.curves", "views.maps", "style"}),
        ("from dlcvlib import views\nimport numpy", set()),
    ],
)
def test_the_names_that_are_used_decide(library: Path, text: str, expected: set[str]) -> None:
    assert Library(library).of_chapter(text) - {LIBRARY} == {f"{LIBRARY}.{name}" for name in expected}


def test_comments_docstrings_and_unused_imports_are_no_part_of_the_code(library: Path) -> None:
    file = library / LIBRARY / "style.py"
    before = Library(library).digest({"dlcvlib.style"})
    file.write_text('"""A."""\nimport os\n# why\ndef colour():\n    """B."""\n    return "red"\n')
    assert Library(library).digest({"dlcvlib.style"}) == before
    file.write_text("def colour():\n    return 'blue'\n")
    assert Library(library).digest({"dlcvlib.style"}) != before


def test_an_import_relative_to_its_package_is_refused_by_name(library: Path) -> None:
    (library / LIBRARY / "views" / "curves.py").write_text("from . import maps\ncurves = maps\n")
    with pytest.raises(ValueError, match=r"from \. import maps: name the whole path"):
        Library(library).of_chapter("from dlcvlib import views\nviews.curves")


# --- trainings of the library itself ---


@pytest.fixture(scope="module")
def whole() -> Library:
    return Library()


def names_of(recipe: str) -> set[str]:
    found = recipes.get(recipe).for_profile("smoke")
    return {type(found).__name__, *_texts(found.as_dict())}


def code_of(recipe: str, library: Library) -> set[str]:
    return {name.removeprefix("dlcvlib.") for name in library.of_training(names_of(recipe))}


def test_a_training_depends_on_its_own_network_method_and_task(whole: Library) -> None:
    unet, byol = code_of("our_unet", whole), code_of("our_byol", whole)
    assert {"models.unet", "training.tasks.segmentation", "metrics.course_iou"} <= unet - byol
    assert {"models.resnet", "ssl.byol", "training.tasks.pretraining"} <= byol - unet
    assert not {"models.vgg", "ssl.dino", "ssl.simsiam"} & (unet | byol)
    assert {"training.loop", "data.decode", "models.registry", "augment.crops"} <= unet & byol
    assert {"models.deeplab", "models.resnet"} <= code_of("our_deeplabv3plus", whole), "the backbone of its table entry"


def test_no_training_depends_on_figures_the_command_line_or_the_report(whole: Library) -> None:
    for recipe in recipes.RECIPES:
        above = ("views", "report", "bench", "handin", "cli", "embedding", "sam", "chapter")
        assert not [name for name in code_of(recipe, whole) if name.split(".")[0] in above], recipe


def test_training_code_names_no_network_itself(whole: Library) -> None:
    """Else a training would depend on a network that its settings do not name."""
    registry = "dlcvlib.models.registry"
    for name in {name for recipe in recipes.RECIPES for name in whole.of_training(names_of(recipe))} - {registry}:
        nodes = ast.walk(ast.parse(whole.files[name].read_text()))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
        assert not texts & FAMILIES.keys(), name


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("models/unet.py", {"our_unet"}),
        ("ssl/byol.py", {"our_byol"}),
        ("training/loop.py", {"our_unet", "our_byol", "our_scratch"}),
        ("views/curves.py", set()),
    ],
)
def test_a_changed_file_concerns_only_the_trainings_whose_result_it_can_change(
    tmp_path: Path, file: str, changed: set[str]
) -> None:
    shutil.copytree(ROOT / "dlcvlib", tmp_path / "dlcvlib", ignore=shutil.ignore_patterns("__pycache__"))

    def digests() -> dict[str, str]:
        inputs = Inputs(ROOT / "notebooks", {"profile": "smoke", "seed": 0}, tmp_path)
        names = ("our_unet", "our_byol", "our_scratch")
        return {name: inputs.of_training(Job(f"{name}-0", (), name, 0), []) for name in names}

    before = digests()
    (tmp_path / "dlcvlib" / file).write_text((tmp_path / "dlcvlib" / file).read_text() + "\nCHANGED = True\n")
    after = digests()
    assert {name for name in before if before[name] != after[name]} == changed


def test_a_chapter_depends_on_the_claims_that_it_judges_at_its_top(tmp_path: Path) -> None:
    for name in ("04_byol.py", "bands.yaml"):
        shutil.copy(ROOT / "notebooks" / name, tmp_path)

    def digest() -> str:
        return Inputs(tmp_path, {"profile": "quick", "seed": 0}).of_chapter(Job("04_byol", ()), [])

    before = digest()
    assert digest() == before
    (tmp_path / "bands.yaml").write_text((tmp_path / "bands.yaml").read_text().replace("by: 0.1", "by: 0.2"))
    assert digest() != before
