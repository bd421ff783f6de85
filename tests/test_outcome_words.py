"""No fixed sentence tells how a run came out: it is computed, asked of the reader, or listed with the reason why not.

A sentence that contradicts the numbers beside it is worse than none, and on other data or with another seed the numbers
change. `tests/outcome_sentences.yaml` lists the fixed sentences with a word that compares or judges.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import prose
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "tests" / "outcome_sentences.yaml"
KINDS = ("definition", "by construction", "cited", "course", "advice", "question", "computed", "minutes")
NEED_NO_REASON = ("question", "computed", "minutes")
FILES = [
    *sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.py")),
    *sorted((ROOT / "dlcvlib" / "views").rglob("*.py")),  # captions
    *(ROOT / name for name in ("README.md", "book/index.md", "book/results.md")),
]
WHAT_TO_DO = (
    "These sentences stand fixed and tell how something comes out. Compute each in a cell (a Markdown f-string whose "
    "words follow the numbers), or ask the reader; if it is no claim about a run, list it in "
    "tests/outcome_sentences.yaml below the file's name, with a kind and the reason"
)


def listed() -> dict[str, dict[str, str]]:
    return yaml.safe_load(LIST.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_fixed_sentence_about_an_outcome_is_listed(file: Path) -> None:
    name = file.relative_to(ROOT).as_posix()
    known = listed().get(name, {})
    found = [sentence for sentence in prose.sentences(file) if sentence.outcome_words]
    new = [f"{name}:{each.line}: {each.text} {each.outcome_words}" for each in found if each.text not in known]
    assert not new, "\n".join([f"{WHAT_TO_DO}:", *new])
    gone = sorted(known.keys() - {sentence.text for sentence in found})
    assert not gone, "\n".join([f"{name} no longer has these sentences; remove them from {LIST.name}:", *gone])


def test_every_listed_sentence_has_a_kind_and_a_reason() -> None:
    entries = listed()
    assert set(entries) <= {file.relative_to(ROOT).as_posix() for file in FILES}
    for sentence, why in ((sentence, why) for known in entries.values() for sentence, why in known.items()):
        kind, _, reason = why.partition(": ")
        assert kind in KINDS, f"{sentence!r} is of kind {kind!r}; kinds are {', '.join(KINDS)}"
        assert reason or kind in NEED_NO_REASON, f"{sentence!r}: say why it is no claim about a run"
        assert sentence.endswith("?") or kind != "question", f"{sentence!r} asks nothing"
        assert "{}" in sentence or kind != "computed" or reason, f"{sentence!r}: say what of it is computed"


# Sentences that stood in the chapters and contradicted, on some data, what the page showed.
FORMER = """
**Notice** where the two differ: not in what they recognise, but in how far they are from the border when they do.

**Notice** the thin classes: a road or a river narrower than a region disappears in the vote of its neighbours, and
no choice of classes brings it back.

**Notice**, with the outlines switched on, what the shallowest skip carries.

**Notice** what both views keep: hardly a colour, seldom the whole shape, most often a texture.

Most multiplications are in the early layers, whose maps are large.

It is linear, it is the same every time, and its distances are true; but two directions show little of what many
dimensions hold.

This is the only difference between FCN32s and FCN8s.

**Notice** that the worse network has the lower loss.

**Notice** how much larger the second number is than the first.

So wrong classes cost more than wrong borders.

With sharpening alone the first prototype dominates; with centring alone the probabilities are uniform.

**Notice** that two seeds of one setting may differ by more than two settings do.

**Notice** the two kinds of errors: thin lines along borders, and whole fields.

**Notice** which classes separate first, and which never do.

It has few images of each class, so pre-training should help most here.

For a small network this takes longer than the training step itself.

Rivers are thin, so a network that works on a grid of 32 pixels loses them.

A network listed here had too few steps on this page.

ConvNeXt and transformers assume least about images, so they need the most steps.

The best IoU that a network of each stride can reach on these masks.

The records show that its features do not change:

UMAP preserves neighbourhoods too, with another cost function, and tends to draw tighter clusters.

At large rates most positions are outside of a small image: there the convolution is one of a single pixel.

This is meant for rare classes and those that are often confused, and it may cost some accuracy in the others.
"""


@pytest.mark.parametrize("sentence", [" ".join(each.split()) for each in FORMER.split("\n\n")])
def test_the_sentences_that_contradicted_their_page_would_be_found(sentence: str, tmp_path: Path) -> None:
    wrapped = "\n# ".join(sentence.split())  # a line each: sentences go on over lines
    for name, text in {
        "cell": f"# %% [markdown]\n# {wrapped}\n",
        "caption": f"# %%\nshow(caption={sentence!r})\n",
    }.items():
        file = tmp_path / f"{name}.py"
        file.write_text(text)
        (found,) = prose.sentences(file)
        assert found.text == sentence and found.outcome_words


CHAPTER = '''
# %% [markdown]
# # It never fails
#
# - an item that
#   loses much;
# - `never` is a name.
#
# First here. Then worse
# there.

# %%
def shown(run):
    """Docstrings are never shown to be wrong."""
    return f"Always {run.name} with {run.value:.1f}. It fails always." if run else "It wins, always and everywhere."


views.image(caption="At most four pixels. The second is "
    "larger here.", alt="larger")
Markdown(f"Its value {value} is higher here. Other words.")
'''


def test_sentences_are_those_of_cells_captions_and_computed_text(tmp_path: Path) -> None:
    file = tmp_path / "chapter.py"
    file.write_text(CHAPTER)
    found = {sentence.text: sentence for sentence in prose.sentences(file)}
    telling = [text for text, sentence in found.items() if sentence.outcome_words]
    assert telling == [
        "It never fails",
        "an item that loses much;",
        "Then worse there.",
        "The second is larger here.",
        "Its value {} is higher here.",
    ]
    assert "`never` is a name." in found and "At most four pixels." in found, "neither tells how something came out"
    assert not any("wins" in text or "Docstrings" in text for text in found), "a branch is chosen by the run"
    assert found["Then worse there."].line == 8


def test_code_in_a_page_is_no_prose(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("It is faster.\n\n```sh\nmake faster   # always\n```\n\n| a row that | always wins |\n")
    told = Counter(word for sentence in prose.sentences(page) for word in sentence.outcome_words)
    assert told == {"faster": 1, "always": 1, "wins": 1}
