"""Pictures of the report: for each kind of question, those that it asks for, drawn from what the records keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from dlcvlib import embedding, views
from dlcvlib.data import decode
from dlcvlib.data.sets import ImageSet
from dlcvlib.embedding.series import EmbeddingSeries, Method
from dlcvlib.recipes import SERIES
from dlcvlib.report.collect import Shelf, System
from dlcvlib.report.rows import Answer
from dlcvlib.runs import Run
from dlcvlib.views import Picture

Block = str | Picture
"""A text in Markdown, or a picture."""

METHODS: dict[Method, str] = {"pca": "PCA", "tsne": "t-SNE"}
MOST_CURVES, MOST_MONITORS = 7, 4


def pictures(
    answer: Answer, systems: Sequence[System], shelf: Shelf, *, named: Sequence[str] = (), make_maps: bool = False
) -> list[Block]:
    """What belongs to one answer besides its tables.

    Args:
        answer: of one report to one question.
        systems: of its recipes.
        shelf: where the records are from.
        named: validation images whose masks are shown; empty for all that a record keeps.
        make_maps: make the maps that no record keeps yet, which takes a while, instead of saying how.
    """
    maps = partial(_maps_of, shelf, make=make_maps)
    drawn: dict[str, Callable[[], list[Block]]] = {
        "model_a": lambda: [*_architectures(answer, systems), *_curves(systems)],
        "model_b": lambda: _curves(systems),
        "feature_maps": lambda: [
            block
            for system in systems
            for method in ("pca", "tsne")
            for block in maps(system, method, epochs=_first_middle_last)
        ],
        "byol": lambda: _monitors(systems),
        "dino": lambda: _monitors(systems),
        "settings": lambda: _discussions(systems),
        "setting_c_maps": lambda: [
            block
            for system in systems
            for block in maps(system, "tsne", epochs=_first_last, class_names=_office_classes(shelf))
        ],
    }
    segmentation = partial(_segmentation, answer, systems, shelf, named)
    return drawn.get(answer.question.key, segmentation)()


def first_run(system: System) -> Run | None:
    """The record that pictures of a system are drawn from: that of its lowest seed."""
    return system.here.runs[0] if system.here else None


def best(systems: Sequence[System]) -> System | None:
    """The system of the highest mean among those with records here; None where there are none."""
    return max((each for each in systems if each.here), key=lambda each: each.here.mean, default=None)  # type: ignore[union-attr]


def _architectures(answer: Answer, systems: Sequence[System]) -> list[Block]:
    """Of every network of a report; of our many variants, of the first."""
    return [views.network(each.recipe) for each in (systems[:1] if answer.report == "ours" else systems)]


def _or_why(draw: Callable[[], Picture], what: str) -> Block:
    """The picture, or why it cannot be drawn: a record that came without its snapshots still has its values."""
    try:
        return draw()
    except (FileNotFoundError, ValueError) as error:
        return f"{what} cannot be drawn: {error}"
    except KeyError as error:
        return f"{what} cannot be drawn: a record lacks {error}"


def _runs(systems: Sequence[System]) -> list[Run]:
    return [run for system in systems if (run := first_run(system))]


def _curves(systems: Sequence[System]) -> list[Block]:
    found = _runs(systems)[:MOST_CURVES]
    return [_or_why(lambda: views.curves(found), "The learning curves")] if found else []


def _monitors(systems: Sequence[System]) -> list[Block]:
    found = _runs(systems)[:MOST_MONITORS]
    return [_or_why(lambda: views.monitors(found), "The monitors")] if found else []


def _discussions(systems: Sequence[System]) -> list[Block]:
    """In words, series by series: what the differences between the settings are worth."""
    blocks: list[Block] = []
    for series in SERIES.values():
        names = {recipe.name for recipe in series.recipes()}
        rows = [list(each.here.runs) for each in systems if each.here and each.recipe.name in names]
        if len(rows) < 2:
            continue
        toy = " (toy world: only the order may be held against a report's)" if _any_toy(systems) else ""
        try:
            said = views.settings_in_words(rows)
        except ValueError as error:  # too few settings, or records too different to be compared
            said = f"- No comparison: {error}"
        blocks.append(f"**Discussion, {series.title}**{toy}\n\n{said}")
    return blocks


def _any_toy(systems: Sequence[System]) -> bool:
    return any(each.here.is_toy for each in systems if each.here)


def _first_middle_last(maps: EmbeddingSeries) -> tuple[int, ...]:
    return maps.first_middle_last()


def _first_last(maps: EmbeddingSeries) -> tuple[int, ...]:
    epochs = maps.first_middle_last()
    return tuple(sorted({epochs[0], epochs[-1]}))


def _maps_of(
    shelf: Shelf,
    system: System,
    method: Method,
    *,
    epochs: Callable[[EmbeddingSeries], tuple[int, ...]],
    class_names: Sequence[str] = (),
    make: bool,
) -> list[Block]:
    run = first_run(system)
    if run is None:
        return [f"No map of *{system.recipe.title}*: its record is missing; `{system.command}` makes it."]
    name = f"{METHODS[method]} of *{system.recipe.title}*"
    try:
        mapped = run.first_middle_last() if method == "pca" else None
        kept = embedding.embed(run, method, mapped) if make else embedding.cached_maps(run, method, mapped)
    except (FileNotFoundError, ValueError) as error:
        return [f"{name} cannot be drawn: {error}"]
    if kept is None:
        return [f"{name} has not been made; `{shelf.command_for_maps}` makes it."]
    return [views.embedding_maps(kept, class_names=class_names, epochs=epochs(kept))]


def _office_classes(shelf: Shelf) -> tuple[str, ...]:
    return shelf.data.office.class_names if shelf.data.office else ()


def _segmentation(answer: Answer, systems: Sequence[System], shelf: Shelf, named: Sequence[str]) -> list[Block]:
    found = _runs(systems)[:MOST_CURVES]
    blocks = _architectures(answer, systems)
    blocks += [_or_why(lambda: views.iou_curves(found), "The learning curves")] if found else []
    highest = best(systems)
    shown = systems if answer.report != "ours" else [highest] if highest else []
    return blocks + [block for system in shown for block in _masks(system, shelf, named)]


def _masks(system: System, shelf: Shelf, named: Sequence[str]) -> list[Block]:
    run = first_run(system)
    if run is None:
        return [f"No masks of *{system.recipe.title}*: its record is missing; `{system.command}` makes it."]
    satellite = shelf.data.satellite
    if satellite is None or satellite.val is None or satellite.val.masks is None:
        return [f"No masks of *{system.recipe.title}*: the images they are of are not in {shelf.data.root}."]
    return [_or_why(lambda: _masks_of(run, satellite, named), f"The masks of *{system.recipe.title}*")]


def _masks_of(run: Run, satellite: ImageSet, named: Sequence[str]) -> Picture:
    """Only the images that are shown are decoded."""
    kept = list(run.mask_files(run.first_middle_last()[-1]))
    only = [name for name in kept if name in named] or kept
    assert satellite.val is not None and satellite.val.masks is not None
    pairs = zip(satellite.val.files, satellite.val.masks, strict=True)
    images, masks = zip(*((image, mask) for image, mask in pairs if _number(image.name) in only), strict=True)
    tiles = decode(replace(satellite, val=replace(satellite.val, files=images, masks=masks)), "val")
    assert tiles.masks is not None
    return views.predicted_masks(run, tiles.images, tiles.masks, [_number(name) for name in tiles.names], only=only)


def _number(file_name: str) -> str:
    return file_name.partition("_")[0]
