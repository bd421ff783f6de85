"""Pictures of the report, drawn from what the records hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dlcvlib import embedding, views
from dlcvlib.data import decode
from dlcvlib.data.sets import ImageSet
from dlcvlib.embedding.series import Method
from dlcvlib.recipes import SERIES
from dlcvlib.report.answers import Answer
from dlcvlib.report.blocks import Block
from dlcvlib.report.collect import Sources, System
from dlcvlib.runs import Run
from dlcvlib.views import Picture

METHODS: dict[Method, str] = {"pca": "PCA", "tsne": "t-SNE"}
MOST_CURVES, MOST_MONITORS = 7, 4


@dataclass(frozen=True)
class Shown:
    """An answer to show.

    Args:
        answer: answer of one report to one question.
        systems: systems of its recipes.
        sources: records and results.
        named: validation images whose masks are shown; empty for all that a record holds.
        make_maps: make the maps that no record holds yet, instead of showing the command that makes them.
    """

    answer: Answer
    systems: Sequence[System]
    sources: Sources
    named: Sequence[str] = ()
    make_maps: bool = False


def pictures(shown: Shown) -> list[Block]:
    """Return the pictures that the question of an answer asks for."""
    draw = [PICTURES[name] for name in shown.answer.question.shows if name in PICTURES]
    return [block for each in draw for block in each(shown)]


def first_run(system: System) -> Run | None:
    """Return the record that pictures of a system are drawn from: that of its lowest seed."""
    return system.here.runs[0] if system.here else None


def best(systems: Sequence[System]) -> System | None:
    """Return the system of the highest mean among those with records here; None if there is none."""
    return max((each for each in systems if each.here), key=lambda each: each.here.mean, default=None)  # type: ignore[union-attr]


def _architectures(shown: Shown) -> list[Block]:
    """Draw every network of a report, and the first of our many variants."""
    first = 1 if shown.answer.report == "ours" else None
    return [views.network(each.recipe) for each in shown.systems[:first]]


def _drawn(draw: Callable[[], Picture], name: str) -> Block:
    """Return the picture, or the reason why it cannot be drawn: a record may lack its snapshots."""
    try:
        return draw()
    except (FileNotFoundError, ValueError) as error:
        return f"{name} cannot be drawn: {error}"
    except KeyError as error:
        return f"{name} cannot be drawn: a record lacks {error}"


def _of_runs(shown: Shown, draw: Callable[[list[Run]], Picture], name: str, most: int) -> list[Block]:
    found = [run for system in shown.systems if (run := first_run(system))][:most]
    return [_drawn(lambda: draw(found), name)] if found else []


def _discussions(shown: Shown) -> list[Block]:
    """Return the differences between the settings in words, series by series."""
    blocks: list[Block] = []
    toy = any(each.here.is_toy for each in shown.systems if each.here)
    note = " (toy world: only the order may be compared with a report's)" if toy else ""
    for series in SERIES.values():
        names = {recipe.name for recipe in series.recipes()}
        rows = [list(each.here.runs) for each in shown.systems if each.here and each.recipe.name in names]
        if len(rows) < 2:
            continue
        try:
            words = views.settings_in_words(rows)
        except ValueError as error:  # too few settings, or records too different to be compared
            words = f"- No comparison: {error}"
        blocks.append(f"**Discussion, {series.title}**{note}\n\n{words}")
    return blocks


def _maps_at_three_epochs(shown: Shown) -> list[Block]:
    return [_map(shown, system, method) for system in shown.systems for method in METHODS]


def _tsne_at_two_epochs(shown: Shown) -> list[Block]:
    office = shown.sources.data.office
    class_names = office.class_names if office else ()
    return [_map(shown, system, "tsne", first_and_last=True, class_names=class_names) for system in shown.systems]


def _map(
    shown: Shown, system: System, method: Method, *, first_and_last: bool = False, class_names: Sequence[str] = ()
) -> Block:
    run = first_run(system)
    if run is None:
        return f"No map of *{system.recipe.title}*: its record is missing; `{system.command}` makes it."
    name = f"{METHODS[method]} of *{system.recipe.title}*"
    try:
        mapped = run.first_middle_last() if method == "pca" else None
        made = (embedding.embed if shown.make_maps else embedding.cached_maps)(run, method, mapped)
    except (FileNotFoundError, ValueError) as error:
        return f"{name} cannot be drawn: {error}"
    if made is None:
        return f"{name} has not been made; `{shown.sources.command_for_maps}` makes it."
    epochs = made.first_middle_last()
    if first_and_last:
        epochs = tuple(sorted({epochs[0], epochs[-1]}))
    return views.embedding_maps(made, class_names=class_names, epochs=epochs)


def _masks(shown: Shown) -> list[Block]:
    """Show the masks of every system of a report, and of the best of ours."""
    systems = shown.systems
    if shown.answer.report == "ours":
        highest = best(systems)
        systems = [highest] if highest else []
    return [_masks_of_system(shown, system) for system in systems]


def _masks_of_system(shown: Shown, system: System) -> Block:
    run, course = first_run(system), shown.sources.data
    if run is None:
        return f"No masks of *{system.recipe.title}*: its record is missing; `{system.command}` makes it."
    satellite = course.satellite
    if satellite is None or satellite.val is None or satellite.val.masks is None:
        return f"No masks of *{system.recipe.title}*: the images they are of are not in {course.root}."
    return _drawn(lambda: _masks_of(run, satellite, shown.named), f"The masks of *{system.recipe.title}*")


def _masks_of(run: Run, satellite: ImageSet, named: Sequence[str]) -> Picture:
    """Show masks of a run; only the images shown are decoded."""
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


PICTURES: dict[str, Callable[[Shown], list[Block]]] = {
    "architectures": _architectures,
    "curves": lambda shown: _of_runs(shown, views.curves, "The learning curves", MOST_CURVES),
    "iou curves": lambda shown: _of_runs(shown, views.iou_curves, "The learning curves", MOST_CURVES),
    "maps at three epochs": _maps_at_three_epochs,
    "t-SNE at two epochs": _tsne_at_two_epochs,
    "monitors": lambda shown: _of_runs(shown, views.monitors, "The monitors", MOST_MONITORS),
    "discussion": _discussions,
    "masks": _masks,
}
"""Pictures by their name in `Question.shows`."""
